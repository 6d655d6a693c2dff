"""Collision shapes: convex decomposition, capsules, the pairs that count."""
