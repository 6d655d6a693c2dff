"""The networks of DiffSHEG in torch, for training and export."""
