"""Whole files through the same composer as the live path."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.trajectory import bspline
from speech_gesture_pkg.trajectory.clearance import Distance
from speech_gesture_pkg.trajectory.extend import extend
from speech_gesture_pkg.trajectory.limits import MotionLimits
from speech_gesture_pkg.trajectory.robot_trajectory import RobotTrajectory
from speech_gesture_pkg.trajectory.state import start as start_at
from speech_gesture_pkg.trajectory.windows import tail


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
        distance, margin: self-collision, as for `extend.extend`.

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
    state = extend(start_at(limits, start, 0.0, 1.0 / fps), targets[2:], distance, margin)
    points = np.concatenate([state.points, tail(state)])
    position, velocity, acceleration = bspline.at_knots(points, state.dt)
    return RobotTrajectory(names, np.arange(len(position)) / fps, position, velocity, acceleration, float(fps))
