"""Joint trajectories within position, velocity, acceleration and link speed limits."""
