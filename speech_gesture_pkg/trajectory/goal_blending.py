"""Director: which joint vector the composer should follow at a grid time.

It blends between where the robot is and the live gesture motion (slow approach), and from there to the rest pose
(pause, long silence, shutdown), with minimum-jerk weights over a time that follows from the distance and an approach
speed. The composer behind it keeps limits and continuity whatever is asked here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from speech_gesture_pkg.trajectory.blend import approach_duration, min_jerk
from speech_gesture_pkg.trajectory.link_speed_limit import LinkLimit

_SAME = 1e-6
"""Times closer than this are the same, s."""


class Goal(Enum):
    """Where the director leads."""

    FOLLOW = "follow the generator"
    REST = "go to the rest pose"
    BRAKE = "stop as fast as the limits allow"


@dataclass(frozen=True)
class Director:
    """Blend state.

    Attributes:
        rest: the rest pose, rad or m. Shape [J].
        approach_speed: peak joint speed of blends, rad/s.
        links: limit on the speed of hands and elbows, which blends keep too; None = none.
        goal: where it leads now.
        anchor: joint vector at which the blend began. Shape [J].
        begin: grid time at which it began, s.
        duration: of the blend, s; 0 = it begins with the first target, and is measured from that.
    """

    rest: np.ndarray
    approach_speed: float
    links: LinkLimit | None = None
    goal: Goal = Goal.BRAKE
    anchor: np.ndarray | None = None
    begin: float = 0.0
    duration: float = 0.0

    def towards(self, goal: Goal, anchor: np.ndarray, time: float) -> Director:
        """Begin to blend from `anchor` (where the robot stops) to `goal` at grid time `time`; brake until then."""
        return replace(self, goal=goal, anchor=np.array(anchor), begin=time, duration=0.0)

    def brake(self) -> Director:
        """Stop; no target."""
        return replace(self, goal=Goal.BRAKE, anchor=None)

    def blending(self, time: float) -> bool:
        """Whether the blend to the goal is still under way at `time`."""
        return self.anchor is not None and (self.duration == 0.0 or time < self.begin + self.duration)

    def target(self, time: float, live: np.ndarray | None) -> tuple[np.ndarray, Director]:
        """The vector to follow at grid time `time` and the director to ask next.

        Args:
            time: grid time, s.
            live: the generator's joint vector for that time, shape [J]; needed when following.

        Returns:
            The target; NaN asks the composer to brake.
        """
        if self.goal is Goal.BRAKE or (self.goal is Goal.FOLLOW and live is None):
            return np.full(len(self.rest), np.nan), self
        goal = self.rest if self.goal is Goal.REST else live
        assert goal is not None
        if self.anchor is None:
            return goal, self
        if time < self.begin - _SAME:
            return np.full(len(self.rest), np.nan), self
        current = self
        if self.duration == 0.0:
            # Not earlier: live motion may begin long after it was asked for, and the blend is then as slow.
            duration = approach_duration(self.anchor, goal, self.approach_speed, links=self.links)
            current = replace(self, begin=time, duration=duration)
        progress = (time - current.begin) / current.duration
        if progress >= 1.0:
            return goal, replace(current, anchor=None)
        weight = min_jerk(max(progress, 0.0))
        return (1.0 - weight) * self.anchor + weight * goal, current
