"""Hand poses in the style's amplitude, kept clear of the body and of each other."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.generators.base import Style
from speech_gesture_pkg.generators.prosody import strokes
from speech_gesture_pkg.generators.prosody.arms import FLEXION, PALM, POSITION

_WANDER, _WANDER_MIDDLE = np.array([0.065, 0.090, 0.045]), np.array([0.020, 0.010, 0.005])
"""How far, and around where, a waiting place varies about its home, metres."""
_DRIFT = np.array([0.055, 0.050, 0.035])
"""How far a hand that waits after a stroke drifts, metres."""
_CENTRE = strokes.HOMES[0]
_RAISED_AMPLITUDE = 0.25
"""Below this amplitude the hands gesture lower and lower, down to rest."""


def scaled(pose: np.ndarray, style: Style) -> np.ndarray:
    """A pose in the style's amplitude: farther from the middle of gesture space or nearer; down to rest below 0.25."""
    reach = 0.60 + 0.50 * style.amplitude
    out = pose.copy()
    out[POSITION] = _CENTRE[POSITION] + reach * (pose[POSITION] - _CENTRE[POSITION])
    raised = min(1.0, style.amplitude / _RAISED_AMPLITUDE)
    if raised < 1.0:
        return strokes.REST + raised * (out - strokes.REST)
    return strokes.confine(out, alone=True)


def confined(hand: np.ndarray, style: Style, alone: bool = False) -> np.ndarray:
    """`hand` kept in the allowed region; hands on their way down to rest (tiny amplitudes) are in it anyhow."""
    return strokes.confine(hand, alone) if style.amplitude >= _RAISED_AMPLITUDE else hand


def fresh_place(u: np.ndarray, home: np.ndarray) -> np.ndarray:
    """A waiting place near a home pose. u: three numbers in [0, 1)."""
    place = home.copy()
    place[POSITION] += (2.0 * u - 1.0) * _WANDER + _WANDER_MIDDLE
    return strokes.confine(place)


def wandered(anchor: np.ndarray, u: np.ndarray, style: Style) -> np.ndarray:
    """A pose about a waiting place: a held hand is never frozen, it sinks or wanders and turns a little. u: [5]."""
    out = scaled(anchor, style)
    out[POSITION] += (2.0 * u[:3] - 1.1) * _DRIFT * style.amplitude
    out[FLEXION] += (2.0 * u[3] - 1.0) * 0.15 * style.amplitude
    out[PALM] += (2.0 * u[4] - 1.0) * 0.2 * style.amplitude
    return confined(out, style)


def rest_pose(u: np.ndarray) -> np.ndarray:
    """Rest pose with a small variation. u: three numbers in [0, 1)."""
    rest = strokes.REST.copy()
    rest[POSITION] += (2.0 * u - 1.0) * np.array([0.012, 0.006, 0.025])
    return rest
