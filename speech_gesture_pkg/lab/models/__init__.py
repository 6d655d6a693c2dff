"""Networks, trainers and exporters of the learned generators, a folder each."""
