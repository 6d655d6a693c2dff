"""Building blocks of UniEG (paper section 3.3, figure 2)."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as fn


def step_embedding(step: torch.Tensor, width: int) -> torch.Tensor:
    """Sinusoids of diffusion steps [B] (cosines first). Shape [B, width]."""
    half = width // 2
    rates = torch.exp(-math.log(10000.0) / half * torch.arange(half, dtype=torch.float32, device=step.device))
    angles = step.float()[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], -1)


def positions(count: int, width: int) -> torch.Tensor:
    """Table of positions (Vaswani et al. 2017): sines and cosines in turn. Shape [count, width]."""
    angles = torch.arange(count)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    return torch.stack([angles.sin(), angles.cos()], -1).reshape(count, width)


def embedder(size: int, width: int) -> nn.Sequential:
    """Two linear layers for diffusion step or person."""
    return nn.Sequential(nn.Linear(size, width), nn.SiLU(), nn.Linear(width, width))


def _zero(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class AdaIN(nn.Module):
    """Stylisation after attention and after the feed-forward layer: LN(y) * (1 + scale) + shift, SiLU, linear.

    Args:
        width: channels.
        embedding: channels of the embedding of step and person; 0 = none, then it is a plain LayerNorm.
    """

    def __init__(self, width: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.style = nn.Linear(embedding, 2 * width) if embedding else None
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.out = _zero(nn.Linear(width, width))

    def table(self, embedded: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Factor and summand [B, width] of the normalised channels, with those of the LayerNorm in them."""
        if self.style is None or embedded is None:
            return self.norm.weight[None], self.norm.bias[None]
        scale, shift = self.style(fn.silu(embedded)).chunk(2, -1)
        return self.norm.weight * (1 + scale), self.norm.bias * (1 + scale) + shift

    def forward(self, y: torch.Tensor, embedded: torch.Tensor | None) -> torch.Tensor:
        """y [B, T, width], embedded [B, embedding]."""
        y = self.norm(y)
        if self.style is not None and embedded is not None:
            scale, shift = self.style(fn.silu(embedded))[:, None].chunk(2, -1)
            y = y * (1 + scale) + shift
        return self.out(self.dropout(fn.silu(y)))


def linear_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, heads: int) -> torch.Tensor:
    """Efficient attention (Shen et al. 2021): softmax of q over channels, of k over time. All [B, T, width]."""
    count, frames, width = q.shape
    q, k, v = (a.reshape(count, frames, heads, width // heads).transpose(1, 2) for a in (q, k, v))
    context = k.softmax(-2).transpose(-1, -2) @ v
    return (q.softmax(-1) @ context).transpose(1, 2).reshape(count, frames, width)


class Neighbours(nn.Module):
    """Depthwise convolution over time of the normalised features, added to them. Not in the paper."""

    def __init__(self, width: int, frames: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Conv1d(width, width, frames, padding=frames // 2, groups=width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, T, width] -> the same."""
        return x + self.mix(self.norm(x).transpose(1, 2)).transpose(1, 2)


class Around(nn.Module):
    """Frames with their neighbours to one vector each: averaging over time separates motion from noise.

    Args:
        size, width: channels in and out.
        frames: seen at once, odd.
    """

    def __init__(self, size: int, width: int, frames: int) -> None:
        super().__init__()
        self.mix = nn.Conv1d(size, width, frames, padding=frames // 2, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, T, size] -> [B, T, width]."""
        return self.mix(x.transpose(1, 2)).transpose(1, 2)


class Smooth(nn.Module):
    """A filter over time of each channel by itself; starts as a bell. The first and last frame are continued."""

    def __init__(self, size: int, frames: int) -> None:
        super().__init__()
        self.reach = frames // 2
        self.mix = nn.Conv1d(size, size, frames, groups=size, bias=False)
        place = torch.arange(frames) - self.reach
        bell = torch.exp(-0.5 * (place / (frames / 4)).square())
        with torch.no_grad():
            self.mix.weight.copy_((bell / bell.sum()).expand(size, 1, -1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, T, size] -> the same."""
        ends = [x[:, :1].expand(-1, self.reach, -1), x, x[:, -1:].expand(-1, self.reach, -1)]
        return self.mix(torch.cat(ends, 1).transpose(1, 2)).transpose(1, 2)


class StyledLayer(nn.Module):
    """Style-aware transformer layer: linear self-attention and feed-forward layer, an AdaIN after each.

    With `local`, `Neighbours` of so many frames come first.
    """

    def __init__(self, width: int, heads: int, feed: int, embedding: int, dropout: float, local: int = 0) -> None:
        super().__init__()
        self.heads = heads
        self.neighbours = Neighbours(width, local) if local else None
        self.norm = nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.attended = AdaIN(width, embedding, dropout)
        self.rise = nn.Linear(width, feed)
        self.dropout = nn.Dropout(dropout)
        # with both this and the AdaIN's layer at zero, and no embedding to shift it, no gradient would ever pass
        self.fall = _zero(nn.Linear(feed, width)) if embedding else nn.Linear(feed, width)
        self.fed = AdaIN(width, embedding, dropout)

    def forward(self, x: torch.Tensor, embedded: torch.Tensor | None) -> torch.Tensor:
        """x [B, T, width], embedded [B, embedding]."""
        if self.neighbours is not None:
            x = self.neighbours(x)
        normed = self.norm(x)
        y = linear_attention(self.query(normed), self.key(normed), self.value(normed), self.heads)
        x = x + self.attended(y, embedded)
        y = self.fall(self.dropout(fn.gelu(self.rise(x))))
        return x + self.fed(y, embedded)


class Fusion(nn.Module):
    """Motion-speech fusion residual block: LN and MLP of motion and conditions, added to the motion.

    Args:
        width: channels of the motion.
        conditions: channels of speech (and of the other branch's prediction).
        null: whether conditions may be absent: a learned vector then stands for motion and conditions together.
    """

    def __init__(self, width: int, conditions: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width + conditions)
        self.rise = nn.Linear(width + conditions, 2 * width)
        self.fall = nn.Linear(2 * width, width)

    def residual(self, both: torch.Tensor) -> torch.Tensor:
        """both [..., width + conditions] -> [..., width]."""
        return self.fall(fn.silu(self.rise(self.norm(both))))
