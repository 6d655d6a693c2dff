"""ControllerStates: what controllers publish of themselves, where they do: that they are active, and what they hold."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from speech_gesture_pkg.trajectory.layout import JointLayout

SILENT = 0.1
"""A controller that published its state more often than this is switched off if it has not for so long, s."""
SAME, SETTLED = 1e-4, 0.15
"""A reference that has not moved by more than this, rad or m, for so long, s, stands."""
PERIODS = 3.0
"""Or for so many of its usual periods."""


class ControllerStates:
    """A joint_trajectory_controller publishes `~/controller_state` while it is active (10 to 50 times a second), and
    only then. Messages may come in another thread than questions.

    Args:
        layout: controllers and their joints.
        steady: steady clock, s.
    """

    def __init__(self, layout: JointLayout, steady: Callable[[], float]) -> None:
        self._layout, self._steady = layout, steady
        self._index = {name: i for i, name in enumerate(layout.joint_names)}
        self._received: dict[str, float] = {}
        self._period: dict[str, float] = {}
        self._desired = np.full(len(layout.joint_names), np.nan)
        self._moved = -np.inf
        self._lock = threading.Lock()

    def expect(self, controller: str) -> None:
        """It is known to publish its state while it is active."""
        with self._lock:
            self._received.setdefault(controller, self._steady())
            self._period.setdefault(controller, SILENT)

    def push(self, controller: str, names: Sequence[str], desired: Sequence[float]) -> None:
        """Its state: joints and the positions that it holds as its reference now, rad or m."""
        with self._lock:
            now = self._steady()
            before = self._received.get(controller, now)
            period = self._period.get(controller, SILENT)
            self._received[controller] = now
            self._period[controller] = period + 0.2 * (min(now - before, 1.0) - period)
            for name, value in zip(names, desired, strict=False):
                if (i := self._index.get(name)) is not None:
                    if not abs(value - self._desired[i]) <= SAME:
                        self._moved = now
                    self._desired[i] = value

    @property
    def inactive(self) -> list[str]:
        """Controllers that have fallen silent, so that they are switched off."""
        with self._lock:
            return [c for c in self._layout.controllers if self._is_silent(c)]

    def _is_silent(self, controller: str) -> bool:
        if controller not in self._received:
            return False  # it never said anything
        return self._steady() - self._received[controller] > max(SILENT, PERIODS * self._period[controller])

    @property
    def moving(self) -> bool:
        """Whether their reference has moved a moment ago: they execute a trajectory."""
        with self._lock:
            return self._steady() - self._moved < SETTLED

    @property
    def desired(self) -> np.ndarray | None:
        """What the controllers hold as their reference; None unless all have published it lately. Shape [J]."""
        with self._lock:
            known = all(c in self._received and not self._is_silent(c) for c in self._layout.controllers)
            return self._desired.copy() if known and np.isfinite(self._desired).all() else None
