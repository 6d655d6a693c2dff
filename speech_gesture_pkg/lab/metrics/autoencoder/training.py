"""Training of the autoencoders (torch). Seeded; deterministic on the CPU; goes on where it was stopped.

The loss is the mean squared error of z-scores. The decoder mirrors the encoder and is thrown away afterwards.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as fn

from speech_gesture_pkg.errors import InputError, OutputError
from speech_gesture_pkg.lab.metrics.autoencoder.corpus import LatentCorpus, normalisation, stacked
from speech_gesture_pkg.lab.metrics.autoencoder.encoder import SLOPE, LatentEncoder, with_reference, z_scores
from speech_gesture_pkg.lab.metrics.autoencoder.settings import AutoencoderSettings

SAVE_EVERY = 500
"""Steps between two snapshots."""


class Autoencoder(nn.Module):
    """Clips of z-scores [B, D, F] -> latent [B, L] -> clips [B, D, F]."""

    def __init__(self, size: int, settings: AutoencoderSettings) -> None:
        super().__init__()
        widths, self.lengths = settings.widths, settings.lengths
        channels = (size, *widths)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(channels[k], channels[k + 1], 3 if k == 0 else 4, 1 if k == 0 else 2, 1)
            for k in range(len(widths))
        )
        flat = widths[-1] * self.lengths[-1]
        self.output = nn.Linear(flat, settings.latent)
        self.opening = nn.Linear(settings.latent, flat)
        self.mirror = nn.ModuleList(
            nn.Conv1d(channels[k + 1], channels[k], 3, 1, 1) for k in reversed(range(len(widths)))
        )

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """[B, D, F] -> [B, L]."""
        for convolution in self.convolutions:
            x = fn.leaky_relu(convolution(x), SLOPE)
        latent: torch.Tensor = self.output(x.flatten(1))
        return latent

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, D, F] -> [B, D, F]."""
        y = fn.leaky_relu(self.opening(self.encode(x)), SLOPE).unflatten(1, (-1, self.lengths[-1]))
        last = len(self.mirror) - 1
        for k, convolution in enumerate(self.mirror):
            if k < last:
                y = fn.leaky_relu(convolution(y), SLOPE)
                y = fn.interpolate(y, size=self.lengths[last - k - 1], mode="linear")
            else:
                y = convolution(y)
        return y


@dataclass(frozen=True, eq=False)
class Trained:
    """What training gives.

    Attributes:
        encoder: with the corpus's own statistics as its reference.
        error: mean squared error of z-scores on the training clips.
        held_out_error: the same on motions that training did not see; NaN if there are none.
        train_clips, held_out_clips: non-overlapping clips.
    """

    encoder: LatentEncoder
    error: float
    held_out_error: float
    train_clips: int
    held_out_clips: int


def train(
    corpus: LatentCorpus,
    settings: AutoencoderSettings,
    snapshot: Path | None = None,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> Trained:
    """Train the autoencoder of `corpus`.

    Args:
        corpus: from `corpus.gather`.
        settings: as there.
        snapshot: file for the state of training; written every 500 steps and on Ctrl-C, gone on from if it is there
            and of the same corpus and settings, removed at the end. None: none.
        progress: gets the number of steps done and the loss.

    Raises:
        InputError: the snapshot is of another corpus or of other settings, or the loss is not finite.
        KeyboardInterrupt: after the snapshot has been written.
    """
    torch.manual_seed(settings.seed)
    seen, held = corpus.split(settings)
    mean, deviation = normalisation(seen, settings)
    clips = _Clips(seen, mean, deviation, settings)
    model = Autoencoder(len(mean), settings)
    adam = torch.optim.Adam(model.parameters(), lr=settings.rate)
    done = _resume(snapshot, corpus, settings, model, adam)
    try:
        for step in range(done, settings.steps):
            for group in adam.param_groups:
                group["lr"] = settings.rate * 0.5 * (1.0 + math.cos(math.pi * step / settings.steps))
            batch = clips.batch(step)
            loss = fn.mse_loss(model(batch), batch)
            if not torch.isfinite(loss):
                raise InputError(f"the loss is {float(loss)} at step {step}; lower the learning rate ({settings.rate})")
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
            done = step + 1
            progress(done, float(loss.detach()))
            if done % SAVE_EVERY == 0:
                _save(snapshot, done, corpus, settings, model, adam)
    except KeyboardInterrupt:
        _save(snapshot, done, corpus, settings, model, adam)
        raise
    found = _encoder(corpus, settings, model, mean, deviation)
    errors = [_error(model, motions, mean, deviation, settings.clip_frames) for motions in (seen, held)]
    if snapshot is not None:
        snapshot.unlink(missing_ok=True)
    return Trained(found, errors[0][0], errors[1][0], errors[0][1], errors[1][1])


class _Clips:
    """Clips at random places; batch `step` depends on seed and step alone, so that training can go on anywhere."""

    def __init__(
        self, motions: list[np.ndarray], mean: np.ndarray, deviation: np.ndarray, settings: AutoencoderSettings
    ) -> None:
        self._frames, self._mean, self._deviation = np.concatenate(motions), mean, deviation
        self._size, self._seed, self._batch = settings.clip_frames, settings.seed, settings.batch
        ends = np.cumsum([len(m) for m in motions])
        starts = [np.arange(end - len(m), end - self._size + 1) for m, end in zip(motions, ends, strict=True)]
        self._starts = np.concatenate(starts)

    def batch(self, step: int) -> torch.Tensor:
        """Shape [B, D, F]."""
        drawn = np.random.default_rng((self._seed, step)).choice(self._starts, self._batch)
        clips = self._frames[drawn[:, None] + np.arange(self._size)]
        return torch.from_numpy(z_scores(clips, self._mean, self._deviation))


def _error(
    model: Autoencoder, motions: list[np.ndarray], mean: np.ndarray, deviation: np.ndarray, frames: int
) -> tuple[float, int]:
    """Mean squared error on non-overlapping clips, and their number."""
    if not motions:
        return float("nan"), 0
    x = z_scores(stacked(motions, frames), mean, deviation)
    total = 0.0
    with torch.no_grad():
        for part in np.array_split(x, -(-len(x) // 256)):
            batch = torch.from_numpy(part)
            total += float(fn.mse_loss(model(batch), batch)) * len(part)
    return total / len(x), len(x)


def _encoder(
    corpus: LatentCorpus, settings: AutoencoderSettings, model: Autoencoder, mean: np.ndarray, deviation: np.ndarray
) -> LatentEncoder:
    def plain(tensor: torch.Tensor) -> np.ndarray:
        return np.array(tensor.detach().cpu().numpy(), "<f4")

    layers = tuple((plain(c.weight), plain(c.bias)) for c in model.convolutions)  # type: ignore[arg-type]
    output = plain(model.output.weight), plain(model.output.bias)
    encoder = LatentEncoder(corpus.name, settings, mean, deviation, layers, output, corpus.sha256)
    return with_reference(encoder, corpus.clips(settings.clip_frames))


def _stamp(corpus: LatentCorpus, settings: AutoencoderSettings) -> dict[str, Any]:
    return {"name": corpus.name, "corpus": corpus.sha256, "settings": settings.as_dict()}


def _save(
    snapshot: Path | None,
    done: int,
    corpus: LatentCorpus,
    settings: AutoencoderSettings,
    model: Autoencoder,
    adam: torch.optim.Optimizer,
) -> None:
    if snapshot is None:
        return
    state = {"stamp": _stamp(corpus, settings), "done": done, "model": model.state_dict(), "adam": adam.state_dict()}
    memory = io.BytesIO()
    torch.save(state, memory)
    draft = snapshot.with_name(snapshot.name + ".writing")
    try:
        draft.write_bytes(memory.getvalue())
        os.replace(draft, snapshot)
    except OSError as e:
        raise OutputError(f"cannot write {snapshot}: {e.strerror or e}") from e


def _resume(
    snapshot: Path | None,
    corpus: LatentCorpus,
    settings: AutoencoderSettings,
    model: Autoencoder,
    adam: torch.optim.Optimizer,
) -> int:
    """Steps already done. Raises InputError if the snapshot belongs to another training."""
    if snapshot is None or not snapshot.exists():
        return 0
    try:
        state: Mapping[str, Any] = torch.load(snapshot, weights_only=True)
        stamp, done = state["stamp"], int(state["done"])
    except Exception as e:  # torch raises what its unpickler does
        raise InputError(f"the state of training {snapshot} cannot be read; remove it to start again") from e
    if stamp != _stamp(corpus, settings):
        raise InputError(
            f"{snapshot} is the state of a training with another corpus or other settings; remove it to start again"
        )
    model.load_state_dict(state["model"])
    adam.load_state_dict(state["adam"])
    return done
