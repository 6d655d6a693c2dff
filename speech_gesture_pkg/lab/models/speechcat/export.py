"""SpeechCAT to a folder of two ONNX networks and a card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.generators.model_bundle import write_card
from speech_gesture_pkg.generators.speechcat.bundle import DECODERS, ENCODER, NAME, TRANSFORMER
from speech_gesture_pkg.lab.models.onnx_export import export
from speech_gesture_pkg.lab.models.speech_encoder import SpeechEncoder
from speech_gesture_pkg.lab.models.speech_encoder_export import export_encoder
from speech_gesture_pkg.lab.models.speechcat.model import SpeechCat
from speech_gesture_pkg.lab.models.speechcat.transformer import TokenTransformer


class _Step(nn.Module):
    """One token of the transformer with its memory, outputs in a fixed order."""

    def __init__(self, transformer: TokenTransformer) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(
        self,
        tokens: torch.Tensor,
        windows: torch.Tensor,
        speaker: torch.Tensor,
        style: torch.Tensor,
        past: torch.Tensor,
        known: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        # without the style input in the graph, the exporter would drop it from the network's inputs
        logits, new_past, new_known = self.transformer(tokens, windows, speaker, style, past, known)
        return logits + 0.0 * style.sum(), new_past, new_known


class _Decoders(nn.Module):
    """Histories of tokens [P, N] to raw vectors [N * downsample, size] of every part."""

    def __init__(self, model: SpeechCat) -> None:
        super().__init__()
        self.model = model

    def forward(self, indices: torch.Tensor) -> tuple[torch.Tensor, ...]:
        made = []
        for i, part in enumerate(self.model.config.parts):
            vqvae = self.model.vqvae(part)
            codes = torch.nn.functional.embedding(indices[i][None], vqvae.codebook)
            # no look-ahead shift here: the caller asks for the frames that the newest token completes
            frames = vqvae.decoder.layers(codes.transpose(1, 2)).transpose(1, 2)[0]
            made.append(self.model.normaliser(part).inverse(frames))
        return tuple(made)


def export_speechcat(
    model: SpeechCat, folder: str | Path, facts: dict[str, Any], encoder: SpeechEncoder | None = None
) -> Path:
    """Write the folder that `SpeechCatBundle.load` reads. Returns it.

    Args:
        model: trained networks.
        folder: is made if need be; files of the same names are replaced.
        facts: for the card: training data, licence, metrics, hashes.
        encoder: of the speech, with `encoder: wav2vec2`.

    Raises:
        ConfigError: the configuration's encoder is wav2vec2 and none is given.
    """
    if (model.config.encoder == "wav2vec2") != (encoder is not None):
        raise ConfigError(f"speechcat encoder is {model.config.encoder}; only wav2vec2 is exported with an encoder")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model = model.eval().cpu()
    config = model.config
    # an example of two: the exporter takes a length of one for fixed
    past, known = model.transformer.empty(2)
    parts, length = len(config.parts), config.windows.length
    inputs = {
        "tokens": torch.zeros(parts, 2, 1, dtype=torch.long),
        "windows": torch.zeros(2, 1, length, model.channels),
        "speaker": torch.zeros(2, dtype=torch.long),
        "style": torch.zeros(2, 1, 2),
        "past": past,
        "known": known,
    }
    streams = {n: {a: "streams"} for n, a in zip(inputs, (1, 0, 0, 0, 3, 0), strict=True)}
    outputs = ("logits", "new_past", "new_known")
    export(_Step(model.transformer), inputs, outputs, folder / TRANSFORMER, dynamic=streams)
    past, known = model.transformer.empty(1)
    names = tuple(f"frames_{p}" for p in config.parts)
    history = torch.zeros(parts, max(model.history, 2), dtype=torch.long)
    export(_Decoders(model), {"indices": history}, names, folder / DECODERS, dynamic={"indices": {1: "tokens"}})
    files = [TRANSFORMER, DECODERS]
    if encoder is not None:
        export_encoder(encoder, folder / ENCODER)
        files.append(ENCODER)
    card = {
        "config": config.to_dict(),
        "history": model.history,
        "past_shape": list(past.shape),
        "known_shape": list(known.shape),
        "calm": {p: model.normaliser(p).calm.tolist() for p in config.parts},
        "facts": facts,
    }
    write_card(folder, NAME, files, card)
    return folder
