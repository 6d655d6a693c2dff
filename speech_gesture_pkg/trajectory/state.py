"""What the composer knows (`ComposerState`), how it begins (`start`), and what it sends (`Window`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.trajectory.limits import GridLimits, MotionLimits

_RETURN_SPEED = 0.2


@dataclass(frozen=True)
class Window:
    """What is sent to the controllers: the motion from one knot to the end of the braking tail.

    Attributes:
        stamp: time of the first point on the caller's clock, s.
        time_from_start: 0, dt, 2 dt, ... in s. Shape [M].
        position, velocity, acceleration: in rad, rad/s, rad/s^2 (or m). Shape [M, J]. The last velocity and
            acceleration are exactly zero.
        joint_names: J joints.
        send_by: latest time of sending, s: the controllers must have it before it differs from what was sent before.
    """

    stamp: float
    time_from_start: np.ndarray
    position: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    joint_names: tuple[str, ...]
    send_by: float

    @property
    def end(self) -> float:
        """Time at which the motion has ended, s."""
        return self.stamp + float(self.time_from_start[-1])

    def select(self, joints: np.ndarray | Sequence[int]) -> Window:
        """The same window for the joints of these indices only, in that order."""
        index = np.asarray(joints, np.intp)
        names = tuple(self.joint_names[j] for j in index)
        parts = (self.position[:, index], self.velocity[:, index], self.acceleration[:, index])
        return Window(self.stamp, self.time_from_start, *parts, names, self.send_by)

    def trajectory(self) -> RobotTrajectory:
        """The window as a RobotTrajectory with time 0 at `stamp`."""
        step = self.time_from_start[1] - self.time_from_start[0]
        return RobotTrajectory(
            self.joint_names, self.time_from_start, self.position, self.velocity, self.acceleration, float(1 / step)
        )


@dataclass(frozen=True)
class Counts:
    """Control points so far: all, held back by a limit, braked for lack of a usable target, held back by collision."""

    steps: int = 0
    limited: int = 0
    braked: int = 0
    blocked: int = 0


@dataclass(frozen=True, eq=False)
class ComposerState:
    """The reference as known so far. Made by `start`; never changed in place.

    Attributes:
        rules: limits on the grid.
        grid: time of grid index 0, s on the caller's clock.
        first: grid index of `points[0]`.
        points: control points. Shape [M, J], M >= 3.
        frozen: grid index of the last control point that may not change any more.
        sent_first: grid index of `sent_points[0]`.
        sent_points: the control points that the controllers execute, before they brake; None if nothing was
            published yet. Shape [S, J].
        target: the last target, NaN where there was none. Shape [J].
        target_velocity: the targets' motion per grid step. Shape [J].
        gap: grid steps since `target`.
        counts: for diagnostics.
    """

    rules: GridLimits
    grid: float
    first: int
    points: np.ndarray
    frozen: int
    sent_first: int
    sent_points: np.ndarray | None
    target: np.ndarray
    target_velocity: np.ndarray
    gap: int = 0
    counts: Counts = Counts()

    def __post_init__(self) -> None:
        for array in (self.points, self.target, self.target_velocity):
            array.setflags(write=False)

    @property
    def dt(self) -> float:
        """Grid step, s."""
        return self.rules.dt

    @property
    def last_index(self) -> int:
        """Grid index of the last control point."""
        return self.first + len(self.points) - 1

    @property
    def sent(self) -> int | None:
        """Grid index of the last control point that was sent (before the tail), None if none was."""
        return None if self.sent_points is None else self.sent_first + len(self.sent_points) - 1

    @property
    def last(self) -> np.ndarray:
        """The last control point. Shape [J]."""
        return self.points[-1]

    def time_of(self, index: int) -> float:
        """Time of a grid index, s."""
        return self.grid + index * self.rules.dt


def start(limits: MotionLimits, q0: np.ndarray, time: float, dt: float = 1 / 30, bridge: float = 0.0) -> ComposerState:
    """At rest at the measured pose, from `time + bridge` on.

    A measured joint may stand outside the limits (encoder offset, tightened limits). Nothing outside is ever
    commanded: the reference starts at the nearest pose inside, but as much later as the controller needs to move
    there slowly by its own interpolation from the measured pose to the first point (peak 0.2 rad/s, and the limit of
    hands and elbows): the window's stamp lies that far ahead, and so does `next_time`.

    Args:
        limits: of the J joints.
        q0: measured joint positions. Shape [J].
        time: now or later, on the caller's clock, s.
        dt: grid step, s.
        bridge: time that controllers get to reach q0 from where they think they are, s.

    Raises:
        InputError: q0 has another shape or is not finite.
    """
    rules = GridLimits.of(limits, dt)
    q0 = np.asarray(q0, float)
    if q0.shape != rules.lower.shape:
        raise InputError(f"start pose has shape {q0.shape}; it must be one position per joint, {rules.lower.shape}")
    bad = [name for name, value in zip(limits.joint_names, q0, strict=True) if not np.isfinite(value)]
    if bad:
        raise InputError(f"start pose of joint(s) {', '.join(bad)} is not a finite number; measure it again")
    inside = np.clip(q0, rules.lower, rules.upper)
    # A minimum-jerk move of length x in T peaks at 1.875 x / T.
    excess = np.abs(q0 - np.clip(q0, limits.lower, limits.upper))
    settle = 1.875 * float(excess.max()) / _RETURN_SPEED
    if limits.links is not None:
        settle = max(settle, 1.875 * float((limits.links.reach @ excess).max(initial=0.0)) / limits.links.speed)
    return ComposerState(
        rules=rules,
        grid=finite("start time", time) + max(settle, finite("bridge", bridge)),
        first=-1,
        points=np.repeat(inside[None], 3, axis=0),
        frozen=1,
        sent_first=0,
        sent_points=None,
        target=np.full_like(inside, np.nan),
        target_velocity=np.zeros_like(inside),
    )


def finite(name: str, value: float) -> float:
    """`value` if it is a finite number of seconds; InputError naming it otherwise."""
    if not math.isfinite(value):
        raise InputError(f"{name} is {value}; it must be a finite number of seconds")
    return value


def next_time(state: ComposerState) -> float:
    """Grid time of the next target, s."""
    return state.time_of(state.last_index + 1)


def cut(state: ComposerState, index: int) -> ComposerState:
    """Without the control points behind grid index `index`; the targets start again."""
    if index >= state.last_index:
        return state
    blank = np.full_like(state.target, np.nan)
    still = np.zeros_like(state.target)
    points = state.points[: index - state.first + 1]
    return replace(state, points=points, target=blank, target_velocity=still, gap=0)
