"""State of the prosody generator: everything that a stream remembers, small and quick to copy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.generators.base import Style
from speech_gesture_pkg.generators.listening import Listening
from speech_gesture_pkg.generators.prosody import channels as ch
from speech_gesture_pkg.generators.prosody import strokes
from speech_gesture_pkg.generators.prosody.arms import solve_arm
from speech_gesture_pkg.generators.prosody.face import Mouth
from speech_gesture_pkg.generators.prosody.idle import Drift
from speech_gesture_pkg.generators.prosody.limbs import Limbs
from speech_gesture_pkg.generators.prosody.planner_state import GesturePlan
from speech_gesture_pkg.generators.prosody.segments import Segments

ACTIVITY, AMPLITUDE, BODY, HANDS, FACE = range(5)
"""Smoothed gains."""


def rest_vector() -> np.ndarray:
    """The motion vector of a person at rest. Shape [NUM_CHANNELS]."""
    x = np.zeros(ch.NUM_CHANNELS)
    x[ch.LEFT] = solve_arm(strokes.REST, 0)
    x[ch.RIGHT] = solve_arm(strokes.REST, 1)
    return x


REST_VECTOR = rest_vector()
REST_VECTOR.setflags(write=False)


def gains(style: Style, activity: float) -> np.ndarray:
    """What the smoothed gains head for. Shape [5]."""
    parts = [1.0 if name in style.parts else 0.0 for name in ("body", "hands", "face")]
    return np.array([activity, style.amplitude, *parts])


@dataclass
class ProsodyState:
    """State between two steps. `step` works on a `copy`, so a state handed out is never changed.

    Attributes:
        listening: how far the audio was heard.
        frames: motion frames made.
        style, seed: as given.
        plan, limbs, segments, drift, mouth: of the parts of the generator.
        gains: three cascaded low-pass stages of the gains. Shape [3, 5].
        breath: phase of the running breath in [0, 1).
    """

    listening: Listening
    frames: int
    style: Style
    seed: int
    plan: GesturePlan
    limbs: Limbs
    segments: Segments
    drift: Drift
    mouth: Mouth
    gains: np.ndarray
    breath: float

    @staticmethod
    def fresh(listening: Listening, seed: int, style: Style) -> ProsodyState:
        """State before the first sample: a person standing at rest."""
        return ProsodyState(
            listening=listening,
            frames=0,
            style=style,
            seed=seed,
            plan=GesturePlan(seed),
            limbs=Limbs(),
            segments=Segments.at_rest(REST_VECTOR),
            drift=Drift(seed),
            mouth=Mouth(seed),
            gains=np.tile(gains(style, 0.0), (3, 1)),
            breath=0.0,
        )

    def copy(self) -> ProsodyState:
        """An independent copy."""
        return ProsodyState(
            self.listening.copy(),
            self.frames,
            self.style,
            self.seed,
            self.plan.copy(),
            self.limbs.copy(),
            self.segments.copy(),
            self.drift.copy(),
            self.mouth.copy(),
            self.gains.copy(),
            self.breath,
        )
