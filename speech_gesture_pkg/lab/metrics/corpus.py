"""Metrics of a whole corpus: FMD, FED, FGD (DiffSHEG Eq. 9) and Div (Eq. 11)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import ConfigError, InputError, one_of
from speech_gesture_pkg.lab.metrics import diversity, frechet
from speech_gesture_pkg.lab.metrics.frechet import LatentProvider, LatentStatistics
from speech_gesture_pkg.lab.metrics.result import Measurement, NotComputable
from speech_gesture_pkg.lab.metrics.sample import (
    Normaliser,
    expression_parameters,
    gesture_parameters,
    motion_parameters,
    standard,
    with_coefficients,
)
from speech_gesture_pkg.lab.metrics.spec import Better, CorpusMetric, Need
from speech_gesture_pkg.motion.frames import MotionFrames, resample

FRECHET: dict[str, Callable[[MotionFrames], np.ndarray]] = {
    "fmd": motion_parameters,
    "fed": expression_parameters,
    "fgd": gesture_parameters,
}
"""Frechet distance -> the parameters [T, D] that its autoencoder sees."""

DIVERSITY: dict[str, Callable[[MotionFrames], np.ndarray]] = {
    "diversity_diffsheg": gesture_parameters,
    "face_diversity_diffsheg": expression_parameters,
}
"""Variant of Div -> the parameters [T, D] that are compared."""


_OF_CLIPS = "Clips of all recordings in turn, in batches of 50; mean over whole batches."


def _frechet(name: str, summary: str, note: str) -> CorpusMetric:
    needs = frozenset({Need.LATENT})
    return CorpusMetric(name, summary, "", Better.LOWER, "DiffSHEG Eq. 9", needs, note, frechet.frechet_distance)


def _div(name: str, summary: str, note: str) -> CorpusMetric:
    needs = frozenset({Need.NORMALISER})
    return CorpusMetric(
        name, summary, "std", Better.REAL, "DiffSHEG Eq. 11", needs, f"{note} {_OF_CLIPS}", diversity.diversity_diffsheg
    )


CORPUS_METRICS: dict[str, CorpusMetric] = {
    m.name: m
    for m in (
        _frechet("fmd", "Frechet distance of gesture and face latents", "Of gesture and face parameters together."),
        _frechet(
            "fed",
            "Frechet distance of face latents",
            "Of face parameters: jaw, expression coefficients, ARKit weights.",
        ),
        _frechet(
            "fgd",
            "Frechet distance of gesture latents",
            "Of gesture parameters: 13 body and 30 hand joints, axis-angle.",
        ),
        _div(
            "diversity_diffsheg",
            "mean pairwise L1 of clips of different speech, in batches of 50",
            "Of SHOW's 129 gesture parameters.",
        ),
        _div("face_diversity_diffsheg", "the same of faces (ablation)", "Of the face parameters."),
    )
}
"""Every metric of a corpus, by name."""
STUDIED = (*FRECHET, "diversity_diffsheg")
"""Those that `evaluate` takes."""


def latent_parameters(name: str, motion: MotionFrames, provider: LatentProvider) -> np.ndarray:
    """What the autoencoder of the distance `name` sees of a motion. Shape [T, D].

    Expression coefficients that the motion does not have and that never moved in the autoencoder's corpus (whose faces
    are given by ARKit weights) are 0, as they were there.
    """
    parameters = FRECHET[name](motion)
    if name == "fgd" or provider.moved is None:
        return parameters
    missing, after = len(provider.moved) - parameters.shape[1], parameters.shape[1] - motion.face.shape[1]
    if missing <= 0 or provider.moved[after : after + missing].any():
        return parameters  # as many as there should be, or the autoencoder says what it wants
    return FRECHET[name](with_coefficients(motion, motion.expression.shape[1] + missing))


def latents(name: str, motions: Sequence[MotionFrames], provider: LatentProvider) -> LatentStatistics:
    """Gaussian fit of the latents of `motions` for the distance `name` (fmd, fed or fgd)."""
    evenly = (resample(standard(m, "a motion"), provider.fps) for m in motions)
    return frechet.latent_statistics((latent_parameters(name, m, provider) for m in evenly), provider)


def frechet_motion_distance(
    name: str, real: Sequence[MotionFrames], generated: Sequence[MotionFrames], provider: LatentProvider
) -> Measurement:
    """FMD, FED or FGD between two sets of motions, stamped with the autoencoder's id.

    Args:
        name: "fmd" (gesture and face), "fed" (face) or "fgd" (gesture).
        real: true motions.
        generated: generated motions, not necessarily of the same utterances.
        provider: autoencoder of these parameters.
    """
    return _measured(
        name,
        lambda: frechet.frechet_between(latents(name, real, provider), latents(name, generated, provider)).value,
        provider.id,
    )


def corpus_diversity(
    motions: Sequence[MotionFrames],
    normaliser: Normaliser,
    clip_frames: int = diversity.DIFFSHEG_CLIP,
    batch: int = diversity.DIFFSHEG_BATCH,
    name: str = "diversity_diffsheg",
) -> Measurement:
    """Div of DiffSHEG (Eq. 11): clips of all motions in turn, in batches of 50; mean over whole batches.

    Args:
        motions: generated motions.
        normaliser: of the parameters, from the training corpus.
        clip_frames: frames of a clip at 30 fps (88 for SHOW).
        batch: clips that are compared with each other.
        name: "diversity_diffsheg" (gestures) or "face_diversity_diffsheg" (expression); the paper reports both.

    Raises:
        ConfigError: another name.
    """
    if name not in DIVERSITY:
        raise ConfigError(one_of("metric", name, DIVERSITY))
    parameters_of = DIVERSITY[name]

    def compute() -> float:
        parameters = (normaliser(parameters_of(standard(m, "a motion"))) for m in motions)
        found = diversity.batch_diversities((c for p in parameters for c in frechet.clips(p, clip_frames)), batch)
        if not found:
            raise InputError(f"the motions hold fewer than 2 whole clips of {clip_frames} frames; Div needs at least 2")
        return float(np.mean(found))

    return _measured(name, compute, "")


def _measured(name: str, compute: Callable[[], Any], stamp: str) -> Measurement:
    try:
        return Measurement(name, float(compute()), "", stamp)
    except InputError as error:
        return Measurement(name, NotComputable(str(error)), "", stamp)
