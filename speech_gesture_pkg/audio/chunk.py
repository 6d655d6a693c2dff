"""AudioChunk: the audio that every later stage receives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SAMPLE_RATE = 16_000
"""Sample rate inside the pipeline, in Hz (mono float32, full scale = 1)."""


@dataclass(frozen=True)
class AudioChunk:
    """A contiguous piece of mono audio on the stream clock.

    Attributes:
        samples: mono float32 in [-1, 1]. Shape [N].
        start: time of the first sample on the stream clock, in seconds.
        sample_rate: in Hz; 16000 everywhere inside the pipeline.
    """

    samples: np.ndarray
    start: float = 0.0
    sample_rate: int = SAMPLE_RATE

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate

    @property
    def end(self) -> float:
        """Time just after the last sample on the stream clock, in seconds."""
        return self.start + self.duration
