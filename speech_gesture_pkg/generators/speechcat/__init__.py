"""SpeechCAT (Deaconu, TU Delft 2025): three VQ-VAEs and a causal transformer with cross-attention between the parts."""
