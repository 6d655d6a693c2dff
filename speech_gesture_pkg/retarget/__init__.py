"""From SMPL-X frames to one robot's joints: URDF, joint mapping, solver, self-collision."""
