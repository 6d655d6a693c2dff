"""Audio in: messages, formats, resampling, streams, files."""
