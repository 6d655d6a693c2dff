"""Developers' measurements and the soak; not installed. `speech-gesture bench` is for a user's own machine."""
