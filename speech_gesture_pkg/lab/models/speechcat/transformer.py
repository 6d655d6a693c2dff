"""The causal transformer over body, hands and face tokens, with cross-attention between the parts (thesis section 3.2).

All parts run side by side: every weight has the part as its first axis. Positions enter as a learned bias by distance,
and attention looks back a fixed number of tokens, so that a stream has no end and a cache of fixed size gives the same
numbers as the whole sequence.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as fn

from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig
from speech_gesture_pkg.lab.models.speechcat.audio_pooling import AudioPooling

STYLE_SIZE = 2
"""Amplitude and rate."""
_FAR = -1e9


class PartLinear(nn.Module):
    """A linear layer of its own for every part: [P, B, T, I] -> [P, B, T, O]."""

    def __init__(self, parts: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(parts, 1, inputs, outputs) * inputs**-0.5)
        self.bias = nn.Parameter(torch.zeros(parts, 1, 1, outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply each part's own weights."""
        return x @ self.weight + self.bias


class PartNorm(nn.Module):
    """Layer normalisation with a gain and an offset for every part."""

    def __init__(self, parts: int, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(parts, 1, 1, width))
        self.offset = nn.Parameter(torch.zeros(parts, 1, 1, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[P, B, T, D] -> [P, B, T, D]."""
        return fn.layer_norm(x, x.shape[-1:]) * self.gain + self.offset


class Attention(nn.Module):
    """Causal attention of each part, to itself or to all other parts.

    Args:
        parts, width, heads, window: see `SpeechCatConfig`.
        across: attend to the other parts instead of the part itself. Each part keeps its own query, key and value.
    """

    def __init__(self, parts: int, width: int, heads: int, window: int, across: bool) -> None:
        super().__init__()
        self.norm = PartNorm(parts, width)
        self.query = PartLinear(parts, width, width)
        self.memory = PartLinear(parts, width, 2 * width)
        self.out = PartLinear(parts, width, width)
        self.heads, self.window = heads, window
        self.sources = [[q for q in range(parts) if q != p] for p in range(parts)] if across else None
        seen = parts - 1 if across else 1
        self.distance = nn.Parameter(torch.zeros(parts, 1, heads, seen, window))

    def forward(self, x: torch.Tensor, past: torch.Tensor, known: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What attention adds to `x` [P, B, T, D], and the new keys and values.

        Args:
            x: the hidden states of T tokens.
            past: keys and values of the `window - 1` tokens before them. Shape [P, B, window - 1, 2 D].
            known: 1 where `past` holds a token, 0 before the start. Shape [B, window - 1].

        Returns:
            [P, B, T, D], and the next `past`.
        """
        parts, batch, count, width = x.shape
        hidden = self.norm(x)
        query = self._split(self.query(hidden))
        whole = torch.cat([past, self.memory(hidden)], 2)
        if self.sources is None:
            seen = whole[:, None]
        else:
            seen = torch.stack([torch.stack([whole[q] for q in others]) for others in self.sources])
        key, value = seen.chunk(2, -1)
        kinds, span = seen.shape[1], whole.shape[2]
        # [P, S, B, span, D] -> [P, B, H, S * span, D / H]
        key = key.reshape(parts, kinds, batch, span, self.heads, -1).permute(0, 2, 4, 1, 3, 5).flatten(3, 4)
        value = value.reshape(parts, kinds, batch, span, self.heads, -1).permute(0, 2, 4, 1, 3, 5).flatten(3, 4)
        scores = query @ key.transpose(-1, -2) * (width // self.heads) ** -0.5
        scores = scores + self._bias(count, span, known).flatten(4, 5)
        mixed = fn.softmax(scores, -1) @ value
        mixed = mixed.permute(0, 1, 3, 2, 4).reshape(parts, batch, count, width)
        return self.out(mixed), whole[:, :, count:]

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        parts, batch, count, _ = x.shape
        return x.reshape(parts, batch, count, self.heads, -1).permute(0, 1, 3, 2, 4)

    def _bias(self, count: int, span: int, known: torch.Tensor) -> torch.Tensor:
        """Learned bias by distance; far below zero for the future, beyond the window and before the start.

        Shape [P, B, H, T, S, span].
        """
        now = torch.arange(count, device=known.device)[:, None] + (self.window - 1)
        back = now - torch.arange(span, device=known.device)[None]
        inside = (back >= 0) & (back < self.window)
        # a product with one-hot distances instead of indexing: every exporter and provider knows it
        bias = self.distance[..., back.clamp(0, self.window - 1)]  # [P, 1, H, S, T, span]
        there = torch.cat([known, known.new_ones(known.shape[0], count)], 1)
        blocked = (1.0 - inside.to(bias.dtype))[None] + (1.0 - there)[:, None]
        return bias.permute(0, 1, 2, 4, 3, 5) + _FAR * blocked[None, :, None, :, None]


class Layer(nn.Module):
    """Self-attention, cross-attention (if any), feed-forward; each adds to its normalised input."""

    def __init__(self, config: SpeechCatConfig, parts: int) -> None:
        super().__init__()
        shape = (parts, config.width, config.heads, config.window)
        self.itself = Attention(*shape, across=False)
        self.others = Attention(*shape, across=True) if config.cross_attention else None
        self.norm = PartNorm(parts, config.width)
        self.wide = PartLinear(parts, config.width, 4 * config.width)
        self.narrow = PartLinear(parts, 4 * config.width, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: torch.Tensor, past: torch.Tensor, known: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """x [P, B, T, D], past [A, P, B, window - 1, 2 D] -> the same, renewed (A attentions)."""
        added, first = self.itself(x, past[0], known)
        x = x + self.dropout(added)
        kept = [first]
        if self.others is not None:
            added, second = self.others(x, past[1], known)
            x = x + self.dropout(added)
            kept.append(second)
        x = x + self.dropout(self.narrow(fn.gelu(self.wide(self.norm(x)))))
        return x, torch.stack(kept)


class TokenTransformer(nn.Module):
    """p(S_i | speech, S_<i) for all parts at once.

    Args:
        config: the shape.
        channels, length: of a speech window (see `AudioPooling`).
    """

    def __init__(self, config: SpeechCatConfig, channels: int, length: int) -> None:
        super().__init__()
        parts = len(config.parts)
        self.config, self.parts = config, parts
        self.start = config.codes
        """The index that stands before the first token."""
        self.listening = AudioPooling(channels, length, config.audio_width, parts)
        self.hear = PartLinear(parts, config.audio_width, config.width)
        self.embed = nn.Parameter(torch.randn(parts, config.codes + 1, config.width) * 0.5)
        self.speakers = nn.Embedding(len(config.speakers), config.width)
        self.style = nn.Linear(STYLE_SIZE, config.width)
        self.layers = nn.ModuleList(Layer(config, parts) for _ in range(config.layers))
        self.norm = PartNorm(parts, config.width)
        self.predict = PartLinear(parts, config.width, config.codes)
        self.dropout = nn.Dropout(config.dropout)

    @property
    def attentions(self) -> int:
        """Attentions in a layer."""
        return 2 if self.config.cross_attention else 1

    def empty(self, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Memory before the first token: past [layers, A, P, B, window - 1, 2 D] and known [B, window - 1]."""
        c = self.config
        shape = (c.layers, self.attentions, self.parts, batch, c.window - 1, 2 * c.width)
        where = self.embed.device
        return torch.zeros(shape, device=where), torch.zeros(batch, c.window - 1, device=where)

    def forward(
        self,
        tokens: torch.Tensor,
        windows: torch.Tensor,
        speaker: torch.Tensor,
        style: torch.Tensor,
        past: torch.Tensor,
        known: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits of T next tokens.

        Args:
            tokens: the tokens *before* each predicted one (`start` before the first). Shape [P, B, T].
            windows: speech of each predicted token. Shape [B, T, length, channels].
            speaker: index. Shape [B].
            style: amplitude and rate as log2 of the ratio to the corpus' median. Shape [B, T, 2].
            past, known: from `empty` or the last call.

        Returns:
            logits [P, B, T, codes], past, known.
        """
        batch, count = tokens.shape[1:]
        speech = self.hear(self.listening(windows.flatten(0, 1)).unflatten(1, (batch, count)))
        rows = torch.stack([fn.embedding(tokens[p], self.embed[p]) for p in range(self.parts)])
        who = self.speakers(speaker)[None, :, None]
        x = self.dropout(rows + speech + who)
        if self.config.style:
            x = x + self.style(style)[None]
        kept = []
        for i, layer in enumerate(self.layers):
            x, memory = layer(x, past[i], known)
            kept.append(memory)
        there = torch.cat([known, known.new_ones(batch, count)], 1)[:, count:]
        return self.predict(self.norm(x)), torch.stack(kept), there
