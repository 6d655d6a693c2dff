"""Whole turns: joints that may stand several turns from zero, and encoders that wrap round."""

from __future__ import annotations

import numpy as np

TURN = 2.0 * np.pi
_ROUNDING = 1e-9
"""Turns that are missing to a whole one by rounding."""


def nearest_turn(value: np.ndarray, reference: np.ndarray, continuous: np.ndarray) -> np.ndarray:
    """`value` moved by whole turns to within half a turn of `reference`, in joints that turn without end.

    For drivers that report continuous joints in [-pi, pi): a position that wraps round is no jump of 2 pi.

    Args:
        value, reference: positions, rad or m. Shape [..., J]; where either is not finite `value` is returned as it is.
        continuous: joints that turn without end (`JointLayout.continuous`); the others keep their value. Shape [J].

    Returns:
        positions, rad or m. Shape [..., J].
    """
    value = np.asarray(value, float)
    away = np.where(continuous, reference - value, 0.0)
    return value + TURN * np.round(np.where(np.isfinite(away), away, 0.0) / TURN)


def turn_range(rest: np.ndarray, lower: np.ndarray, upper: np.ndarray, turning: np.ndarray) -> np.ndarray:
    """By how many whole turns motion around `rest` may be moved at least and at most: so far that all of it fits.

    Motion is what lies within half a turn of `rest` and inside the limits, so a joint needs two whole turns of range
    before it can be moved at all: with less, targets would be cut off at a limit for as long as the robot moves.

    Args:
        rest: rest pose, rad; NaN where a joint is not mapped. Shape [J].
        lower, upper: position limits, rad. Shape [J].
        turning: joints that turn (do not slide). Shape [J], bool.

    Returns:
        least (<= 0) and most (>= 0) number of turns. Shape [2, J].
    """
    low, high = np.maximum(rest - np.pi, lower), np.minimum(rest + np.pi, upper)
    least, most = np.ceil((lower - low) / TURN - _ROUNDING), np.floor((upper - high) / TURN + _ROUNDING)
    movable = turning & np.isfinite(rest)
    return np.where(movable, [np.minimum(least, 0.0), np.maximum(most, 0.0)], 0.0)
