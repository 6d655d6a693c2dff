"""Corpora: readers of public layouts, and the starter corpus made of freely licensed sources."""
