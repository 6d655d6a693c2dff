"""A composer that got stuck before the robot's own body, and where its retargeter should go on from.

The composer is slower than the retargeter where links would be too fast, and its straight way to the target may then
lead into the body, where the collision check holds it for good, although the retargeter has found a way round. The way
out: the retargeter starts again from where the composer is, and finds its way from there.
"""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.trajectory.layout import JointLayout
from speech_gesture_pkg.trajectory.state import ComposerState

STEPS = 10
"""Control points between two looks."""
_AGAIN = 3
"""The same, once it is stuck: the retargeter must not run ahead again."""
_HELD = 0.5
_AWAY = 0.1
"""Held back by collision in this share of the steps, and this far (rad) from the target: that is stuck."""


class StuckWatch:
    """Looks at a composer from time to time.

    Attributes:
        every: control points from one look to the next.
    """

    def __init__(self, layout: JointLayout, rest: np.ndarray) -> None:
        """`rest`: the retargeter's rest pose [R], for joints that nobody commands."""
        self._mapped = layout.source >= 0
        self._layout, self._rest = layout, rest
        self._steps = self._blocked = 0
        self.every = STEPS

    def look(self, state: ComposerState, hold: np.ndarray) -> np.ndarray | None:
        """The retargeter's joints [R] where the composer stands, if it got stuck; else None. To be called often.

        Args:
            state: of the composer.
            hold: the pose at which motion started (see `JointLayout.turns`). Shape [J].
        """
        counts = state.counts
        if counts.steps < self._steps:  # another composer has begun
            self._steps = self._blocked = 0
        done, held = counts.steps - self._steps, counts.blocked - self._blocked
        if done < self.every:
            return None
        self._steps, self._blocked = counts.steps, counts.blocked
        away = np.abs(state.points[-1] - state.target)[self._mapped]
        if held < _HELD * done or not (away > _AWAY).any():
            self.every = STEPS
            return None
        self.every = _AGAIN
        return self._layout.to_retargeter(state.points[-1], hold, self._rest)
