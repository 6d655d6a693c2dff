"""From SMPL-X motion to joint positions of a robot: inverse kinematics within its limits."""
