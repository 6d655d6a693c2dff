"""Bag reading, independent checks of the promise about motion, metrics and reports."""
