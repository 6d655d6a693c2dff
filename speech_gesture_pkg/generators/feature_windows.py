"""Which speech a token hears."""

from __future__ import annotations

from dataclasses import dataclass

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE
from speech_gesture_pkg.features import encoded, extractor
from speech_gesture_pkg.generators.speechcat.config import FPS, SpeechCatConfig


@dataclass(frozen=True)
class TokenWindows:
    """Windows of feature frames around the tokens of a stream.

    Attributes:
        downsample: motion frames per token.
        past, ahead: feature frames before a token's start and after its end.
        hop: samples from one feature frame to the next.
        reach: samples that must be there after the begin of a feature frame's hop.
    """

    downsample: int
    past: int
    ahead: int
    hop: int = extractor.HOP
    reach: int = extractor.HALF

    @staticmethod
    def of(config: SpeechCatConfig) -> TokenWindows:
        """The windows that a network was made for."""
        hop, reach = (extractor.HOP, extractor.HALF) if config.encoder == "mel" else (encoded.HOP, encoded.REACH)
        past, ahead = (round(s * SAMPLE_RATE / hop) for s in (config.audio_past, config.audio_ahead))
        return TokenWindows(config.downsample, past, ahead, hop, reach)

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
        """Feature frames that cover a token, rounded up."""
        return -(-self._numerator // self._denominator)

    @property
    def _numerator(self) -> int:
        return self.downsample * SAMPLE_RATE // self.hop

    @property
    def _denominator(self) -> int:
        return round(FPS)

    def first(self, token: int) -> int:
        """First feature frame of a token's window; below 0 before the stream's start."""
        return token * self._numerator // self._denominator - self.past

    def end(self, token: int) -> int:
        """The feature frame after a token's window."""
        return self.first(token) + self.length

    def samples(self, token: int) -> int:
        """Samples of the stream that must be there before a token's window is known."""
        return (self.end(token) - 1) * self.hop + self.reach

    @property
    def lookahead_s(self) -> float:
        """Audio needed beyond a token's first motion frame, s."""
        return ((self._span + self.ahead - 1) * self.hop + self.reach) / SAMPLE_RATE
