"""SpeechCAT to a folder of two ONNX networks and a card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from speech_gesture_pkg.export.onnx import export
from speech_gesture_pkg.generators.speechcat.bundle import CARD, DECODERS, FORMAT, TRANSFORMER, sha256_of
from speech_gesture_pkg.generators.speechcat.network.model import SpeechCat
from speech_gesture_pkg.generators.speechcat.network.transformer import TokenTransformer
from speech_gesture_pkg.generators.speechcat.windows import TokenWindows


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


def export_speechcat(model: SpeechCat, folder: str | Path, facts: dict[str, Any]) -> Path:
    """Write the folder that `SpeechCatBundle.load` reads. Returns it.

    Args:
        model: trained networks.
        folder: is made if need be; files of the same names are replaced.
        facts: for the card: training data, licence, metrics, hashes.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model = model.eval().cpu()
    config = model.config
    past, known = model.transformer.empty(1)
    parts, length = len(config.parts), TokenWindows.of(config).length
    inputs = {
        "tokens": torch.zeros(parts, 1, 1, dtype=torch.long),
        "windows": torch.zeros(1, 1, length, model.channels),
        "speaker": torch.zeros(1, dtype=torch.long),
        "style": torch.zeros(1, 1, 2),
        "past": past,
        "known": known,
    }
    export(_Step(model.transformer), inputs, ("logits", "new_past", "new_known"), folder / TRANSFORMER)
    names = tuple(f"frames_{p}" for p in config.parts)
    history = torch.zeros(parts, max(model.history, 2), dtype=torch.long)
    export(_Decoders(model), {"indices": history}, names, folder / DECODERS, dynamic={"indices": {1: "tokens"}})
    card = {
        "format": FORMAT,
        "config": config.to_dict(),
        "history": model.history,
        "past_shape": list(past.shape),
        "known_shape": list(known.shape),
        "calm": {p: model.normaliser(p).calm.tolist() for p in config.parts},
        "files": {name: sha256_of(folder / name) for name in (TRANSFORMER, DECODERS)},
        "facts": facts,
    }
    (folder / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return folder
