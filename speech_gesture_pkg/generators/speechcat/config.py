"""What a SpeechCAT network is made of: one frozen table, stored with the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from speech_gesture_pkg.errors import ConfigError, one_of
from speech_gesture_pkg.generators.feature_windows import MOTION_FPS, SpeechWindows
from speech_gesture_pkg.generators.settings import from_values, to_values
from speech_gesture_pkg.motion.parts import PARTS

VARIANTS = ("full", "no_cross_attention", "one_code")
FACES = ("arkit", "expression")
ENCODERS = ("mel", "wav2vec2")


_MOST = 1 << 16
"""Bound of every size: a card with more is damaged."""


@dataclass(frozen=True)
class SpeechCatConfig:
    """Shape of the networks.

    Attributes:
        variant: full = three codebooks and cross-attention; the thesis's baselines `no_cross_attention` (three
            codebooks) and `one_code` (one codebook for everything).
        face: what the face part holds beside jaw and eyes: 52 ARKit weights, or SMPL-X expression coefficients.
        expressions: number of expression coefficients, with `face: expression`.
        codes: entries of each codebook.
        code_dim: length of a code (64 in the thesis).
        downsample: frames per token (4 in the thesis), a power of two.
        vq_width, vq_depth: channels of the VQ-VAE's convolutions; residual blocks per scale.
        decoder_ahead: tokens to come that the decoder sees. It smooths token borders and costs that much look-ahead.
        encoder: speech features: log-mel and prosody (100 Hz), or wav2vec 2.0 hidden states (50 Hz).
        encoder_path: local folder or hub name of the wav2vec 2.0 model.
        encoder_tuned: train that model along with the transformer, instead of leaving it as it is.
        audio_past, audio_ahead: audio seen before the start and after the end of a token's time, s.
        audio_width: channels of the audio network.
        width, layers, heads: of the transformer; the feed-forward layers are four times as wide.
        window: tokens that attention looks back.
        dropout: in training.
        corruption: share of input tokens that training replaces by uniform random codes (alpha in the thesis).
        speakers: names that condition the motion.
        style: condition on how large and how frequent gestures are.
    """

    variant: str = "full"
    face: str = "arkit"
    expressions: int = 100
    codes: int = 256
    code_dim: int = 64
    downsample: int = 4
    vq_width: int = 160
    vq_depth: int = 2
    decoder_ahead: int = 0
    encoder: str = "mel"
    encoder_path: str = ""
    encoder_tuned: bool = False
    audio_past: float = 0.4
    audio_ahead: float = 0.13
    audio_width: int = 96
    width: int = 128
    layers: int = 4
    heads: int = 4
    window: int = 48
    dropout: float = 0.1
    corruption: float = 0.4
    speakers: tuple[str, ...] = ("default",)
    style: bool = True

    def __post_init__(self) -> None:
        for name, allowed in (("variant", VARIANTS), ("face", FACES), ("encoder", ENCODERS)):
            if getattr(self, name) not in allowed:
                raise ConfigError(one_of(f"speechcat {name}", getattr(self, name), allowed))
        for name in ("codes", "code_dim", "vq_width", "vq_depth", "audio_width", "width", "layers", "heads", "window"):
            if not 1 <= getattr(self, name) <= _MOST:
                raise ConfigError(f"speechcat {name} is {getattr(self, name)}; it must be in [1, {_MOST}]")
        if self.encoder_tuned and self.encoder != "wav2vec2":
            raise ConfigError("speechcat encoder_tuned is true, but the encoder is mel; only wav2vec2 can be tuned")
        if self.downsample not in (1, 2, 4, 8):
            raise ConfigError(f"speechcat downsample is {self.downsample}; it must be 1, 2, 4 or 8")
        if self.width % self.heads:
            raise ConfigError(f"speechcat width {self.width} is not a multiple of heads {self.heads}")
        if self.decoder_ahead not in (0, 1):
            raise ConfigError(f"speechcat decoder_ahead is {self.decoder_ahead}; it must be 0 or 1")
        if not 0 <= self.corruption < 1 or not 0 <= self.dropout < 1:
            raise ConfigError(f"speechcat corruption {self.corruption} and dropout {self.dropout} must be in [0, 1)")
        if not 0 <= self.audio_past <= 4 or not 0 <= self.audio_ahead <= 1:
            raise ConfigError(
                f"speechcat audio_past is {self.audio_past} s, audio_ahead {self.audio_ahead} s; they must be "
                "in [0, 4] and [0, 1]"
            )
        if not self.speakers:
            raise ConfigError("speechcat speakers is empty; it needs at least one name")

    @property
    def parts(self) -> tuple[str, ...]:
        """The token streams: body, hands and face, or `all` of them as one."""
        return ("all",) if self.variant == "one_code" else PARTS

    @property
    def cross_attention(self) -> bool:
        """Whether the parts see each other."""
        return self.variant == "full"

    @property
    def token_s(self) -> float:
        """Duration of a token, s."""
        return self.downsample / MOTION_FPS

    @property
    def windows(self) -> SpeechWindows:
        """Speech that each token sees."""
        return SpeechWindows.of(self.downsample, self.audio_past, self.audio_ahead, self.encoder == "wav2vec2")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SpeechCatConfig:
        """From stored or written values. Raises ConfigError for unknown names and wrong types."""
        return from_values(cls, "speechcat", values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON and YAML."""
        return to_values(self)
