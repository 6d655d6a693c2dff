"""The human side: SMPL-X skeleton, rotations, MotionFrames, file formats."""
