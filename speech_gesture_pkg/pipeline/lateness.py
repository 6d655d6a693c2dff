"""Lateness: whether motion keeps coming too late for its time, and by how much more it should be delayed."""

from __future__ import annotations

import math
from collections import deque
from enum import Enum

MOST_EXTRA = 2.0
"""Longest delay that is added because audio or motion comes late, s; what is later is skipped."""

GRACE = 0.3
"""So long after a segment or a silence begins frames may be late without a reason in the machine, s."""

_COUNT = 8
_MEMORY = 5.0
_SPREAD = 0.5


class Verdict(Enum):
    """What to do about frames that came too late."""

    FINE = "nothing: none, or one hiccup"
    DELAY = "motion keeps coming late: from now on it happens later"
    SKIP = "motion is too late to wait for it: skip to the newest"


class Lateness:
    """Frames that were late lately.

    A stall makes many frames late at one time; that is no reason to be late for ever. What comes late again and again
    (long messages, a stamp that cannot be met) is: 8 frames within 5 s that were noticed over half a second or more.
    The first frames of a segment, and of the silence behind audio that stops, do not count: that it stopped is known
    only after `audio.idle_timeout`, when some of its frames are due already. Speech that comes in phrases would
    otherwise be put off with its second pause.

    Attributes:
        extra: delay that was added so far, s (a multiple of the grid step).
    """

    def __init__(self, dt: float) -> None:
        self.extra = 0.0
        self._dt = dt
        self._late: deque[tuple[float, float]] = deque(maxlen=200)
        self._excused = -math.inf

    def excuse(self, now: float) -> None:
        """A segment, or the silence after audio, begins at `now`: for `GRACE` from then on nothing counts as late."""
        before = self._excused if self._excused < now + _MEMORY else -math.inf  # else the clock was set back
        self._excused = max(before, now + GRACE)

    def clear(self) -> None:
        """Forget the late frames, not the delay."""
        self._late.clear()

    def add(self, late: float, now: float) -> bool:
        """A frame was `late` s too late; this was noticed at `now`. Returns whether it counts."""
        if now < self._excused:
            return False
        self._late.append((now, late))
        return True

    def update(self, now: float) -> tuple[Verdict, float]:
        """What to do now, and by how much later motion happens from now on, s (added to `extra` already)."""
        while self._late and self._late[0][0] < now - _MEMORY:
            self._late.popleft()
        if len(self._late) < _COUNT:
            return Verdict.FINE, 0.0
        worst = max(late for _, late in self._late)
        more = math.ceil(worst / self._dt) * self._dt
        again = self._late[-1][0] - self._late[0][0] >= _SPREAD
        if worst > MOST_EXTRA or (again and self.extra + more > MOST_EXTRA):
            self._late.clear()
            return Verdict.SKIP, 0.0
        if not again:
            return Verdict.FINE, 0.0
        self._late.clear()
        self.extra += more
        return Verdict.DELAY, more
