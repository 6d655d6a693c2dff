"""DiffSHEG: network, training, export."""
