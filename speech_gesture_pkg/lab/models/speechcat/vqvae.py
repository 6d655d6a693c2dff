"""VQ-VAE of one part: 1-D convolutions, nearest code, and a decoder that can run token by token.

Thesis section 3.1: L = |m - D(z)|^2 + |sg(E(m)) - z|^2 + beta |E(m) - sg(z)|^2. The codebook follows the encoder by
moving averages instead of the second term (van den Oord et al. 2017, appendix A.1), and codes that nobody uses are
replaced from the batch: vector-quantize-pytorch does both.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as fn
from vector_quantize_pytorch import VectorQuantize

from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig

_DILATIONS = (1, 3)


class CausalConv(nn.Conv1d):
    """Convolution over the present and the past only: what comes before the first frame counts as zero."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, C, T] -> [B, C', T]."""
        reach = (self.kernel_size[0] - 1) * self.dilation[0]
        return super().forward(fn.pad(x, (reach, 0)))


class Residual(nn.Module):
    """x + conv(gelu(conv_dilated(gelu(x))))."""

    def __init__(self, width: int, dilation: int, causal: bool) -> None:
        super().__init__()
        if causal:
            self.spread: nn.Conv1d = CausalConv(width, width, 3, dilation=dilation)
        else:
            self.spread = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, W, T] -> [B, W, T]."""
        mixed: torch.Tensor = self.mix(fn.gelu(self.spread(fn.gelu(x))))
        return x + mixed


def _blocks(width: int, depth: int, causal: bool) -> list[nn.Module]:
    return [Residual(width, _DILATIONS[i % len(_DILATIONS)], causal) for i in range(depth)]


class Decoder(nn.Module):
    """Codes to frames. Frames of a token depend on that token, on those before, and on `decoder_ahead` after it.

    Attributes:
        history: tokens (with the newest) that decide about the newest token's frames.
    """

    def __init__(self, size: int, config: SpeechCatConfig) -> None:
        super().__init__()
        width, depth = config.vq_width, config.vq_depth
        scales = int(math.log2(config.downsample))
        layers: list[nn.Module] = [CausalConv(config.code_dim, width, 3), *_blocks(width, depth, True)]
        for _ in range(scales):
            layers += [nn.Upsample(scale_factor=2, mode="nearest"), CausalConv(width, width, 3)]
            layers += _blocks(width, depth, True)
        layers += [nn.GELU(), CausalConv(width, size, 3)]
        self.layers = nn.Sequential(*layers)
        self.downsample, self.ahead = config.downsample, config.decoder_ahead
        reach, scale = 0.0, 1
        for layer in layers:
            if isinstance(layer, nn.Upsample):
                scale *= 2
            conv = layer.spread if isinstance(layer, Residual) else layer
            if isinstance(conv, CausalConv):
                reach += (conv.kernel_size[0] - 1) * conv.dilation[0] / scale
        self.history = 1 + math.ceil(reach)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """All frames at once: codes [B, C, N] -> frames [B, S, N * downsample]. The last code stands for later ones."""
        if self.ahead:
            codes = torch.cat([codes, codes[:, :, -1:].expand(-1, -1, self.ahead)], 2)
        frames: torch.Tensor = self.layers(codes)
        return frames[:, :, self.ahead * self.downsample :]


class MotionVQVAE(nn.Module):
    """Encoder, codebook and decoder of one token stream. Motion is normalised (mean 0, deviation 1 per channel)."""

    def __init__(self, size: int, config: SpeechCatConfig) -> None:
        super().__init__()
        width = config.vq_width
        layers: list[nn.Module] = [nn.Conv1d(size, width, 3, padding=1)]
        for _ in range(int(math.log2(config.downsample))):
            layers += [*_blocks(width, config.vq_depth, False), nn.Conv1d(width, width, 4, stride=2, padding=1)]
        layers += [*_blocks(width, config.vq_depth, False), nn.GELU(), nn.Conv1d(width, config.code_dim, 3, padding=1)]
        self.encoder = nn.Sequential(*layers)
        self.quantiser = VectorQuantize(
            dim=config.code_dim,
            codebook_size=config.codes,
            decay=0.99,
            commitment_weight=0.25,
            kmeans_init=True,
            kmeans_iters=10,
            threshold_ema_dead_code=1.0,
        )
        self.decoder = Decoder(size, config)

    def forward(self, motion: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Reconstruct normalised motion [B, T, S] (T a multiple of the tokens' length).

        Returns:
            frames [B, T, S], indices [B, T / downsample], commitment loss (scalar, weighted).
        """
        latent = self.encoder(motion.transpose(1, 2)).transpose(1, 2)
        codes, indices, commitment = self.quantiser(latent)
        return self.decoder(codes.transpose(1, 2)).transpose(1, 2), indices, commitment.sum()

    @torch.no_grad()
    def encode(self, motion: torch.Tensor) -> torch.Tensor:
        """Token indices [B, N] of normalised motion [B, N * downsample, S]."""
        latent = self.encoder(motion.transpose(1, 2)).transpose(1, 2)
        distance = torch.cdist(latent, self.codebook[None].expand(len(latent), -1, -1))
        return distance.argmin(-1)

    def decode(self, indices: torch.Tensor) -> torch.Tensor:
        """Frames [B, N * downsample, S] of indices [B, N]."""
        return self.decoder(self.codebook[indices].transpose(1, 2)).transpose(1, 2)

    @property
    def codebook(self) -> torch.Tensor:
        """Codes [codes, code_dim]."""
        codebook: torch.Tensor = self.quantiser.codebook
        return codebook
