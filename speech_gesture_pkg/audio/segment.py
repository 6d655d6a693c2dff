"""Segment: one uninterrupted stretch of 16 kHz audio, addressed by its sample count from an anchor time."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE, AudioChunk
from speech_gesture_pkg.audio.resample import StreamResampler

ROUNDING = 0.01
"""In samples: a time computed from a sample count must come back as that count (Unix times are exact to 0.004 samples).
"""


class Segment:
    """A queue of contiguous audio that was written at the source's rate and is read at 16 kHz.

    Times are always `anchor + count / rate` with integer counts, so they are as exact after hours as at the start (a
    change of the source's rate starts the count again and may shift what follows by one sample at 16 kHz).

    Attributes:
        number: which segment of the stream this is.
        anchor: stream time of its first sample, seconds.
        written: source samples written so far (at the rate that holds now).
        read_count: 16 kHz samples read so far.
    """

    def __init__(self, number: int, anchor: float, resampler: StreamResampler) -> None:
        self.number, self.anchor = number, anchor
        self.written = 0
        self._before = anchor  # stream time of the first sample at the rate that holds now
        self.read_count = 0
        self._resampler = resampler
        self._queue: deque[np.ndarray] = deque()
        self._unread = 0

    @property
    def end(self) -> float:
        """Stream time just after the last sample written."""
        return self._before + self.written / self._resampler.in_rate

    @property
    def position(self) -> float:
        """Stream time of the next sample to be read."""
        return self.anchor + self.read_count / SAMPLE_RATE

    @property
    def unread_s(self) -> float:
        """Seconds that wait to be read."""
        return self._unread / SAMPLE_RATE

    def write(self, samples: np.ndarray) -> None:
        """Append samples at the source's rate. Shape [N], float32. The array must not change afterwards."""
        self.written += len(samples)
        self._append(self._resampler.push(samples))

    def write_zeros(self, count: int) -> None:
        """Append silence, `count` samples at the source's rate."""
        self.write(np.zeros(count, np.float32))

    def change_rate(self, resampler: StreamResampler) -> None:
        """What is written from now on has the rate of `resampler`; it follows what was written before."""
        self.finish()
        self._before, self.written = self.end, 0
        self._resampler = resampler

    def finish(self) -> None:
        """Make the part readable that the resampler still holds back; only `change_rate` leads on from here."""
        self._append(self._resampler.flush())

    def read(self, until: float | None = None) -> AudioChunk | None:
        """All unread audio before stream time `until`; None if there is none."""
        count = self._unread
        if until is not None:
            count = min(count, math.floor((until - self.position) * SAMPLE_RATE + ROUNDING))
        if count <= 0:
            return None
        pieces, missing = [], count
        while missing:
            piece = self._queue.popleft()
            if len(piece) > missing:
                self._queue.appendleft(piece[missing:])
                piece = piece[:missing]
            pieces.append(piece)
            missing -= len(piece)
        start = self.position
        self._unread -= count
        self.read_count += count
        return AudioChunk(pieces[0] if len(pieces) == 1 else np.concatenate(pieces), start)

    def _append(self, samples: np.ndarray) -> None:
        if len(samples):
            self._queue.append(samples)
            self._unread += len(samples)
