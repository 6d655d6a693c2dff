"""Frechet distances in the latent space of an autoencoder: FMD, FED, FGD (DiffSHEG Eq. 9).

The autoencoder comes from outside (`LatentProvider`). A figure carries the provider's id, because distances in
different latent spaces have nothing to do with each other: the same model's FGD is reported as 5.5 and 33.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.result import finite, frames


class LatentProvider(Protocol):
    """Clips of motion parameters in, latent vectors out.

    Attributes:
        id: names weights and training corpus, e.g. "fgd-ae sha256:... corpus:..."; part of every figure.
        clip_frames: frames of a clip.
        fps: rate that the clips must have.
        moved: which of the D parameters ever were away from 0 in the training corpus; None = not known.
    """

    @property
    def id(self) -> str: ...
    @property
    def clip_frames(self) -> int: ...
    @property
    def fps(self) -> float: ...
    @property
    def moved(self) -> np.ndarray | None: ...

    def encode(self, clips: np.ndarray) -> np.ndarray:
        """Latent vectors [N, L] of N clips of raw parameters [N, F, D] (the provider normalises them itself)."""
        ...


@dataclass(frozen=True)
class LatentStatistics:
    """Gaussian fit of latent vectors.

    Attributes:
        mean: shape [L].
        covariance: unbiased. Shape [L, L].
        count: vectors.
        provider: id of the autoencoder.
    """

    mean: np.ndarray
    covariance: np.ndarray
    count: int
    provider: str


@dataclass(frozen=True)
class FrechetFigure:
    """A Frechet distance with what it depends on.

    Attributes:
        value: the distance (squared, as the field reports it).
        provider: id of the autoencoder.
        count: clips on the smaller side.
        biased: fewer clips than latent dimensions: the covariance is singular and the figure too large.
    """

    value: float
    provider: str
    count: int
    biased: bool


def clips(parameters: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Consecutive non-overlapping clips [size, D] of [T, D]; the rest at the end is dropped (DiffSHEG appendix F)."""
    if size < 1:
        raise InputError(f"the clip size is {size}; it must be at least 1 frame")
    x = frames("motion parameters", parameters, 2, 1)
    for first in range(0, len(x) - size + 1, size):
        yield x[first : first + size]


def latent_statistics(motions: Iterable[np.ndarray], provider: LatentProvider) -> LatentStatistics:
    """Mean and covariance of the latents of all clips of all motions.

    Args:
        motions: raw parameters at the provider's rate. Each [T, D].
        provider: the autoencoder.

    Raises:
        InputError: fewer than two clips, or the provider's answer is not finite.
    """
    found: list[np.ndarray] = []
    count = 0
    for motion in motions:
        pieces = list(clips(motion, provider.clip_frames))
        count += len(pieces)
        if pieces:
            found.append(finite("latents", provider.encode(np.stack(pieces)), 2))
    if count < 2:
        raise InputError(
            f"the motions hold {count} whole clips of {provider.clip_frames} frames; Frechet distances need at least 2"
        )
    return statistics_of(np.concatenate(found), provider.id)


def statistics_of(latents: np.ndarray, provider: str) -> LatentStatistics:
    """Mean and unbiased covariance of latent vectors [N, L], N >= 2."""
    x = frames("latents", latents, 2, 2)
    return LatentStatistics(x.mean(axis=0), np.atleast_2d(np.cov(x, rowvar=False)), len(x), provider)


def frechet_between(real: LatentStatistics, generated: LatentStatistics) -> FrechetFigure:
    """Frechet distance of two Gaussian fits. Raises InputError if they come from different autoencoders."""
    if real.provider != generated.provider:
        raise InputError(
            f"latents of {real.provider!r} and of {generated.provider!r} lie in different spaces; "
            "encode both with the same autoencoder"
        )
    value = frechet_distance(real.mean, real.covariance, generated.mean, generated.covariance)
    count = min(real.count, generated.count)
    return FrechetFigure(value, real.provider, count, count <= len(real.mean))


FLOOR_DRAWS = 8


def frechet_floor(real: LatentStatistics, count: int, seed: int = 0) -> float:
    """The distance that `count` clips of the real distribution itself would show: the noise floor of a figure.

    Frechet distances of few clips are too large: 36 clips cannot fill a covariance of 300 dimensions. This is the mean
    distance between `real` and the statistics of `count` vectors drawn from a Gaussian of its mean and covariance
    (`FLOOR_DRAWS` times); only what a figure has above it says something about the motion.

    Args:
        real: mean and covariance, taken for the truth.
        count: clips of the figure that is judged, at least 2.
        seed: of the draws.

    Raises:
        InputError: fewer than 2 clips.
    """
    if count < 2:
        raise InputError(f"a noise floor for {count} clips was asked for; Frechet distances need at least 2")
    rng = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh((real.covariance + real.covariance.T) / 2.0)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    found = []
    for _ in range(FLOOR_DRAWS):
        drawn = real.mean + rng.standard_normal((count, len(values))) @ root.T
        found.append(frechet_between(real, statistics_of(drawn, real.provider)).value)
    return float(np.mean(found))


def frechet_distance(mu1: np.ndarray, cov1: np.ndarray, mu2: np.ndarray, cov2: np.ndarray) -> float:
    """Frechet distance of two Gaussians (DiffSHEG Eq. 9; Dowson and Landau 1982).

        |mu1 - mu2|^2 + tr( C1 + C2 - 2 (C1 C2)^(1/2) )

    tr (C1 C2)^(1/2) is taken as the sum of square roots of the eigenvalues of C1^(1/2) C2 C1^(1/2): symmetric, so there
    is no complex square root to be cut off and no epsilon to be added when covariances are singular.

    Args:
        mu1, mu2: means. Shape [L].
        cov1, cov2: covariances, symmetric, positive semidefinite. Shape [L, L].

    Returns:
        >= 0.
    """
    mu1, mu2 = finite("mean", mu1, 1), finite("mean", mu2, 1)
    cov1, cov2 = finite("covariance", cov1, 2), finite("covariance", cov2, 2)
    size = len(mu1)
    if len(mu2) != size or cov1.shape != (size, size) or cov2.shape != (size, size):
        raise InputError(
            f"means have {size} and {len(mu2)} entries, covariances shapes {cov1.shape} and {cov2.shape}; they must fit"
        )
    values, vectors = np.linalg.eigh((cov1 + cov1.T) / 2.0)
    if values.min() < -1e-6 * max(1.0, values.max()):
        raise InputError(f"a covariance has the eigenvalue {values.min():.3g}; it must not be negative")
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    product = root @ ((cov2 + cov2.T) / 2.0) @ root
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh((product + product.T) / 2.0), 0.0)).sum()
    return float(max(0.0, ((mu1 - mu2) ** 2).sum() + np.trace(cov1) + np.trace(cov2) - 2.0 * cross))
