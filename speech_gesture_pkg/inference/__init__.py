"""Running exported networks without torch: ONNX Runtime sessions, devices, and files that are what they claim to be."""
