"""Training of the learned generators: one engine, one file a stage."""
