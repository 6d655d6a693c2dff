"""DiffSHEG at run time: ONNX denoiser, samplers, FOPPAS out-painting."""
