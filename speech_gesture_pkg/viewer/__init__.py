"""Seeing it: browser view, software-rendered PNG and video."""
