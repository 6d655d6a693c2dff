"""Checkpoints to ONNX: what a robot loads."""
