"""Ablation tables, and whether a generator listens to its speech."""
