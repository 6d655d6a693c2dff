"""FollowWatch: whether the robot goes where it is sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from speech_gesture_pkg.config import SafetyConfig
from speech_gesture_pkg.trajectory.layout import JointLayout

SHARE = 0.25
"""A joint of a small range may be away from its command by this share of its range at most."""
LAG = 0.3
"""A robot may be where it was sent so long ago, s."""
PATIENCE = 0.3
"""For so long a joint may be farther away than allowed, s."""
NEAR = 0.1
"""A robot that did not follow is sent no farther than this from where it stands, rad or m: a controller that is
switched on again goes to what it is sent at once."""
PROBE, PROBE_PATIENCE = 0.05, 0.1
"""Meanwhile it may be away by so much, rad or m, for so long, s."""
PROBE_TIME = 1.5
"""It has followed if nothing was wrong for so long, s: longer than the lag and the patience."""


class FollowWatch:
    """Compares where joints are with where they were sent.

    A robot whose controllers were switched off (emergency stop, another operator, a driver that faulted) stays where it
    is, or sinks, while its commands go on. Fingers and face are not watched: few robots measure them.

    Args:
        layout: commanded joints; those of arms, head and torso are watched.
        safety: the tolerance; how old joint states may be.
        steady: steady clock, s.

    Attributes:
        near: pose [J] that a robot must be kept `NEAR` to because it has not followed so far; None = it follows.
    """

    def __init__(self, layout: JointLayout, safety: SafetyConfig, steady: Callable[[], float]) -> None:
        limits = layout.limits
        self._names, self._steady, self._timeout = layout.joint_names, steady, safety.joint_state_timeout
        unwatched = ~layout.watched | (safety.follow_tolerance == 0.0)
        self._allowed = np.minimum(safety.follow_tolerance, SHARE * (limits.upper - limits.lower))
        self._allowed[unwatched] = np.inf
        self._probe = np.where(unwatched, np.inf, np.minimum(PROBE, self._allowed))
        self._sent: deque[tuple[float, np.ndarray]] = deque()
        self._since = np.full(len(self._names), np.inf)
        self._lost = False
        self._outside, self._last = np.zeros(len(self._names), bool), np.zeros(len(self._names))
        self._probing_since = 0.0
        self.near: np.ndarray | None = None

    def trouble(self, measured: np.ndarray | None, commanded: np.ndarray) -> tuple[str, str] | None:
        """Why the robot must not be sent on, to be asked with every step that does; code and sentence.

        Args:
            measured: joints, rad or m; None = not known. Shape [J].
            commanded: where they are sent now. Shape [J].
        """
        now = self._steady()
        if measured is None:
            self._forget()
            return "joint_states", f"no complete joint state for {self._timeout} s: braking"
        if self._lost:  # the first look after it did not follow
            self._forget()
            self._lost, self._probing_since, self.near = False, now, measured.copy()
        elif self.near is not None and now - self._probing_since > PROBE_TIME:
            self.near = None
        self._sent.append((now, commanded))
        while self._sent[0][0] < now - LAG:
            self._sent.popleft()
        allowed, patience = (self._allowed, PATIENCE) if self.near is None else (self._probe, PROBE_PATIENCE)
        if (np.abs(measured - commanded) <= allowed).all():  # as nearly always: no need to look at what was before
            self._since[:] = np.inf
            return None
        recent = np.array([q for _, q in self._sent])
        away = np.maximum(recent.min(0) - measured, measured - recent.max(0))
        self._since = np.where(away > allowed, np.minimum(self._since, now), np.inf)
        worst = int(self._since.argmin())
        if now - self._since[worst] < patience:
            return None
        self._outside, self._last = self._since < np.inf, measured.copy()
        self._forget()
        self._lost = True
        where = f"{self._names[worst]} is {away[worst]:.2f} rad (or m) from where it was sent"
        return "not_followed", f"{where}: its controller does not follow, or its joint state has stopped; braking"

    def believes(self, measured: np.ndarray) -> bool:
        """Whether the robot is where it is said to be, so that it may be sent on from there.

        Joints that do not follow stand somewhere else, or their joint states no longer change: to begin from those
        would be a jump. Encoders tremble; joints that are told by the very same numbers for ever are not believed.
        """
        return not self._lost or bool((measured != self._last)[self._outside].any())

    def _forget(self) -> None:
        self._sent.clear()
        self._since[:] = np.inf
