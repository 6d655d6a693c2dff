"""Joint targets of a whole file through the composer's own functions, from rest to rest."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.trajectory import bspline
from speech_gesture_pkg.trajectory.collision_check import CollisionCheck
from speech_gesture_pkg.trajectory.extend import extend
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.trajectory.limits import MotionLimits
from speech_gesture_pkg.trajectory.state import start
from speech_gesture_pkg.trajectory.windows import tail


def compose_file(
    targets: np.ndarray,
    fps: float,
    limits: MotionLimits,
    begin: np.ndarray | None = None,
    check: CollisionCheck | None = None,
) -> RobotTrajectory:
    """Sample k stands at time k / fps and belongs to targets[k] [T, J]; the braking tail follows.

    Begins at `begin` [J], or at the first finite target of each joint.
    """
    if begin is None:
        first = np.isfinite(targets).argmax(axis=0)
        begin = np.clip(targets[first, np.arange(targets.shape[1])], limits.lower, limits.upper)
    # The start holds the control points of -1/fps, 0 and 1/fps: at rest at time 0.
    state = extend(start(limits, begin, 0.0, 1.0 / fps), targets[2:], check)
    points = np.concatenate([state.points, tail(state)])
    position, velocity, acceleration = bspline.at_knots(points, state.dt)
    return RobotTrajectory(limits.joint_names, np.arange(len(position)) / fps, position, velocity, acceleration, fps)
