"""A DiffSHEG with the normalisation of its corpus, and its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from speech_gesture_pkg.features.vectors import SPEECH_VECTOR
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.lab.models.checkpoint import read_checkpoint, write_checkpoint
from speech_gesture_pkg.lab.models.diffsheg.model import UniEG

FORMAT = "speech-gesture-diffsheg-checkpoint/1"


class DiffSheg(nn.Module):
    """The network, and mean, deviation and calm pose of the motion's channels.

    Args:
        config: the shape.
        channels: of a speech feature frame.
    """

    mean: torch.Tensor
    deviation: torch.Tensor
    calm: torch.Tensor

    def __init__(self, config: DiffShegConfig, channels: int = SPEECH_VECTOR) -> None:
        super().__init__()
        self.config, self.channels = config, channels
        self.length = 1 if config.speech else config.windows.length
        self.network = UniEG(config, channels, self.length)
        size = self.network.sizes["motion"]
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.register_buffer("calm", torch.zeros(size))

    def normalised(self, vectors: torch.Tensor) -> torch.Tensor:
        """Vectors [..., C] to numbers of about mean 0 and deviation 1."""
        return (vectors - self.mean) / self.deviation


def save(model: DiffSheg, path: str | Path, facts: dict[str, Any]) -> None:
    """Write a safetensors checkpoint with configuration and facts (corpus, metrics, stage) inside."""
    write_checkpoint(model, path, FORMAT, facts)


def load(path: str | Path) -> tuple[DiffSheg, dict[str, Any]]:
    """A checkpoint of `save`: the networks and its facts.

    Raises:
        ModelError: no such file, corrupt, not a DiffSHEG, or a configuration that does not fit the weights.
    """
    return read_checkpoint(path, FORMAT, lambda values, size: DiffSheg(DiffShegConfig.from_dict(values), size))
