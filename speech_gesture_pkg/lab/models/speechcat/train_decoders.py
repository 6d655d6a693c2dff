"""Between the two stages of SpeechCAT: the decoders learn to move as smoothly as people do.

A code says little about speed: decoders that were trained on the poses put a step at every border of a token, which a
robot would show. Here they go on alone, with the errors of velocity and acceleration. Encoders and codebooks stay, so
that tokens keep their meaning.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as fn
from torch.utils.data import Dataset

from speech_gesture_pkg.lab.models.speechcat.model import SpeechCat
from speech_gesture_pkg.lab.models.speechcat.train_codes import Crops, PointErrors, reconstruction_figures
from speech_gesture_pkg.lab.models.speechcat.utterances import Utterance

_CROP = 24
"""Tokens in a training sequence (3.2 s)."""
_VELOCITY, _ACCELERATION = 0.5, 0.1
"""Weights of their errors, each relative to the motion's own mean square."""


class _Network(nn.Module):
    def __init__(self, model: SpeechCat) -> None:
        super().__init__()
        self.model, self.points = model, PointErrors(model.config)

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        total = torch.zeros((), device=next(iter(batch.values())).device)
        losses: dict[str, torch.Tensor] = {}
        for part in self.model.config.parts:
            normaliser, vqvae = self.model.normaliser(part), self.model.vqvae(part)
            target = normaliser(batch[part])
            with torch.no_grad():
                codes = vqvae.codebook[vqvae.encode(target)]
            made = vqvae.decoder(codes.transpose(1, 2)).transpose(1, 2)
            rebuilt = fn.mse_loss(made, target)
            speed = _relative(made.diff(dim=1), target.diff(dim=1))
            jolt = _relative(made.diff(n=2, dim=1), target.diff(n=2, dim=1))
            losses |= {f"{part}_reconstruction": rebuilt, f"{part}_velocity": speed, f"{part}_acceleration": jolt}
            total = total + rebuilt + _VELOCITY * speed + _ACCELERATION * jolt
            if part != "face":
                away = self.points(part, normaliser.inverse(made), batch[part])
                losses[f"{part}_positions"] = away
                total = total + away
        return {"loss": total, **losses}


def _relative(made: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return fn.mse_loss(made, target) / target.square().mean().clamp_min(1e-8)


class DecodersStage:
    """Trains the decoders of trained codebooks (see `engine.Stage`).

    Args:
        model: everything but its decoders is left alone.
        train, held_out: utterances.
    """

    name = "decoders"

    def __init__(self, model: SpeechCat, train: Sequence[Utterance], held_out: Sequence[Utterance]) -> None:
        self.model, self._train, self._held_out = model.requires_grad_(False), train, held_out
        for part in model.config.parts:
            model.vqvae(part).decoder.requires_grad_(True)
        self.network: nn.Module = _Network(model)

    def data(self) -> Dataset[dict[str, torch.Tensor]]:
        """Random sequences of 24 tokens."""
        return Crops(self._train, _CROP * self.model.config.downsample)

    def validate(self, network: nn.Module) -> dict[str, float]:
        """`reconstruction_figures` on the held-out utterances."""
        model = network.model
        assert isinstance(model, SpeechCat)
        return reconstruction_figures(model, self._held_out)
