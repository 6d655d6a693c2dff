"""Torso: leans into strokes, turns a little to the gesturing hand, changes posture with the phrases."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.generators.prosody.limbs import TORSO, Limbs, Stage


def lean(limbs: Limbs, frame: int, size: float, forward: float, left: bool, right: bool, posture: np.ndarray) -> None:
    """Lean with a stroke and come most of the way back.

    Args:
        limbs: queues to change.
        frame: now.
        size: 1 = default style.
        forward: lean at the apex, rad.
        left, right: which hands gesture.
        posture: pitch, yaw, roll to return to, rad. Shape [3].
    """
    side = 0.025 * (float(right) - float(left))
    apex = posture + size * np.array([forward, side, 0.3 * side])
    limbs.send(TORSO, frame, (Stage(apex, 10), Stage(0.6 * posture + 0.4 * apex, 24)))


def posture(size: float, chance: np.ndarray) -> np.ndarray:
    """A new posture for a phrase: pitch, yaw, roll, rad. chance: three numbers in [0, 1). Shape [3]."""
    return (2.0 * chance[:3] - 1.0) * np.array([0.07, 0.035, 0.028]) * size + np.array([0.01, 0.0, 0.0])


def shift(limbs: Limbs, frame: int, target: np.ndarray, frames: int = 30) -> None:
    """Move slowly to a posture [3]."""
    limbs.send(TORSO, frame, (Stage(target, frames),))
