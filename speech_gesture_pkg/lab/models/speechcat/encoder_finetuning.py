"""A wav2vec 2.0 encoder that learns along with the transformer: from the audio itself to the speech of each token."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from speech_gesture_pkg.features.encoded import FRAMES, SAMPLES
from speech_gesture_pkg.generators.feature_windows import SpeechWindows
from speech_gesture_pkg.lab.models.speech_encoder import SpeechEncoder


class BlockCutter:
    """The blocks of audio in which a stream is encoded (`features.encoded`), and where each token's states are in them.

    Args:
        windows: of the tokens.
        count: tokens of a training sequence.
    """

    def __init__(self, windows: SpeechWindows, count: int) -> None:
        self._windows, self._count = windows, count
        new = windows.end(1) - windows.end(0)
        self._before = -(-windows.length // max(1, new - 1))
        """Tokens before a sequence whose blocks hold states that its first token sees."""

    def cut(self, audio: np.ndarray, first: int) -> dict[str, torch.Tensor]:
        """For tokens from `first` on, of a recording [N]:

        "blocks" [K, SAMPLES], float32; "where" [count, length, 2]: block and frame of each state that a token sees;
        "there" [count, length]: 0 for what lies before the recording, which counts as zeros.
        """
        w = self._windows
        tokens = np.arange(first - self._before, first + self._count)
        padded = np.concatenate([np.zeros(SAMPLES, np.float32), np.asarray(audio, np.float32)])
        blocks = np.zeros((len(tokens), SAMPLES), np.float32)
        for row, token in enumerate(tokens):
            if token >= 0:
                piece = padded[w.samples(int(token)) :][:SAMPLES]
                blocks[row, : len(piece)] = piece
        ends = np.array([w.end(int(t)) if t >= 0 else 0 for t in tokens])
        states = np.array([w.first(first + k) + np.arange(w.length) for k in range(self._count)])
        rows = np.minimum(np.searchsorted(ends, states, side="right"), len(ends) - 1)
        frames = FRAMES - (ends[rows] - states)
        there = (states >= 0) & (frames >= 0)
        where = np.stack([np.where(there, rows, 0), np.where(there, frames, 0)], -1)
        return {
            "blocks": torch.from_numpy(blocks),
            "where": torch.from_numpy(where),
            "there": torch.from_numpy(there.astype(np.float32)),
        }


class TunedEncoder(nn.Module):
    """Blocks to the speech windows that `TokenTransformer` takes. The encoder's convolutions stay, as is usual."""

    def __init__(self, encoder: SpeechEncoder) -> None:
        super().__init__()
        self.encoder = encoder.requires_grad_(True)
        self.encoder.network.freeze_feature_encoder()  # type: ignore[operator]
        self.encoder.network.config.layerdrop = 0.0  # type: ignore[union-attr]

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """A batch of `BlockCutter.cut` -> [B, count, length, C]."""
        blocks, where = batch["blocks"], batch["where"]
        states = self.encoder(blocks.flatten(0, 1)).unflatten(0, blocks.shape[:2])
        rows = torch.arange(len(blocks), device=blocks.device)[:, None, None]
        seen: torch.Tensor = states[rows, where[..., 0], where[..., 1]] * batch["there"][..., None]
        return seen
