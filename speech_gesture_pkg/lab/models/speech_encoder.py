"""wav2vec 2.0 (Baevski et al. 2020) and HuBERT (Hsu et al. 2021) as speech encoders, for training and export."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE
from speech_gesture_pkg.errors import ConfigError, MissingDependencyError, ModelError, one_of
from speech_gesture_pkg.features.encoded import FRAMES, HOP, REACH, samples_of

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class _Kind:
    """`title` for messages, class in `transformers`, and the setting that holds the path."""

    title: str
    network: str
    setting: str


_KINDS = {
    "wav2vec2": _Kind("wav2vec 2.0", "Wav2Vec2Model", "encoder_path"),
    "hubert": _Kind("HuBERT", "HubertModel", "hubert_path"),
}


class SpeechEncoder(nn.Module):
    """Blocks of audio to hidden states, as `features.encoded` cuts them.

    Args:
        network: a `transformers` Wav2Vec2Model or HubertModel.

    Raises:
        ModelError: its convolutions do not make a state every 20 ms.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        settings: Any = network.config
        stride, reach = 1, 1
        for kernel, step in zip(settings.conv_kernel, settings.conv_stride, strict=True):
            reach += (kernel - 1) * stride
            stride *= step
        if (stride, reach) != (HOP, REACH):
            raise ModelError(
                f"the speech encoder makes states of {reach} samples every {stride}; they must be {REACH}, every {HOP}"
            )
        self.channels = int(settings.hidden_size)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Audio [B, samples] -> last hidden states [B, frames, C]. Blocks are brought to mean 0, deviation 1 first."""
        centred = audio - audio.mean(1, keepdim=True)
        scaled = centred / torch.sqrt((centred**2).mean(1, keepdim=True) + 1e-7)
        states: torch.Tensor = self.network(scaled).last_hidden_state
        return states

    @torch.no_grad()
    def encode(self, audio: np.ndarray) -> np.ndarray:
        """The same for arrays (`features.encoded.Encode`)."""
        where = next(self.parameters()).device
        return cast(np.ndarray, self(torch.from_numpy(np.ascontiguousarray(audio)).to(where)).float().cpu().numpy())

    def digest(self) -> str:
        """SHA-256 of the weights and their names: states of other weights are other states."""
        found = hashlib.sha256()
        for name, value in sorted(self.state_dict().items()):
            found.update(name.encode())
            found.update(value.detach().float().cpu().contiguous().numpy().tobytes())
        return found.hexdigest()


def load_encoder(path: str, kind: str = "wav2vec2") -> SpeechEncoder:
    """The encoder of a local folder, or of the Hugging Face hub if `path` is a hub name such as facebook/wav2vec2-base.

    Args:
        path: folder or hub name.
        kind: `wav2vec2` or `hubert`.

    Raises:
        ConfigError: no path, or an unknown kind.
        ModelError: no such folder, it holds no model of that kind, or one for another sample rate than 16 kHz.
        MissingDependencyError: transformers is not installed.
    """
    if kind not in _KINDS:
        raise ConfigError(one_of("speech encoder", kind, tuple(_KINDS)))
    made = _KINDS[kind]
    if not path:
        raise ConfigError(f"{made.title} is asked for, but {made.setting} is empty; give a folder or a hub name")
    folder = Path(path).expanduser()
    if not folder.is_dir() and (folder.is_absolute() or path.startswith((".", "~")) or not _HUB_NAME.fullmatch(path)):
        raise ModelError(f"{made.title} folder {path} does not exist")
    try:
        import transformers
    except ImportError as e:
        raise MissingDependencyError(
            f"the {made.title} encoder needs transformers; install the extra `ssl`: "
            "pip install 'speech_gesture_pkg[ssl]'"
        ) from e
    name = str(folder) if folder.is_dir() else path
    try:
        settings: dict[str, Any] = transformers.PretrainedConfig.get_config_dict(name)[0]
        found = settings.get("model_type", kind)
        if found != kind:
            raise ValueError(f"it is a {found} model")
        network = getattr(transformers, made.network).from_pretrained(name)
    except (OSError, ValueError, KeyError, RuntimeError) as e:
        raise ModelError(f"{made.title} model {path} cannot be loaded: {str(e).strip().splitlines()[0][:200]}") from e
    rate = _sample_rate(folder)
    if rate != SAMPLE_RATE:
        raise ModelError(f"{made.title} model {path} takes {rate} Hz; only models for {SAMPLE_RATE} Hz can be used")
    network.config.apply_spec_augment = False  # masking of the input is for training it from scratch
    return SpeechEncoder(network.eval())


def _sample_rate(folder: Path) -> object:
    """What a model's folder says of its input, Hz; 16000 where it says nothing."""
    try:
        found = json.loads((folder / "preprocessor_config.json").read_text("utf-8"))
        return found.get("sampling_rate", SAMPLE_RATE)
    except FileNotFoundError:
        return SAMPLE_RATE
    except (OSError, ValueError, AttributeError) as e:
        raise ModelError(f"{folder / 'preprocessor_config.json'} cannot be read: {e}") from e


def example(frames: int = FRAMES) -> torch.Tensor:
    """An input for the exporter: two blocks of so many states."""
    return torch.zeros(2, samples_of(frames))
