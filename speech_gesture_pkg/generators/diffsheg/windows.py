"""Which speech a frame hears."""

from __future__ import annotations

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE
from speech_gesture_pkg.features.extractor import HOP
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.generators.feature_windows import TokenWindows


def frame_windows(config: DiffShegConfig) -> TokenWindows:
    """Windows of 100 Hz feature vectors: a frame here is what a token is there, `config.stride` frames at 30 fps."""
    past, ahead = (round(s * SAMPLE_RATE / HOP) for s in (config.audio_past, config.audio_ahead))
    return TokenWindows(config.stride, past, ahead)
