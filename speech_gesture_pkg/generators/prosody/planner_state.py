"""What the planner remembers between frames."""

from __future__ import annotations

import copy

import numpy as np

from speech_gesture_pkg.generators.prosody import random_streams, strokes

Sides = tuple[bool, bool]
"""Left hand, right hand."""
BOTH: Sides = (True, True)


class GesturePlan:
    """What the planner remembers.

    Attributes:
        sides: hands (left, right) that gesture now.
        raised: hands that are in gesture space, not at rest.
        anchors: where each hand waits and beats; hand poses, never written in place.
        armed: index of the armed stroke in the library, -1 if none; ready_at: end of its preparation;
        armed_at: frame from which an accent may release it.
        size: of the armed stroke. next_stroke: frame from which the next one may be armed.
        busy_until: end of the stroke.
        stay: strokes left at these anchors. counted: fingers shown by an enumeration. draws: random draws so far.
        repeat: stroke that the next one repeats in small, -1 if none.
        last_big: frame of the last large gesture. next_look: frame of the next gaze shift.
        posture: torso pitch, yaw, roll, rad.
        quiet: frames since speech ended; -1 while speaking. next_fidget: frame of the next rest adjustment.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.sides: Sides = BOTH
        self.raised: Sides = (False, False)
        self.anchors: tuple[np.ndarray, np.ndarray] = (strokes.REST, strokes.REST)
        self.armed = -1
        self.armed_at = self.ready_at = self.busy_until = self.next_stroke = 0
        self.size = 1.0
        self.stay = 0
        self.repeat = -1
        self.counted = 0
        self.draws = 0
        self.last_big = -1000
        self.next_look = 20
        self.next_fidget = 60
        self.quiet = 1000
        self.posture = np.zeros(3)

    def copy(self) -> GesturePlan:
        """An independent copy (arrays are replaced, never written)."""
        return copy.copy(self)

    def draw(self, stream: int, count: int) -> np.ndarray:
        """The next random numbers in [0, 1). Shape [count]."""
        self.draws += 1
        return random_streams.uniform(self.seed, stream, self.draws, count)
