"""What never stops: breathing, small weight shifts, drift of hands and head. Smooth noise, not sine waves."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.generators.prosody import channels as ch
from speech_gesture_pkg.generators.prosody import random_streams

SLOW_FRAMES, FAST_FRAMES = 42, 14
"""Frames between knots of the slow and the fast noise."""
_BREATH_S = 3.9


def _amplitudes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise amplitude per channel: slow idle, added slow while speaking, added fast while speaking. rad (SWAY: m)."""
    idle, slow, fast = (np.zeros(ch.NUM_CHANNELS) for _ in range(3))
    for arm in (0, ch.ARM_SIZE):
        idle[arm + 2 : arm + 7] = (0.012, 0.012, 0.012, 0.02, 0.03)
        slow[arm + 2 : arm + 7] = (0.035, 0.035, 0.04, 0.06, 0.11)
        fast[arm + 2 : arm + 7] = (0.015, 0.015, 0.015, 0.022, 0.035)
        idle[arm + ch.WRIST_FLEXION], idle[arm + ch.WRIST_DEVIATION] = 0.03, 0.02
        slow[arm + ch.WRIST_FLEXION], slow[arm + ch.WRIST_DEVIATION] = 0.08, 0.05
        fast[arm + ch.WRIST_FLEXION], fast[arm + ch.WRIST_DEVIATION] = 0.035, 0.02
        idle[arm + 9 : arm + 16] = (0.05, 0.05, 0.05, 0.05, 0.01, 0.04, 0.03)
        slow[arm + 9 : arm + 16] = (0.14, 0.13, 0.13, 0.14, 0.04, 0.07, 0.07)
        fast[arm + 9 : arm + 16] = (0.06, 0.05, 0.05, 0.06, 0.01, 0.03, 0.03)
    idle[[ch.HEAD_YAW, ch.HEAD_PITCH, ch.HEAD_ROLL]] = (0.020, 0.012, 0.010)
    slow[[ch.HEAD_YAW, ch.HEAD_PITCH, ch.HEAD_ROLL]] = (0.045, 0.030, 0.030)
    fast[[ch.HEAD_YAW, ch.HEAD_PITCH, ch.HEAD_ROLL]] = (0.024, 0.022, 0.018)
    idle[[ch.TORSO_PITCH, ch.TORSO_YAW, ch.TORSO_ROLL]] = (0.006, 0.008, 0.006)
    slow[[ch.TORSO_PITCH, ch.TORSO_YAW, ch.TORSO_ROLL]] = (0.035, 0.024, 0.022)
    fast[[ch.TORSO_PITCH, ch.TORSO_YAW, ch.TORSO_ROLL]] = (0.004, 0.005, 0.004)
    idle[ch.SWAY], slow[ch.SWAY] = 0.012, 0.010
    idle[[ch.GAZE_YAW, ch.GAZE_PITCH]] = 0.006
    for table in (idle, slow, fast):
        table.setflags(write=False)
    return idle, slow, fast


IDLE, SLOW, FAST = _amplitudes()


class Drift:
    """Uniform cubic B-splines (twice continuously differentiable) over random knots, one per channel.

    Attributes:
        slow, fast: the four knots that span now. Shape [4, NUM_CHANNELS] each.
    """

    __slots__ = ("fast", "slow")

    def __init__(self, seed: int) -> None:
        self.slow = np.stack([_knot(seed, 0, i) for i in range(4)])
        self.fast = np.stack([_knot(seed, 1, i) for i in range(4)])

    def copy(self) -> Drift:
        """An independent copy (knots are replaced, never written, so they may be shared)."""
        twin = Drift.__new__(Drift)
        twin.slow, twin.fast = self.slow, self.fast
        return twin

    def sample(self, frame: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Slow and fast noise at a frame, about unit amplitude; frames come in order. Shape [NUM_CHANNELS] each."""
        if frame and frame % SLOW_FRAMES == 0:
            self.slow = np.concatenate([self.slow[1:], _knot(seed, 0, frame // SLOW_FRAMES + 3)[None]])
        if frame and frame % FAST_FRAMES == 0:
            self.fast = np.concatenate([self.fast[1:], _knot(seed, 1, frame // FAST_FRAMES + 3)[None]])
        return _SLOW_WEIGHTS[frame % SLOW_FRAMES] @ self.slow, _FAST_WEIGHTS[frame % FAST_FRAMES] @ self.fast


def _knot(seed: int, layer: int, index: int) -> np.ndarray:
    return random_streams.normal(seed, random_streams.IDLE, 2 * index + layer, ch.NUM_CHANNELS)


def _basis(steps: int) -> np.ndarray:
    """Cubic B-spline weights of four knots at `steps` places of a span. Shape [steps, 4]."""
    s = np.arange(steps) / steps
    return (
        np.stack([(1 - s) ** 3, 3 * s**3 - 6 * s**2 + 4, -3 * s**3 + 3 * s**2 + 3 * s + 1, s**3], axis=1) / 6.0 * 1.45
    )


_SLOW_WEIGHTS, _FAST_WEIGHTS = _basis(SLOW_FRAMES), _basis(FAST_FRAMES)


def breath(phase: float) -> float:
    """Chest rise over one breath, 0..1: in for 40 % of it, out for 60 %, no corners. `phase` in [0, 1)."""
    warped = phase / 0.8 if phase < 0.4 else 0.5 + (phase - 0.4) / 1.2
    return 0.5 - 0.5 * float(np.cos(2.0 * np.pi * warped))


def breath_rate(depth: float) -> float:
    """Breaths per second; `depth` in [-1, 1] varies it from breath to breath."""
    return (1.0 + 0.15 * depth) / _BREATH_S
