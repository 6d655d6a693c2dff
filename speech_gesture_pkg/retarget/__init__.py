"""The robot side: URDF, joint mapping, box-QP solver, capsule self-collision."""
