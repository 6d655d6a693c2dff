"""Speech as one vector per 10 ms for the networks: levels relative to the speaker's loudness, pitch, voicing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.features import mel
from speech_gesture_pkg.features.extractor import HOP_S, FeatureFrames, FeatureState, SpeechFeatureExtractor

SPEECH_VECTOR = mel.MEL_BANDS + 4
"""Length of a vector: the mel bands, then energy, onset strength, pitch, voicing."""

VERSION = 1
"""Of the definition below; feature caches and weights are bound to it."""

_FALL_DB = 2.0 * HOP_S
"""The loudness reference falls by this per frame, dB: 2 dB/s."""
_QUIETEST_DB = -45.0
"""The loudness reference never falls below this, dB: room noise is not raised to speech."""
_MIDDLE_HZ = 150.0
_PAD = 800
"""Silence after a file, samples: the look-ahead of the features."""


@dataclass(frozen=True)
class VectorState:
    """Where a stream stands. Never changed in place.

    Attributes:
        features: of the feature extractor.
        reference: loudness reference of the last frame, dB.
    """

    features: FeatureState
    reference: float


class SpeechVectors:
    """Audio in, vectors out, in chunks of any size; chunked gives the same as one shot.

    The loudness reference is the highest level so far, falling by 2 dB/s: a robot's voice at any volume looks alike.
    Vector k of a stream stands at k * 0.01 s, with the extractor's look-ahead (`SpeechFeatureExtractor.lookahead_s`).
    """

    lookahead_s = SpeechFeatureExtractor.lookahead_s
    hop_s = HOP_S

    def __init__(self) -> None:
        self._extractor = SpeechFeatureExtractor()

    def start(self) -> VectorState:
        """State before the first sample."""
        return VectorState(self._extractor.start(), _QUIETEST_DB)

    def step(self, samples: np.ndarray, state: VectorState) -> tuple[np.ndarray, VectorState]:
        """Vectors [F, SPEECH_VECTOR], float32, that `samples` [N] (16 kHz mono) complete, and the next state."""
        frames, features = self._extractor.step(samples, state.features)
        if not len(frames):
            return np.zeros((0, SPEECH_VECTOR), np.float32), VectorState(features, state.reference)
        reference = _reference(frames.energy_db, state.reference)
        return _vectors(frames, reference), VectorState(features, float(reference[-1]))

    @staticmethod
    def quiet(count: int) -> np.ndarray:
        """What stands for the time before a stream's start: digital silence. Shape [count, SPEECH_VECTOR]."""
        quiet = np.zeros((count, SPEECH_VECTOR), np.float32)
        quiet[:, : mel.MEL_BANDS + 1] = -2.0
        return quiet


def _reference(energy_db: np.ndarray, before: float) -> np.ndarray:
    """max over the past of the level, less what it has fallen since. Shape [F]."""
    falls = _FALL_DB * np.arange(1, len(energy_db) + 1)
    level = np.maximum.accumulate(np.concatenate([[before], energy_db.astype(float) + falls]))[1:] - falls
    return np.asarray(np.maximum(level, _QUIETEST_DB))


def _vectors(frames: FeatureFrames, reference: np.ndarray) -> np.ndarray:
    """About -2 to 1 in every channel; silence is -2 in the levels and 0 elsewhere."""
    levels = np.concatenate([frames.log_mel, frames.energy_db[:, None]], 1) - reference[:, None]
    levels = np.maximum(levels / 20.0 + 0.5, -2.0)
    pitch = np.where(frames.f0_hz > 0, np.log2(np.maximum(frames.f0_hz, 1.0) / _MIDDLE_HZ), 0.0)
    rest = np.stack([np.minimum(frames.onset, 4.0), pitch, frames.voicing], 1)
    return np.concatenate([levels, rest], 1).astype(np.float32)


def speech_vectors(audio: AudioChunk) -> np.ndarray:
    """Speech vectors of a whole file at 100 Hz, with silence for the look-ahead. Shape [F, SPEECH_VECTOR]."""
    vectors = SpeechVectors()
    samples = np.concatenate([audio.samples, np.zeros(_PAD, np.float32)])
    return vectors.step(samples, vectors.start())[0]
