"""JointFeedback: where the robot is, put together from joint state messages that may each name some joints only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from speech_gesture_pkg.trajectory.limits import MotionLimits

STILL = 0.3
"""A robot whose joints have stayed where they are for so long stands still, s."""
_SAME = 0.01
"""They have, if none has gone farther than this, rad or m: more than encoders tremble."""
BEYOND = 2.0 * np.pi
"""A joint that is farther outside its limits than this is not there, rad or m: its encoder or driver is wrong."""


class JointFeedback:
    """The newest position of each joint, and how old it is. Messages may come in another thread than questions: a
    pipeline that is held up must not make them look old.

    Args:
        limits: of the J joints of interest; others are ignored.
        timeout: older positions count as lost, s.
        steady: steady clock, s.
    """

    def __init__(self, limits: MotionLimits, timeout: float, steady: Callable[[], float]) -> None:
        joint_names = limits.joint_names
        self._index = {name: i for i, name in enumerate(joint_names)}
        self._timeout, self._steady = timeout, steady
        self._lower, self._upper = limits.lower - BEYOND, limits.upper + BEYOND
        self._position = np.full(len(joint_names), np.nan)
        self._seen = np.full(len(joint_names), -np.inf)
        self._place, self._since = self._position.copy(), np.inf
        self._names: list[str] = []
        self._known, self._joints = np.zeros(0, bool), np.zeros(0, np.intp)
        self._lock = threading.Lock()

    def push(self, names: Sequence[str], positions: Sequence[float] | np.ndarray) -> None:
        """Positions of some joints, rad or m. Names without a finite position near their limits are passed over."""
        with self._lock:
            now = self._steady()
            count = min(len(names), len(positions))
            joints, given = self._joints_of(list(names[:count])), np.asarray(positions[:count], float)[self._known]
            possible = (self._lower[joints] <= given) & (given <= self._upper[joints])  # NaN is not
            joints, given = joints[possible], given[possible]
            self._position[joints] = given
            self._seen[joints] = now
            if not (np.abs(self._position - self._place) <= _SAME).all():
                self._place, self._since = self._position.copy(), now

    def _joints_of(self, names: list[str]) -> np.ndarray:
        if names != self._names:  # a driver names the same joints every time
            joints = np.array([self._index.get(name, -1) for name in names], np.intp)
            self._names, self._known = names, joints >= 0
            self._joints = joints[self._known]
        return self._joints

    @property
    def position(self) -> np.ndarray | None:
        """All joints, shape [J]; None while one has not been seen yet or not for `timeout`."""
        with self._lock:
            if self._steady() - self._seen.min() > self._timeout:
                return None
            return self._position.copy()

    @property
    def still(self) -> bool:
        """Whether the robot has stood still for a while."""
        with self._lock:
            return self._steady() - self._since > STILL
