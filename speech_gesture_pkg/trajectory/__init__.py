"""Joint targets to controller trajectories that keep the promise about motion."""
