"""SpeechCAT at run time: ONNX token transformer and decoders."""
