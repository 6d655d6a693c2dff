"""SpeechCAT: networks, training, export."""
