"""The networks in torch, for training and export. A robot runs their ONNX export and never loads this package."""
