"""Head and eyes: nods on accents, new postures at phrase boundaries, gaze shifts with the eyes ahead of the head."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.generators.prosody.limbs import GAZE, HEAD, NOD, Limbs, Stage

_EYES_AHEAD_FRAMES = 2
_SACCADE_FRAMES = 3
_NOD = 0.105
"""Depth of an ordinary nod, rad."""
_LISTENER = np.zeros(2)
STRAIGHT = np.array([0.5, 0.5, 0.5, 0.0])
"""For `posture`: no turn, as quickly as it goes."""
LARGE_SHIFT = 0.14
"""A gaze shift beyond this (rad) often comes with a blink."""


def nod(limbs: Limbs, frame: int, depth: float, chance: np.ndarray) -> None:
    """Dip and recover; sometimes a small rise before the next. `depth` 1 = ordinary. chance: [2] in [0, 1)."""
    down = _NOD * depth * (0.5 + 0.9 * chance[0])
    up = -0.35 * down if chance[1] < 0.35 else 0.0
    limbs.send(NOD, frame, (Stage(np.array([down]), 6), Stage(np.array([up]), 9), Stage(np.zeros(1), 11 if up else 3)))


def posture(limbs: Limbs, frame: int, size: float, chance: np.ndarray, tilt: float = 0.0) -> None:
    """Turn and tilt the head to a new place near the listener's direction.

    Args:
        limbs: queues to change.
        frame: now.
        size: 1 = default style.
        chance: four numbers in [0, 1).
        tilt: added roll, rad.
    """
    yaw, pitch, roll = (2.0 * chance[:3] - 1.0) * np.array([0.11, 0.085, 0.075]) * size
    target = np.array([yaw, pitch, roll + tilt])
    limbs.send(HEAD, frame, (Stage(target, 12 + int(10 * chance[3])),))


def look(limbs: Limbs, frame: int, size: float, chance: np.ndarray) -> float:
    """Shift gaze: away (up or aside, as when searching words) or back to the listener. The size of the shift, rad.

    chance: six numbers in [0, 1).
    """
    if chance[0] < 0.55:
        gaze = (2.0 * chance[1:3] - 1.0) * 0.03
    else:
        side = 1.0 if chance[1] < 0.5 else -1.0
        gaze = np.array([side * (0.10 + 0.20 * chance[2]), -0.10 + 0.20 * chance[3]])
    limbs.send(GAZE, frame, (Stage(gaze, _SACCADE_FRAMES),))
    shift = float(np.abs(gaze).max())
    # the head follows part of the way, later and slower
    roll = (2.0 * chance[4] - 1.0) * 0.05
    target = np.array([0.45 * gaze[0], 0.35 * gaze[1], roll]) * min(size, 1.2)
    target[:2] += (2.0 * chance[4:6] - 1.0) * 0.03 * size
    limbs.send(HEAD, frame, (Stage(None, _EYES_AHEAD_FRAMES), Stage(target, 12 + int(8 * chance[5]))))
    return shift


def settle(limbs: Limbs, frame: int) -> None:
    """Back to the listener, level."""
    limbs.send(GAZE, frame, (Stage(_LISTENER, _SACCADE_FRAMES),))
    limbs.send(HEAD, frame, (Stage(None, _EYES_AHEAD_FRAMES), Stage(np.zeros(3), 24)))
