"""Whole files through the same composer as the live path."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.retargeting.retargeter import Retargeter
from speech_gesture_pkg.retargeting.stewart_neck_retargeter import PlatformRetargeter
from speech_gesture_pkg.trajectory import bspline
from speech_gesture_pkg.trajectory.collision_check import Distance
from speech_gesture_pkg.trajectory.deadlock import STEPS, StuckWatch
from speech_gesture_pkg.trajectory.extend import extend
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.trajectory.layout import JointLayout
from speech_gesture_pkg.trajectory.state import ComposerState
from speech_gesture_pkg.trajectory.state import start as start_at
from speech_gesture_pkg.trajectory.windows import tail

BLOCK = STEPS
"""Frames that are done at a time."""


def retarget_offline(
    motion: MotionFrames,
    retargeter: Retargeter | PlatformRetargeter,
    layout: JointLayout,
    distance: Distance | None = None,
    margin: float = 0.0,
    frames: Iterable[int] | None = None,
) -> RobotTrajectory:
    """A person's whole motion as a robot's, inside all limits; begins in the first pose, at rest, and ends at rest.

    Where the composer got stuck, the retargeter goes on from where the composer is (see `stuck`).

    Args:
        motion: at the retargeter's rate, T >= 1 frames.
        retargeter: of the robot.
        layout: which joints are commanded; those that are not the retargeter's stay at 0.
        distance, margin: self-collision, as for `extend.extend`.
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
    return whole_motion(composed)


def _first_pose(motion: MotionFrames, retargeter: Retargeter | PlatformRetargeter, margin: float) -> np.ndarray | None:
    """The retargeter's joints for the first frame, if that is clear of collision. Shape [R]."""
    if not isinstance(retargeter, Retargeter) or not len(motion):
        return None
    pose = retargeter.solve_pose(motion[:1])
    return pose if retargeter.collision.distance(pose[None])[0] > margin else None


def whole_motion(state: ComposerState) -> RobotTrajectory:
    """All of the motion with its braking tail, from time 0 on."""
    points = np.concatenate([state.points, tail(state)])
    position, velocity, acceleration = bspline.at_knots(points, state.dt)
    times = np.arange(len(position)) * state.dt
    return RobotTrajectory(state.rules.limits.joint_names, times, position, velocity, acceleration, 1.0 / state.dt)
