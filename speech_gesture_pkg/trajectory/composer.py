"""The composer: joint targets in, one continuous reference inside all limits out, as windows with a braking tail.

The reference is a uniform cubic B-spline (see `bspline`) on a grid of step dt. Its control points are the targets
themselves wherever those are feasible; limits on the control polygon are limits on the curve everywhere. A controller
that interpolates the knots' position, velocity and acceleration by quintics reproduces the cubic exactly.

All functions are pure: they take a `ComposerState` and return a new one. A control cycle at time `now`, with `lead`
longer than the worst latency to the controller, is

    state = composer.commit(state, now, lead)             # freeze; brake where targets are late
    time = composer.next_time(state)                      # targets for earlier times are late: skip them
    state = composer.extend(state, targets)               # [n, J] at time, time + dt, ...; NaN where there is none
    state, window = composer.publish(state, now, lead)    # send it

Every window ends in the tail: if no further window comes, the controller brakes inside the limits and stops. After a
cycle in which nothing changed, nothing needs to be sent.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.trajectory import stop as final
from speech_gesture_pkg.trajectory.braking import braking_time
from speech_gesture_pkg.trajectory.collision_check import Distance
from speech_gesture_pkg.trajectory.extend import extend
from speech_gesture_pkg.trajectory.limits import GridLimits, MotionLimits
from speech_gesture_pkg.trajectory.state import ComposerState, Counts, Window, next_time, start
from speech_gesture_pkg.trajectory.windows import (
    ahead_of,
    at_rest,
    commit,
    discard,
    positions_at,
    publish,
    stop_point,
    tail,
    time_to_rest,
    window,
)

__all__ = [
    "Composer",
    "ComposerState",
    "Counts",
    "Window",
    "ahead_of",
    "at_rest",
    "braking_time",
    "commit",
    "discard",
    "extend",
    "next_time",
    "positions_at",
    "publish",
    "start",
    "stop_point",
    "tail",
    "time_to_rest",
    "window",
]


class Composer:
    """The composer's functions with one robot's settings. It holds no state of the motion.

    Attributes:
        limits: of the J joints.
        dt: grid step, s.
        distance: smallest distance between bodies for joint positions [N, J] -> [N], m; None switches the check off.
        margin: distance that must be kept, m.
    """

    def __init__(
        self, limits: MotionLimits, dt: float = 1 / 30, distance: Distance | None = None, margin: float = 0.0
    ) -> None:
        if not (np.isfinite(margin) and margin >= 0):
            raise ConfigError(f"collision margin is {margin} m; it must be a number >= 0")
        self.limits, self.dt = limits, dt
        self.distance, self.margin = distance, margin
        self.braking_time = braking_time(limits, dt)
        """Longest time from the last target to rest, s."""

    def with_link_speed(self, speed: float) -> Composer:
        """The same composer with another largest speed of hands, wrists and elbows, m/s (see `adopt`)."""
        return Composer(self.limits.with_link_speed(speed), self.dt, self.distance, self.margin)

    def adopt(self, state: ComposerState) -> ComposerState:
        """A state of a composer with other limits, from now on under these. What is too fast for them brakes."""
        return replace(state, rules=GridLimits.of(self.limits, self.dt))

    def start(self, q0: np.ndarray, now: float, bridge: float = 0.0) -> ComposerState:
        """At rest at the measured pose q0 [J] from `now + bridge` on (see `state.start`)."""
        return start(self.limits, q0, now, self.dt, bridge)

    def extend(self, state: ComposerState, targets: np.ndarray) -> ComposerState:
        """Append one control point per target [N, J] (see `extend.extend`)."""
        return extend(state, targets, self.distance, self.margin)

    def hold(self, state: ComposerState, now: float, lead: float, past: float) -> tuple[ComposerState, Window]:
        """Brake and stand still (see `final.hold`)."""
        return final.hold(state, now, lead, past)

    def stop(
        self, state: ComposerState, now: float, lead: float, rest: np.ndarray, speed: float, past: float
    ) -> tuple[ComposerState, Window]:
        """The last window: brake, go to `rest` [J], end at zero velocity (see `final.stop_trajectory`)."""
        way = final.WayToRest(speed, self.distance, self.margin)
        return final.stop_trajectory(state, now, lead, rest, way, past)

    commit = staticmethod(commit)
    next_time = staticmethod(next_time)
    discard = staticmethod(discard)
    publish = staticmethod(publish)
    ahead_of = staticmethod(ahead_of)
    window = staticmethod(window)
    tail = staticmethod(tail)
    at_rest = staticmethod(at_rest)
    stop_point = staticmethod(stop_point)
    time_to_rest = staticmethod(time_to_rest)
    positions_at = staticmethod(positions_at)
