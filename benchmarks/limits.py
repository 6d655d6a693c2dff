"""Samples of a motion beyond the limits of its robot, by divided differences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from speech_gesture_pkg.verification.motion_guarantees import urdf_limits


def limit_violations(
    urdf: str, joint_names: Sequence[str], times: np.ndarray, q: np.ndarray, acceleration: np.ndarray
) -> dict[str, int]:
    """How many samples are beyond the limits, by divided differences alone.

    A divided difference is a mean of the derivative over its samples, so that one beyond a limit proves that the motion
    was beyond it.

    Args:
        urdf: URDF text; positions and velocities are held against what it says.
        times: increasing, s. Shape [N].
        q: positions, rad. Shape [N, J].
        acceleration: limits, rad/s^2. Shape [J].

    Returns:
        "position", "velocity", "acceleration" -> count over samples and joints.
    """
    said = urdf_limits(urdf)
    lower, upper, speed = (np.array([said[n][k] for n in joint_names]) for k in range(3))
    steps = np.diff(times)[:, None]
    slopes = np.diff(q, axis=0) / steps
    bends = 2.0 * np.diff(slopes, axis=0) / (steps[1:] + steps[:-1])
    # What rounding of positions alone can do to a difference.
    noise = 1e-9
    return {
        "position": int(((q < lower - noise) | (q > upper + noise)).sum()),
        "velocity": int((np.abs(slopes) > speed * (1 + 1e-6) + noise / steps).sum()),
        "acceleration": int((np.abs(bends) > acceleration * (1 + 1e-6) + 4 * noise / steps[1:] ** 2).sum()),
    }
