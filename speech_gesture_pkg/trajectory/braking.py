"""Braking on the control polygon: each limb slows down along its own direction, as fast as its limits allow.

From a point c with last difference d a limb needs h = max_j |d_j| / bend_j grid steps to stop: step k of the tail moves
by d * max(0, 1 - k / h). Since every step is parallel to d the motion of each joint is monotone, so the tail stays
inside the position limits if (and only if) its two ends do.
"""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.trajectory.limits import GridLimits, MotionLimits


def braking_steps(difference: np.ndarray, grid: GridLimits) -> np.ndarray:
    """Grid steps h (not rounded) in which each limb stops. difference [..., J] -> [..., L]."""
    return grid.limb_max(np.abs(difference) * grid.inverse_bend)


def stop_factor(steps: np.ndarray) -> np.ndarray:
    """Length of the tail in units of the last difference: sum over k of max(0, 1 - k / h), in closed form."""
    whole = np.floor(steps)
    return whole * (1.0 - (whole + 1.0) / (2.0 * np.maximum(steps, 1.0)))


def next_factor(steps: np.ndarray) -> np.ndarray:
    """First step of the tail in units of the last difference: max(0, 1 - 1 / h)."""
    return 1.0 - 1.0 / np.maximum(steps, 1.0)


def tail_points(point: np.ndarray, difference: np.ndarray, grid: GridLimits) -> np.ndarray:
    """The control points that follow `point` when braking.

    Args:
        point: last control point. Shape [J].
        difference: last control point minus the one before. Shape [J].

    Returns:
        shape [K, J], K >= 2; the last three points (counting `point` when K = 2) are equal, so the knot before the
        last point has exactly zero velocity and acceleration.
    """
    steps = braking_steps(difference, grid)
    whole = np.floor(steps)
    k = np.minimum(np.arange(1.0, whole.max() + 3.0)[:, None], whole)
    factor = k * (1.0 - (k + 1.0) / (2.0 * np.maximum(steps, 1.0)))
    return point + difference * grid.spread(factor)


def braking_time(limits: MotionLimits, dt: float = 1 / 30) -> float:
    """Longest time from the last given target to rest, whatever the motion before it, in s."""
    return float(np.floor(np.max(limits.velocity / limits.acceleration) / dt) + 1) * dt
