"""Motion generators: speech features to SMPL-X frames, as streaming objects with explicit state."""
