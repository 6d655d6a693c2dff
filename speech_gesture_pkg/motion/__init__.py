"""SMPL-X motion: frames, skeleton, files."""
