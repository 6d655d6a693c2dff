"""Joint trajectory controllers as they behave, simulated cycle by cycle."""
