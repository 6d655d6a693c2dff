"""Audio in: formats, resampling, sources and the stamped stream buffer. Inside the pipeline: 16 kHz mono float32."""
