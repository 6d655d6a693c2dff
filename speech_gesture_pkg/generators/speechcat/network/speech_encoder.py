"""wav2vec 2.0 (Baevski et al. 2020) as SpeechCAT's speech encoder, for training and export."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.errors import ConfigError, MissingDependencyError, ModelError
from speech_gesture_pkg.features.encoded import HOP, REACH, SAMPLES, Encode, encode_whole
from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig
from speech_gesture_pkg.generators.speechcat.windows import TokenWindows

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


class SpeechEncoder(nn.Module):
    """Blocks of audio to hidden states, as `features.encoded` cuts them.

    Args:
        network: a `transformers` Wav2Vec2Model.

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
        """Audio [B, SAMPLES] -> states [B, FRAMES, C]. Each block is brought to mean 0 and deviation 1 first."""
        centred = audio - audio.mean(1, keepdim=True)
        scaled = centred / torch.sqrt((centred**2).mean(1, keepdim=True) + 1e-7)
        states: torch.Tensor = self.network(scaled).last_hidden_state
        return states

    @torch.no_grad()
    def encode(self, audio: np.ndarray) -> np.ndarray:
        """The same for arrays (`features.encoded.Encode`)."""
        where = next(self.parameters()).device
        return cast(np.ndarray, self(torch.from_numpy(np.ascontiguousarray(audio)).to(where)).float().cpu().numpy())


def load_encoder(path: str) -> SpeechEncoder:
    """The encoder of a local folder, or of the Hugging Face hub if `path` is a hub name such as facebook/wav2vec2-base.

    Raises:
        ConfigError: no path.
        ModelError: no such folder, or it holds no wav2vec 2.0 model.
        MissingDependencyError: transformers is not installed.
    """
    if not path:
        raise ConfigError("speechcat encoder is wav2vec2, but encoder_path is empty; give a folder or a hub name")
    folder = Path(path).expanduser()
    if not folder.is_dir() and (folder.is_absolute() or path.startswith((".", "~")) or not _HUB_NAME.fullmatch(path)):
        raise ModelError(f"wav2vec 2.0 folder {path} does not exist")
    try:
        from transformers import Wav2Vec2Model
    except ImportError as e:
        raise MissingDependencyError(
            "the wav2vec 2.0 encoder needs transformers; install the extra `ssl`: pip install 'speech_gesture_pkg[ssl]'"
        ) from e
    try:
        network = Wav2Vec2Model.from_pretrained(str(folder) if folder.is_dir() else path)
    except (OSError, ValueError, KeyError, RuntimeError) as e:
        raise ModelError(f"wav2vec 2.0 model {path} cannot be loaded: {str(e).strip().splitlines()[0][:200]}") from e
    network.config.apply_spec_augment = False  # masking of the input is for training it from scratch
    return SpeechEncoder(network.eval())


def hearing(encode: Encode, config: SpeechCatConfig) -> Callable[[Path], np.ndarray]:
    """Speech features of a sound file at 50 Hz, in the blocks of a live stream. For `training.corpus.load_corpus`."""

    def hear(path: Path) -> np.ndarray:
        samples = read_audio(path).samples
        if config.encoder_tuned:  # states that change while the encoder learns are not worth making here
            return np.zeros((round(len(samples) / SAMPLE_RATE * TokenWindows.of(config).rate), 1), np.float32)
        return heard(samples, encode, config)

    return hear


def heard(samples: np.ndarray, encode: Encode, config: SpeechCatConfig) -> np.ndarray:
    """States [F, C] of a recording [N], F as long as the recording."""
    windows = TokenWindows.of(config)
    frames = max(1, round(len(samples) / SAMPLE_RATE * windows.rate))
    ends: list[int] = []
    token = 0
    while not ends or (ends[-1] - REACH) // HOP + 1 < frames:
        ends.append(windows.samples(token))
        token += 1
    return encode_whole(samples, ends, encode)[:frames]


def example() -> torch.Tensor:
    """An input for the exporter: two blocks."""
    return torch.zeros(2, SAMPLES)
