"""Readers of motion corpora: BEAT, BEAT2, SHOW, BVH, our own layout."""
