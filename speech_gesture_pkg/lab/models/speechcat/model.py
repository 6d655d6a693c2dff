"""All networks of a SpeechCAT with the normalisation of its corpus, and their file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from speech_gesture_pkg.features.vectors import SPEECH_VECTOR
from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig
from speech_gesture_pkg.generators.speechcat.representation import part_size
from speech_gesture_pkg.lab.models.checkpoint import read_checkpoint, write_checkpoint
from speech_gesture_pkg.lab.models.speechcat.transformer import TokenTransformer
from speech_gesture_pkg.lab.models.speechcat.vqvae import MotionVQVAE

FORMAT = "speech-gesture-speechcat-checkpoint/1"


class Normaliser(nn.Module):
    """Per-channel mean and deviation of a part; also the pose that means "at rest"."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.register_buffer("calm", torch.zeros(size))
        self.mean: torch.Tensor
        self.deviation: torch.Tensor
        self.calm: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Vectors to numbers of about mean 0 and deviation 1."""
        return (x - self.mean) / self.deviation

    def inverse(self, x: torch.Tensor) -> torch.Tensor:
        """And back."""
        return x * self.deviation + self.mean


class SpeechCat(nn.Module):
    """VQ-VAEs and normalisers by part, and the transformer.

    Args:
        config: the shape.
        channels: of a speech feature frame.
    """

    def __init__(self, config: SpeechCatConfig, channels: int = SPEECH_VECTOR) -> None:
        super().__init__()
        self.config, self.channels = config, channels
        sizes = {p: part_size(p, config) for p in config.parts}
        self.normalisers = nn.ModuleDict({p: Normaliser(n) for p, n in sizes.items()})
        self.vqvaes = nn.ModuleDict({p: MotionVQVAE(n, config) for p, n in sizes.items()})
        self.transformer = TokenTransformer(config, channels, config.windows.length)

    def normaliser(self, part: str) -> Normaliser:
        """Of one part."""
        return cast(Normaliser, self.normalisers[part])

    def vqvae(self, part: str) -> MotionVQVAE:
        """Of one part."""
        return cast(MotionVQVAE, self.vqvaes[part])

    def encode(self, vectors: dict[str, torch.Tensor]) -> torch.Tensor:
        """Tokens [P, B, N] of raw vectors: part -> [B, N * downsample, size]."""
        return torch.stack([self.vqvae(p).encode(self.normaliser(p)(vectors[p])) for p in self.config.parts])

    def decode(self, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
        """Raw vectors part -> [B, N * downsample, size] of tokens [P, B, N]."""
        return {p: self.normaliser(p).inverse(self.vqvae(p).decode(tokens[i])) for i, p in enumerate(self.config.parts)}

    @property
    def history(self) -> int:
        """Tokens that decide about the newest token's frames."""
        return max(self.vqvae(p).decoder.history for p in self.config.parts)


def save(model: SpeechCat, path: str | Path, facts: dict[str, Any]) -> None:
    """Write a safetensors checkpoint with configuration and facts (corpus, metrics, stage) inside."""
    write_checkpoint(model, path, FORMAT, facts)


def load(path: str | Path) -> tuple[SpeechCat, dict[str, Any]]:
    """A checkpoint of `save`: the networks and its facts.

    Raises:
        ModelError: no such file, corrupt, not a SpeechCAT, or a configuration that does not fit the weights.
    """
    return read_checkpoint(path, FORMAT, lambda values, size: SpeechCat(SpeechCatConfig.from_dict(values), size))
