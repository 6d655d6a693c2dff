"""The independent checker of the guarantees about motion; it shares no code with what it checks."""
