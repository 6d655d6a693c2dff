"""Speech features: mel, pitch, onsets, and their streaming extractor."""
