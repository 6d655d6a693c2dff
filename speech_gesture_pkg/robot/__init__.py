"""The robot as its URDF describes it: kinematics, joint limits, meshes."""
