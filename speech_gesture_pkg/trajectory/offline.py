"""Whole files through the same composer as the live path."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.retargeting.base import Retargeter
from speech_gesture_pkg.trajectory import bspline
from speech_gesture_pkg.trajectory.collision_check import Distance
from speech_gesture_pkg.trajectory.deadlock import STEPS, StuckWatch
from speech_gesture_pkg.trajectory.extend import extend
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.trajectory.layout import JointLayout
from speech_gesture_pkg.trajectory.limits import MotionLimits
from speech_gesture_pkg.trajectory.state import ComposerState
from speech_gesture_pkg.trajectory.state import start as start_at
from speech_gesture_pkg.trajectory.windows import tail

BLOCK = STEPS
"""Frames that are done at a time."""


def compose_offline(
    targets: np.ndarray,
    fps: float,
    limits: MotionLimits,
    start: np.ndarray | None = None,
    distance: Distance | None = None,
    margin: float = 0.0,
) -> RobotTrajectory:
    """Joint targets of a whole file as one trajectory inside all limits.

    Sample k stands at time k / fps and belongs to targets[k]; the braking tail follows. The motion begins and ends
    at rest. Targets that are not finite are braked through.

    Args:
        targets: joint positions, rad. Shape [T, J], T >= 1.
        fps: targets per second.
        limits: of the J joints.
        start: joint positions at time 0; the first finite target of each joint if None. Shape [J].
        distance: least capsule distance for joint positions `[N, J] -> [N]`, m; None = not checked.
        margin: that it keeps, m.

    Raises:
        InputError: wrong shape, or a joint without any finite target.
        ConfigError: fps outside [2, 1000].
    """
    targets = np.asarray(targets, float)
    names = limits.joint_names
    if targets.ndim != 2 or targets.shape[1] != len(names) or not len(targets):
        raise InputError(f"targets have shape {targets.shape}; they must be [T, {len(names)}] with T >= 1")
    if not 2 <= fps <= 1000:
        raise ConfigError(f"fps is {fps}; it must be in [2, 1000]")
    if start is None:
        finite = np.isfinite(targets)
        never = [name for name, any_finite in zip(names, finite.any(axis=0), strict=True) if not any_finite]
        if never:
            raise InputError(f"joint(s) {', '.join(never)} have no finite target in the whole file")
        start = np.clip(targets[finite.argmax(axis=0), np.arange(len(names))], limits.lower, limits.upper)
    # The start holds the control points of -1/fps, 0 and 1/fps: at rest at time 0.
    return _ended(extend(start_at(limits, start, 0.0, 1.0 / fps), targets[2:], distance, margin))


def retarget_offline(
    motion: MotionFrames,
    retargeter: Retargeter,
    layout: JointLayout,
    distance: Distance | None = None,
    margin: float = 0.0,
    frames: Iterable[int] | None = None,
) -> RobotTrajectory:
    """A person's whole motion as a robot's, inside all limits; begins in the first pose, at rest, and ends at rest.

    Where the composer got stuck, the retargeter goes on from where the composer is (see `deadlock`).

    Args:
        motion: at the retargeter's rate, T >= 1 frames.
        retargeter: of the robot.
        layout: which joints are commanded; those that are not the retargeter's stay at 0.
        distance: least capsule distance for joint positions `[N, J] -> [N]`, m; None = not checked.
        margin: that it keeps, m.
        frames: yields 0, `BLOCK`, 2 `BLOCK`, ... below T (to show progress).

    Raises:
        InputError: frames of another rate, or that are not finite.
    """
    limits, hold = layout.limits, layout.rest_from(np.zeros(len(layout.joint_names)))
    watch = StuckWatch(layout, retargeter.rest)
    state = retargeter.start(_first_pose(motion, retargeter, margin if distance else -np.inf))
    composed: ComposerState | None = None
    for begin in range(0, len(motion), BLOCK) if frames is None else frames:
        first, end = begin, min(begin + BLOCK, len(motion))
        while first < end:
            part = motion[first : min(first + watch.every, end)]
            q, state = retargeter.step(part, state)
            first += len(part)
            targets = layout.from_retargeter(q, hold)
            if composed is None:
                composed = start_at(limits, targets[0], 0.0, 1.0 / motion.fps)
                targets = targets[2:]
            composed = extend(composed, targets, distance, margin)
            here = watch.look(composed, hold)
            if here is not None:
                state = retargeter.start(here)
    if composed is None:
        raise InputError("the motion has no frames; there is nothing to retarget")
    return _ended(composed)


def _first_pose(motion: MotionFrames, retargeter: Retargeter, margin: float) -> np.ndarray | None:
    """The retargeter's joints for the first frame, if that is clear of collision. Shape [R]."""
    pose = retargeter.first_pose(motion)
    return pose if pose is not None and retargeter.collision.distance(pose[None])[0] > margin else None


def _ended(state: ComposerState) -> RobotTrajectory:
    """All of the motion with its braking tail, from time 0 on."""
    points = np.concatenate([state.points, tail(state)])
    position, velocity, acceleration = bspline.at_knots(points, state.dt)
    times = np.arange(len(position)) * state.dt
    return RobotTrajectory(state.rules.limits.joint_names, times, position, velocity, acceleration, 1.0 / state.dt)
