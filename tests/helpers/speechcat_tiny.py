"""A SpeechCAT of a few thousand weights, exported, for tests. Untrained: it moves, but means nothing."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from speech_gesture_pkg.features.vectors import SPEECH_VECTOR
from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig

TINY = SpeechCatConfig(
    codes=16, vq_width=16, vq_depth=1, width=16, layers=1, heads=2, window=6, audio_width=8, speakers=("ann", "bob")
)


def made_tiny(config: SpeechCatConfig = TINY, channels: int = SPEECH_VECTOR, seed: int = 0) -> Any:
    """The networks with random weights."""
    import torch

    from speech_gesture_pkg.lab.models.speechcat.model import SpeechCat

    torch.manual_seed(seed)
    model = SpeechCat(config, channels).eval()
    for part in config.parts:
        codebook = model.vqvae(part).quantiser._codebook
        codebook.embed.data.normal_()
        codebook.initted.fill_(True)
        normaliser = model.normaliser(part)
        normaliser.deviation.fill_(0.1)
        if part != "face":  # rotations near the identity: their first two columns
            columns = len(normaliser.mean) // 6 * 6
            normaliser.mean[0:columns:6] = 1.0
            normaliser.mean[4:columns:6] = 1.0
        normaliser.calm.copy_(normaliser.mean)
    return model


SMALL_ENCODER = {
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
"""Sizes of a wav2vec 2.0 or HuBERT of some thousand weights."""


def small_wav2vec2(folder: Path) -> None:
    """Write a wav2vec 2.0 of some thousand random weights."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    torch.manual_seed(0)
    settings = Wav2Vec2Config(
        hidden_size=16,
        intermediate_size=16,
        **SMALL_ENCODER,
    )
    Wav2Vec2Model(settings).save_pretrained(folder)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


@cache
def tiny_bundle() -> Path:
    """The same bundle for all tests of a session: exporting takes seconds."""
    from speech_gesture_pkg.lab.models.speechcat.export import export_speechcat

    _KEPT.append(tempfile.TemporaryDirectory(prefix="speechcat_tiny_"))
    return export_speechcat(made_tiny(), Path(_KEPT[-1].name) / "bundle", {"settings": {"seed": 0}})
