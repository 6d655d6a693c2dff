"""Style and speaker as a learned generator's inputs, and how much of each part it shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from speech_gesture_pkg.errors import ConfigError, one_of
from speech_gesture_pkg.generators.base import Style
from speech_gesture_pkg.motion.parts import PARTS

_LEAST_STYLE = 0.25
"""Amplitudes below this are not learned: they shrink the motion towards the calm pose instead."""


def style_vector(style: Style) -> np.ndarray:
    """The network's style input: log2 of amplitude and rate relative to the corpus' median. Shape [2], float32."""
    both = np.clip([style.amplitude, style.rate], _LEAST_STYLE, 1 / _LEAST_STYLE)
    return np.log2(both).astype(np.float32)


def part_gains(style: Style) -> np.ndarray:
    """How much of body, hands and face is to be shown: 0 for parts that rest. Shape [3]."""
    small = min(1.0, style.amplitude / _LEAST_STYLE)
    scale = {"body": small, "hands": small, "face": 1.0}
    return np.array([scale[p] if p in style.parts else 0.0 for p in PARTS])


def smoothed_gains(gains: np.ndarray, goal: np.ndarray, share: float, count: int) -> np.ndarray:
    """Gains of the next frames, each `share` of the way nearer to `goal` than the one before. Shape [count, 3].

    Frame by frame, so that the chunks in which audio arrives cannot change even the last bit.
    """
    out = np.empty((count, len(goal)))
    for k in range(count):
        gains = out[k] = gains + share * (goal - gains)
    return out


def speaker_index(speaker: str | None, speakers: Sequence[str]) -> int:
    """Which of the speakers of a model; the first one if none is named. Raises ConfigError for an unknown one."""
    if not speaker:
        return 0
    if speaker not in speakers:
        raise ConfigError(one_of("speaker", speaker, speakers))
    return speakers.index(speaker)
