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
FOLLOWED = 0.4
"""A robot that was moved a little to see whether it follows has followed if it went this share of the way."""


def allowance(layout: JointLayout, tolerance: float) -> np.ndarray:
    """How far each joint may be from its command: `tolerance`, a share of its range at most. Shape [J]."""
    return np.minimum(tolerance, SHARE * (layout.limits.upper - layout.limits.lower))


class FollowWatch:
    """Compares where joints are with where they were sent.

    A robot whose controllers were switched off (emergency stop, another operator, a driver that faulted) stays where it
    is, or sinks, while its commands go on. Fingers and face are not watched: few robots measure them.

    Args:
        layout: commanded joints; those of arms, head and torso are watched.
        safety: the tolerance; how old joint states may be.
        steady: steady clock, s.

    Attributes:
        lost: whether it does not follow, as far as is known.
    """

    def __init__(self, layout: JointLayout, safety: SafetyConfig, steady: Callable[[], float]) -> None:
        self._names, self._steady, self._timeout = layout.joint_names, steady, safety.joint_state_timeout
        self._allowed = allowance(layout, safety.follow_tolerance)
        self._allowed[~layout.watched | (safety.follow_tolerance == 0.0)] = np.inf
        self._sent: deque[tuple[float, np.ndarray]] = deque()
        self._since = np.full(len(self._names), np.inf)
        self._outside = np.zeros(len(self._names), bool)
        self.lost = False

    def trouble(self, measured: np.ndarray | None, commanded: np.ndarray, joining: bool) -> tuple[str, str] | None:
        """Why the robot must not be sent on, to be asked with every step that does; code and sentence.

        Args:
            measured: joints, rad or m; None = not known. Shape [J].
            commanded: where they are sent now. Shape [J].
            joining: whether the controllers are still on their way to the beginning of the motion.
        """
        now = self._steady()
        if measured is None:
            self.forget()
            return "joint_states", f"no complete joint state for {self._timeout} s: braking"
        if joining:
            self.forget()
            return None
        self._sent.append((now, commanded))
        while self._sent[0][0] < now - LAG:
            self._sent.popleft()
        if self.near(measured, commanded):  # as nearly always: no need to look at what was before
            self._since[:] = np.inf
            return None
        recent = np.array([q for _, q in self._sent])
        away = np.maximum(recent.min(0) - measured, measured - recent.max(0))
        self._since = np.where(away > self._allowed, np.minimum(self._since, now), np.inf)
        worst = int(self._since.argmin())
        if now - self._since[worst] < PATIENCE:
            return None
        self._outside = self._since < np.inf
        self.forget()
        self.lost = True
        where = f"{self._names[worst]} is {away[worst]:.2f} rad (or m) from where it was sent"
        return "not_followed", f"{where}: its controller does not follow, or its joint state has stopped; braking"

    def near(self, measured: np.ndarray, commanded: np.ndarray) -> bool:
        """Whether the robot is where its running motion has it, give or take what a healthy one may be away."""
        return bool((np.abs(measured - commanded) <= self._allowed).all())

    def followed(self, measured: np.ndarray, begin: np.ndarray, end: np.ndarray) -> str:
        """Whether a robot that did not follow went from `begin` to `end` (a little way): '', or the joint that did not.

        From then on it counts as following again.
        """
        way = end - begin
        went = np.divide(measured - begin, way, out=np.ones_like(way), where=np.abs(way) > 1e-3)
        stuck = np.flatnonzero(self._outside & ~(went >= FOLLOWED))
        if len(stuck):
            return self._names[int(stuck[0])]
        self.lost = False
        return ""

    def forget(self) -> None:
        """What was sent before does not count any more."""
        self._sent.clear()
        self._since[:] = np.inf
