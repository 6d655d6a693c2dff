"""Which speech features a unit of motion sees, and how much audio they need."""

from __future__ import annotations

from dataclasses import dataclass

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE
from speech_gesture_pkg.features import encoded, extractor

MOTION_FPS = 30.0
"""Frames per second of the motion that learned generators are trained on (TalkSHOW's rate)."""


@dataclass(frozen=True)
class SpeechWindows:
    """Windows of feature frames around the units of a stream: a token of SpeechCAT, a frame of DiffSHEG.

    Attributes:
        frames: motion frames (`MOTION_FPS`) per unit.
        past, ahead: feature frames before a unit's start and after its end.
        hop: samples from one feature frame to the next.
        reach: samples that must be there after the begin of a feature frame's hop.
    """

    frames: int
    past: int
    ahead: int
    hop: int = extractor.HOP
    reach: int = extractor.HALF

    @staticmethod
    def of(frames: int, past_s: float, ahead_s: float, encoder: bool = False) -> SpeechWindows:
        """Windows that begin `past_s` before a unit and end `ahead_s` after it, in seconds.

        With `encoder`, of the states of a speech encoder (`features.encoded`), else of `features.vectors`.
        """
        hop, reach = (encoded.HOP, encoded.REACH) if encoder else (extractor.HOP, extractor.HALF)
        past, ahead = (round(s * SAMPLE_RATE / hop) for s in (past_s, ahead_s))
        return SpeechWindows(frames, past, ahead, hop, reach)

    @property
    def rate(self) -> float:
        """Feature frames per second."""
        return SAMPLE_RATE / self.hop

    @property
    def length(self) -> int:
        """Feature frames in a window."""
        return self.past + self._span + self.ahead

    @property
    def _span(self) -> int:
        """Feature frames that cover a unit, rounded up."""
        return -(-self._numerator // round(MOTION_FPS))

    @property
    def _numerator(self) -> int:
        """Feature frames in `MOTION_FPS` units."""
        return self.frames * SAMPLE_RATE // self.hop

    def first(self, unit: int) -> int:
        """First feature frame of a unit's window; below 0 before the stream's start."""
        return unit * self._numerator // round(MOTION_FPS) - self.past

    def end(self, unit: int) -> int:
        """The feature frame after a unit's window."""
        return self.first(unit) + self.length

    def samples(self, unit: int) -> int:
        """Samples of the stream that must be there before a unit's window is known."""
        return (self.end(unit) - 1) * self.hop + self.reach

    @property
    def lookahead_s(self) -> float:
        """Audio needed beyond a unit's first motion frame, s."""
        return ((self._span + self.ahead - 1) * self.hop + self.reach) / SAMPLE_RATE
