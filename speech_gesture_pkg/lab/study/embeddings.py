"""What a corpus figure needs of one motion: latents for Frechet distances, clips for DiffSHEG's Div."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.corpus import FRECHET, latent_parameters
from speech_gesture_pkg.lab.metrics.diversity import DIFFSHEG_CLIP
from speech_gesture_pkg.lab.metrics.frechet import LatentProvider, clips
from speech_gesture_pkg.lab.metrics.result import finite
from speech_gesture_pkg.lab.metrics.sample import MetricInput, gesture_parameters
from speech_gesture_pkg.motion.frames import resample


@dataclass(frozen=True)
class LatentFile:
    """Autoencoders of a file.

    Attributes:
        path: of the file.
        providers: "fmd", "fed" or "fgd" -> autoencoder.
    """

    path: str
    providers: Mapping[str, LatentProvider]

    @staticmethod
    def load(path: str) -> LatentFile:
        """Read a file of trained autoencoders. Raises InputError if it holds none."""
        from speech_gesture_pkg.lab.metrics.autoencoder import load_latents  # only for those who have one

        providers: dict[str, LatentProvider] = dict(load_latents(path))
        if not set(providers) & set(FRECHET):
            raise InputError(f"{path} holds no autoencoder for {', '.join(FRECHET)}")
        return LatentFile(path, providers)


def latent_vectors(name: str, take: MetricInput, provider: LatentProvider) -> np.ndarray:
    """Latents of the motion's clips for the distance `name`, float32. Shape [N, L].

    Raises:
        InputError: the motion lacks what the autoencoder wants, or is shorter than one clip.
    """
    parameters = latent_parameters(name, resample(take.played, provider.fps), provider)
    pieces = list(clips(parameters, provider.clip_frames))
    if not pieces:
        raise InputError(f"the motion is shorter than one clip of {provider.clip_frames} frames")
    return finite("latents", provider.encode(np.stack(pieces)), 2).astype(np.float32)


def corpus_arrays(take: MetricInput, latents: LatentFile | None) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Arrays by name, and why some are missing.

    Returns:
        `latents_fmd`, `latents_fed`, `latents_fgd` [N, L] and `div_clips` [N, D] (normalised gesture parameters), as
        far as they can be had; distance -> reason for the others.
    """
    arrays: dict[str, np.ndarray] = {}
    missing: dict[str, str] = {}
    for name, provider in (latents.providers if latents else {}).items():
        if name not in FRECHET:
            continue
        try:
            arrays[f"latents_{name}"] = latent_vectors(name, take, provider)
        except InputError as e:
            missing[name] = str(e)
    if take.normaliser is not None:
        try:
            parameters = take.normaliser(gesture_parameters(take.played))
            pieces = list(clips(parameters, DIFFSHEG_CLIP))
            if pieces:
                arrays["div_clips"] = np.stack(pieces).reshape(len(pieces), -1).astype(np.float32)
        except InputError as e:
            missing["diversity_diffsheg"] = str(e)
    return arrays, missing
