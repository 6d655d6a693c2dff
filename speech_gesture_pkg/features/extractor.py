"""Speech features on one 10 ms grid, streaming: log-mel, energy, onset strength, F0 and voicing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.features import mel, onset, pitch

HOP = 160
"""Samples between frames (10 ms)."""
HOP_S = HOP / SAMPLE_RATE
HALF = pitch.WINDOW // 2
"""Samples before and after a frame's time that its widest window (pitch) covers."""
BLOCK = 256
"""Frames that are computed at once, to bound memory; does not change the result."""

_MEL_OFFSET = HALF - mel.WINDOW // 2


@dataclass(frozen=True)
class FeatureFrames:
    """F consecutive feature frames. Frame k of a stream stands at `k * 0.01` s after the stream's first sample.

    All windows are centred on the frame's time. The audio before the stream's start counts as silence.

    Attributes:
        log_mel: level of 40 mel bands, 0 to 8 kHz, dB re full scale, >= -100. Shape [F, 40].
        energy_db: RMS level over 25 ms, dB re full scale, >= -100. Shape [F].
        onset: onset strength, >= 0, about 1 at a syllable (`onset.onset_strength`). Shape [F].
        f0_hz: fundamental frequency in Hz, 65 to 500; 0 where unvoiced. Shape [F].
        voicing: how periodic the sound is, in [0, 1]. Shape [F].
        first: index k of the first frame.
    """

    log_mel: np.ndarray
    energy_db: np.ndarray
    onset: np.ndarray
    f0_hz: np.ndarray
    voicing: np.ndarray
    first: int = 0

    def __len__(self) -> int:
        return len(self.energy_db)

    @property
    def times(self) -> np.ndarray:
        """Time of each frame after the stream's first sample, seconds. Shape [F]."""
        return (self.first + np.arange(len(self))) * HOP_S

    @staticmethod
    def concatenate(pieces: Sequence[FeatureFrames]) -> FeatureFrames:
        """Consecutive pieces as one. Raises InputError for no pieces or pieces that do not follow each other."""
        if not pieces:
            raise InputError("no feature frames to concatenate: the list of pieces is empty")
        due = pieces[0].first
        for piece in pieces:
            if piece.first != due:
                raise InputError(f"feature frames do not follow each other: frame {due} is due, got {piece.first}")
            due += len(piece)
        names = ("log_mel", "energy_db", "onset", "f0_hz", "voicing")
        joined = {n: np.concatenate([getattr(p, n) for p in pieces]) for n in names}
        return FeatureFrames(**joined, first=pieces[0].first)


@dataclass(frozen=True)
class FeatureState:
    """Where a stream stands. Never changed: `step` returns a new one.

    Attributes:
        tail: the samples from which the next frame's widest window starts. Shape [< 800], float32.
        frame: index of the next frame.
        log_mel: levels of the last frames, for the onset strength. Shape [onset.LAG, 40].
        memory: of the pitch tracker.
    """

    tail: np.ndarray
    frame: int
    log_mel: np.ndarray
    memory: pitch.PitchMemory


class SpeechFeatureExtractor:
    """Audio in, feature frames out, in chunks of any size; chunked gives the same frames as one shot.

    Attributes:
        lookahead_s: audio needed beyond a frame's time before the frame can be made, seconds.
    """

    lookahead_s = HALF / SAMPLE_RATE

    def __init__(self) -> None:
        self._mel = mel.LogMel()

    def start(self) -> FeatureState:
        """State before the first sample of a stream."""
        quiet = np.full((onset.LAG, mel.MEL_BANDS), mel.FLOOR_DB, np.float32)
        return FeatureState(np.zeros(HALF, np.float32), 0, quiet, pitch.PitchMemory())

    def step(self, samples: np.ndarray, state: FeatureState) -> tuple[FeatureFrames, FeatureState]:
        """The frames that `samples` complete (maybe none), and the state to hand back next time.

        Args:
            samples: 16 kHz mono, following what this state has seen; finite. Shape [N], float32.
            state: from `start` or the previous `step`; left as it is.

        Raises:
            InputError: `samples` is not flat.
        """
        samples = np.asarray(samples, np.float32)
        if samples.ndim != 1:
            raise InputError(f"audio samples have shape {samples.shape}; the features need mono samples [N]")
        buffer = np.concatenate([state.tail, samples])
        count = max(0, (len(buffer) - pitch.WINDOW) // HOP + 1)
        pieces = []
        log_mel, memory = state.log_mel, state.memory
        for first in range(0, count, BLOCK):
            size = min(BLOCK, count - first)
            bands, energy_db = self._mel(_windows(buffer, first * HOP + _MEL_OFFSET, size, mel.WINDOW))
            f0, voicing, memory = pitch.estimate(_windows(buffer, first * HOP, size, pitch.WINDOW), bands, memory)
            history = np.concatenate([log_mel, bands])
            flux = onset.onset_strength(history)
            pieces.append(FeatureFrames(bands, energy_db, flux, f0, voicing, state.frame + first))
            log_mel = history[-onset.LAG :].copy()
        if not pieces:
            none = np.zeros(0, np.float32)
            pieces.append(FeatureFrames(np.zeros((0, mel.MEL_BANDS), np.float32), none, none, none, none, state.frame))
        frames = pieces[0] if len(pieces) == 1 else FeatureFrames.concatenate(pieces)
        return frames, FeatureState(buffer[count * HOP :].copy(), state.frame + count, log_mel, memory)


def _windows(buffer: np.ndarray, offset: int, count: int, width: int) -> np.ndarray:
    """Overlapping windows as a view, one hop apart. Shape [count, width]. (`as_strided` costs ten times as much.)"""
    return np.ndarray((count, width), np.float32, buffer, offset * 4, (HOP * 4, 4))
