"""The audio strip of a live view: the last seconds of loudness and gesture phase, scrolling."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.motion.frames import PHASES
from speech_gesture_pkg.viewer.timeline import PITCH, draw_bars


class LiveStrip:
    """Rolling bars that end at the present.

    Times are seconds on any one steady clock, the same for all methods.
    """

    def __init__(self, width: int = 560, height: int = 90, span_s: float = 8.0) -> None:
        """`width` x `height` pixels show the last `span_s` seconds."""
        self._bars = width // PITCH
        self._height = height
        self._period = span_s / self._bars
        self._level = np.zeros(self._bars)
        self._phase = np.zeros(self._bars, np.int64)
        self._now_phase = 0
        self._newest: int | None = None

    def _advance(self, now: float) -> int:
        """Scrolls to `now`; returns the number of its bar."""
        bar = int(now // self._period)
        if self._newest is None:
            self._newest = bar
        step = min(max(bar - self._newest, 0), self._bars)
        if step:
            self._level = np.concatenate([self._level[step:], np.zeros(step)])
            self._phase = np.concatenate([self._phase[step:], np.full(step, self._now_phase)])
            self._newest = bar
        return self._newest

    def push_audio(self, samples: np.ndarray, sample_rate: int, now: float) -> None:
        """Mono samples `[N]` whose last one was received at `now`; NaN counts as silence."""
        if len(samples) == 0:
            return
        newest = self._advance(now)
        times = now - (len(samples) - 1 - np.arange(len(samples))) / sample_rate
        column = (times // self._period).astype(np.int64) - newest + self._bars - 1
        inside = (column >= 0) & (column < self._bars)
        np.maximum.at(self._level, column[inside], np.abs(np.nan_to_num(samples))[inside])

    def set_phase(self, name: str, now: float) -> None:
        """The gesture phase from `now` on; an unknown name counts as rest."""
        self._advance(now)
        self._now_phase = PHASES.index(name) if name in PHASES else 0
        self._phase[-1] = self._now_phase

    def draw(self, now: float) -> np.ndarray:
        """The strip. Shape [height, width, 3], uint8."""
        self._advance(now)
        loudest = max(float(self._level.max()), 0.1)
        return draw_bars(self._level / loudest, self._phase, self._height)
