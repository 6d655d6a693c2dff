"""What a SpeechCAT with wav2vec 2.0 hears of a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.features.encoded import HOP, REACH, Encode, encode_whole
from speech_gesture_pkg.generators.feature_windows import TokenWindows
from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig


def hearing(encode: Encode, config: SpeechCatConfig) -> Callable[[Path], np.ndarray]:
    """Speech features of a sound file at 50 Hz, in the blocks of a live stream, for `load_corpus`."""

    def hear(path: Path) -> np.ndarray:
        samples = read_audio(path).samples
        if config.encoder_tuned:  # states that change while the encoder learns are not worth making here
            return np.zeros((round(len(samples) / SAMPLE_RATE * TokenWindows.of(config).rate), 1), np.float32)
        return heard(samples, encode, config)

    return hear


def heard(samples: np.ndarray, encode: Encode, config: SpeechCatConfig) -> np.ndarray:
    """States [F, C] of a recording [N], F as long as the recording."""
    windows = TokenWindows.of(config)
    frames = max(1, round(len(samples) / SAMPLE_RATE * windows.rate))
    ends: list[int] = []
    token = 0
    while not ends or (ends[-1] - REACH) // HOP + 1 < frames:
        ends.append(windows.samples(token))
        token += 1
    return encode_whole(samples, ends, encode)[:frames]
