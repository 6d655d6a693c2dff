"""Audio chunks in, safe trajectories out: one object, no ROS, driven by a clock that the caller passes in."""
