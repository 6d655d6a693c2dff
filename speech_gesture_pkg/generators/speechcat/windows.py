"""Which speech a token hears."""

from __future__ import annotations

from dataclasses import dataclass

from speech_gesture_pkg.features.extractor import HALF, HOP, HOP_S
from speech_gesture_pkg.generators.speechcat.config import FPS, SpeechCatConfig


@dataclass(frozen=True)
class TokenWindows:
    """Windows of feature frames (100 Hz) around the tokens of a stream.

    Attributes:
        downsample: motion frames per token.
        past, ahead: feature frames before a token's start and after its end.
    """

    downsample: int
    past: int
    ahead: int

    @staticmethod
    def of(config: SpeechCatConfig) -> TokenWindows:
        """The windows that a network was made for."""
        return TokenWindows(config.downsample, round(config.audio_past / HOP_S), round(config.audio_ahead / HOP_S))

    @property
    def length(self) -> int:
        """Feature frames in a window."""
        return self.past + self._span + self.ahead

    @property
    def _span(self) -> int:
        """Feature frames that cover a token, rounded up."""
        return -(-self._numerator // self._denominator)

    @property
    def _numerator(self) -> int:
        return round(self.downsample / HOP_S)

    @property
    def _denominator(self) -> int:
        return round(FPS)

    def first(self, token: int) -> int:
        """First feature frame of a token's window; below 0 before the stream's start."""
        return token * self._numerator // self._denominator - self.past

    def samples(self, token: int) -> int:
        """Samples of the stream that must be there before a token's window is known."""
        return (self.first(token) + self.length - 1) * HOP + HALF

    @property
    def lookahead_s(self) -> float:
        """Audio needed beyond a token's first motion frame, s."""
        return (self._span + self.ahead - 1) * HOP_S + HALF * HOP_S / HOP
