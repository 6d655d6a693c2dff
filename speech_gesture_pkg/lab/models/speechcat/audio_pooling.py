"""Speech of a token's time window to one vector a part: strided convolutions, then learned attention pooling."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as fn


class AudioPooling(nn.Module):
    """Every window is pooled by itself, so that token by token equals all at once.

    Args:
        channels: of a speech feature frame.
        length: feature frames in a window.
        width: channels of the result.
        parts: token streams; each has its own query.
    """

    def __init__(self, channels: int, length: int, width: int, parts: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv1d(channels, width, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Conv1d(width, width, 3, stride=2, padding=1),
            nn.GELU(),
        )
        steps = (((length + 1) // 2) + 1) // 2
        self.places = nn.Parameter(torch.randn(steps, width) * 0.02)
        self.norm = nn.LayerNorm(width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.queries = nn.Parameter(torch.randn(parts, width) * 0.2)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """windows [N, length, channels] -> [parts, N, width]."""
        states = self.norm(self.convolutions(windows.transpose(1, 2)).transpose(1, 2) + self.places)
        scores = self.key(states) @ self.queries.T / states.shape[-1] ** 0.5
        weights = fn.softmax(scores, 1)
        return torch.einsum("nsp,nsw->pnw", weights, self.value(states))
