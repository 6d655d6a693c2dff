"""Which joint of a humanoid does what a human joint does, found from the URDF alone."""
