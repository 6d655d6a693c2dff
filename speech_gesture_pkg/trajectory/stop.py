"""Last windows: a stop that the controllers finish alone, and a plain brake."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.trajectory.blend import APPROACH_SPEED, approach_duration, min_jerk
from speech_gesture_pkg.trajectory.collision_check import Distance
from speech_gesture_pkg.trajectory.extend import extend
from speech_gesture_pkg.trajectory.state import ComposerState, Window
from speech_gesture_pkg.trajectory.windows import commit, discard, publish, time_to_rest

_ARRIVED = 1e-3
_EXTRA = 3.0


def hold(state: ComposerState, now: float, lead: float, past: float = 0.0) -> tuple[ComposerState, Window]:
    """Brake and stand still (fault, pause, barge-in): all targets that are not frozen are discarded."""
    return publish(discard(commit(state, now, lead)), now, lead, past=past)


@dataclass(frozen=True)
class WayToRest:
    """How to go to the rest pose.

    Attributes:
        speed: peak joint speed, rad/s.
        distance, margin: as for `extend.extend`.
    """

    speed: float = APPROACH_SPEED
    distance: Distance | None = None
    margin: float = 0.0


PLAIN_WAY = WayToRest()


def stop_trajectory(
    state: ComposerState,
    now: float,
    lead: float,
    rest: np.ndarray,
    way: WayToRest = PLAIN_WAY,
    past: float = 0.0,
) -> tuple[ComposerState, Window]:
    """One window that brakes, then moves to the rest pose by minimum jerk, and ends there at zero velocity.

    It is sent once at deactivation or SIGINT: the controllers finish it without the node. With `way.distance`, a way
    to the rest pose that is blocked ends at the obstacle.

    Args:
        rest: joint positions, rad (clipped to the limits). Shape [J].
        way: how to get there.
        past: as for `windows.publish`.

    Raises:
        InputError: rest has another shape or is not finite.
    """
    grid = state.rules
    rest = np.asarray(rest, float)
    if rest.shape != grid.lower.shape or not np.isfinite(rest).all():
        raise InputError(f"rest pose must be {len(grid.lower)} finite joint positions; it is {rest.tolist()}")
    rest = np.clip(rest, grid.lower, grid.upper)
    state = discard(commit(state, now, lead))
    still = round(time_to_rest(state) / grid.dt)
    state = extend(state, np.full((still, len(rest)), np.nan))
    begin = state.points[-1]
    duration = approach_duration(begin, rest, way.speed, limits=grid.limits, links=grid.limits.links)
    count = math.ceil(duration / grid.dt)
    weight = min_jerk(np.arange(1, count + 1) / count)[:, None]
    state = extend(state, begin + weight * (rest - begin), way.distance, way.margin)
    if np.abs(state.points[-1] - rest).max() > _ARRIVED:
        more = count + math.ceil(_EXTRA / grid.dt)
        state = extend(state, np.repeat(rest[None], more, axis=0), way.distance, way.margin)
    return publish(state, now, lead, horizon=math.inf, past=past)
