"""A DiffSHEG with the normalisation of its corpus, and its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from speech_gesture_pkg.errors import ConfigError, ModelError
from speech_gesture_pkg.features.vectors import SPEECH_VECTOR
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.generators.diffsheg.network.model import UniEG
from speech_gesture_pkg.generators.diffsheg.windows import frame_windows

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
        self.length = 1 if config.speech else frame_windows(config).length
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
    from safetensors.torch import save_file

    tensors = {k: v.contiguous() for k, v in model.state_dict().items()}
    metadata = {
        "format": FORMAT,
        "config": json.dumps(model.config.to_dict(), sort_keys=True),
        "channels": str(model.channels),
        "facts": json.dumps(facts, sort_keys=True),
    }
    partial = Path(path).with_suffix(".partial")
    save_file(tensors, partial, metadata)
    partial.replace(path)


def load(path: str | Path) -> tuple[DiffSheg, dict[str, Any]]:
    """A checkpoint of `save`: the networks and its facts.

    Raises:
        ModelError: no such file, corrupt, not a DiffSHEG, or a configuration that does not fit the weights.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise ModelError(f"checkpoint {path} does not exist")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as e:
        raise ModelError(f"checkpoint {path} is corrupt or not a safetensors file: {e}") from e
    if metadata.get("format") != FORMAT:
        raise ModelError(f"checkpoint {path} has format {metadata.get('format')!r}; {FORMAT!r} is expected")
    try:
        model = DiffSheg(DiffShegConfig.from_dict(json.loads(metadata["config"])), int(metadata["channels"]))
        model.load_state_dict(tensors)
        facts = json.loads(metadata["facts"])
    except (KeyError, ValueError, ConfigError) as e:
        raise ModelError(f"checkpoint {path} cannot be used: {e}") from e
    except RuntimeError as e:
        raise ModelError(f"checkpoint {path}: the configuration in it does not fit its weights: {_short(e)}") from e
    return model, facts


def _short(e: Exception) -> str:
    lines = [line.strip() for line in str(e).splitlines() if line.strip()]
    return "; ".join(lines[1:3] or lines)[:300]
