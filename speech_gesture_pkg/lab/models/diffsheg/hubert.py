"""HuBERT for DiffSHEG's training: as it is, its states made once and kept beside the other features."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.generators.diffsheg.hubert import HubertWindows, frame_states
from speech_gesture_pkg.lab.datasets.cache import FeatureCache
from speech_gesture_pkg.lab.models.speech_encoder import SpeechEncoder, load_encoder
from speech_gesture_pkg.lab.training.corpus import Feature

HUBERT = "hubert"
"""Name of its states in a recording."""
_MOST_BYTES = 64 * 1024**3
"""Bound of the kept states: 60 hours at 15 fps with 1024 channels are 13 GB."""


def load_hubert(config: DiffShegConfig) -> SpeechEncoder:
    """The HuBERT of a configuration, on the GPU if there is one.

    Raises:
        ConfigError: no path, or its states have another number of channels than the configuration says.
        ModelError, MissingDependencyError: see `load_encoder`.
    """
    encoder = load_encoder(config.hubert_path, "hubert")
    if encoder.channels != config.hubert:
        raise ConfigError(
            f"diffsheg hubert is {config.hubert}, but the states of {config.hubert_path} have {encoder.channels} "
            "channels; set hubert to that"
        )
    encoder.requires_grad_(False)
    return encoder.to("cuda") if torch.cuda.is_available() else encoder


def hubert_feature(encoder: SpeechEncoder, config: DiffShegConfig, cache: str | Path) -> Feature:
    """States of a sound file at the network's frames [T, H], from the cache or made, for `load_corpus`.

    States are kept for these weights and windows only: `HubertWindows` and the weights are in the files' names.
    """
    kept = FeatureCache(Path(cache) / "hubert", _MOST_BYTES)
    about = f"{encoder.digest()}|{HubertWindows.of(config)}"
    name = f"hubert-{hashlib.sha256(about.encode()).hexdigest()[:16]}"

    def make(path: str | Path) -> np.ndarray:
        return frame_states(read_audio(path).samples, encoder.encode, config)

    return Feature(lambda path: kept.kept(path, name, config.hubert, make))
