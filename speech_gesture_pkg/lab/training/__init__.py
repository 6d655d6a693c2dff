"""The training loop, recipes and corpora as tensors."""
