"""Rolling statistics and rate limits for diagnostics and logs."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from speech_gesture_pkg.errors import ConfigError


class RollingStats:
    """Count, mean and percentiles of the last values of a quantity. Memory is bounded.

    Attributes:
        maxlen: how many values are kept.
        count: how many values were added in all.
    """

    def __init__(self, maxlen: int = 1000) -> None:
        if maxlen < 1:
            raise ConfigError(f"RollingStats maxlen is {maxlen}; it must be at least 1")
        self.maxlen = maxlen
        self.count = 0
        self._values: deque[float] = deque(maxlen=maxlen)

    def add(self, value: float) -> None:
        """Add one value; values that are not finite are left out."""
        if math.isfinite(value):
            self._values.append(float(value))
            self.count += 1

    def percentile(self, percent: float) -> float:
        """Percentile (0 to 100, linear between values) of the kept values; NaN if there are none."""
        return float(np.percentile(self._values, percent)) if self._values else math.nan

    @property
    def p50(self) -> float:
        """Median of the kept values; NaN if there are none."""
        return self.percentile(50.0)

    @property
    def p99(self) -> float:
        """99th percentile of the kept values; NaN if there are none."""
        return self.percentile(99.0)

    @property
    def mean(self) -> float:
        """Mean of the kept values; NaN if there are none."""
        return math.fsum(self._values) / len(self._values) if self._values else math.nan


class WorkPerFrame(RollingStats):
    """Seconds of work per frame; the work of steps without frames belongs to the frames after them."""

    def __init__(self, maxlen: int = 1000) -> None:
        super().__init__(maxlen)
        self._spent = 0.0

    def step(self, spent: float, frames: int) -> None:
        """A step took `spent` s and gave so many frames."""
        self._spent += spent
        for _ in range(frames):
            self.add(self._spent / frames)
        if frames:
            self._spent = 0.0


class RateLimiter:
    """At most one event per period and key, for logs that could repeat. Time is injected."""

    def __init__(self, period: float) -> None:
        if not period >= 0:
            raise ConfigError(f"RateLimiter period is {period} s; it must be >= 0")
        self.period = period
        self._last: dict[str, float] = {}

    def ready(self, now: float, key: str = "") -> bool:
        """Whether an event of this key may be reported at time `now` (s). A clock that jumped back is ready."""
        last = self._last.get(key)
        if last is not None and 0 <= now - last < self.period:
            return False
        self._last[key] = now
        return True
