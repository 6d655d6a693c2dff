"""Shares of correct parameters and errors of the face: PCM, SRGR, lip MSE and L1."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.result import finite, pair
from speech_gesture_pkg.motion.parts import ARKIT_NAMES

PCM_DELTA = 1.0
SRGR_DELTA = 0.1
SRGR_MEAN_WEIGHT = 0.165
"""Mean semantic score of BEAT: a take in which everything is right then scores 1 (BEAT's code)."""
LIP_CHANNELS: tuple[int, ...] = tuple(i for i, n in enumerate(ARKIT_NAMES) if n.startswith(("jaw", "mouth")))
"""The 27 ARKit channels of jaw and mouth."""


def pcm(predicted: np.ndarray, truth: np.ndarray, delta: float = PCM_DELTA) -> float:
    """PCM, percent of correct motion parameters (DiffSHEG Eq. 10).

        PCM = 1/(T J) sum_t sum_j 1[ || x^_tj - x_tj ||_2 < delta ]

    delta = 1.0 on SHOW, where a "joint" j is one normalised parameter (D = 1). (The public code's
    validation loop has 0.5.)

    Args:
        predicted: normalised parameters, in standard deviations. Shape [T, J] or [T, J, D].
        truth: the same of the true motion.
        delta: a parameter is right below it.

    Returns:
        Share in [0, 1].
    """
    return float(_correct(predicted, truth, delta).mean())


def srgr(predicted: np.ndarray, truth: np.ndarray, semantic: np.ndarray, delta: float = SRGR_DELTA) -> float:
    """SRGR, semantic-relevant gesture recall (BEAT; DiffSHEG appendix E).

        SRGR = 1/(T J) sum_t sum_j w_t / 0.165 * 1[ || x^_tj - x_tj ||_2 < delta ]

    The norm is L2 as in EMAGE's tools and Eq. 10; BEAT's first code summed absolute values. With weights whose mean is
    not 0.165 the best score is not 1.

    Args:
        predicted: joints. Shape [T, J, 3].
        truth: the same of the true motion.
        semantic: semantic score of each frame, in [0, 1]. Shape [T].
        delta: threshold, in the unit of the joints (0.1).
    """
    correct = _correct(predicted, truth, delta)
    weight = finite("semantic scores", semantic, 1)
    if len(weight) != len(correct):
        raise InputError(f"there are {len(weight)} semantic scores for {len(correct)} frames; one per frame is needed")
    if (weight < 0.0).any() or not weight.any():
        raise InputError("the semantic scores must not be negative and not all zero")
    return float((correct * weight[:, None]).mean() / SRGR_MEAN_WEIGHT)


def _correct(predicted: np.ndarray, truth: np.ndarray, delta: float) -> np.ndarray:
    if not delta > 0.0:
        raise InputError(f"delta is {delta}; it must be positive")
    a, b = pair("parameters", predicted, truth, np.ndim(truth))
    if a.ndim == 2:
        a, b = a[..., None], b[..., None]
    return np.linalg.norm(a - b, axis=-1) < delta


def lip_mse(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Lip MSE (DiffSHEG Table 4): squared error of the 27 jaw and mouth weights, summed over them, mean over frames.

    The paper does not say whether it sums; its MSE 0.12 beside L1 0.94 is only possible if both are sums over channels.

    Args:
        predicted: ARKit weights. Shape [T, 52].
        truth: the same of the true motion.
    """
    a, b = _lips(predicted, truth)
    return float(((a - b) ** 2).sum(axis=1).mean())


def lip_l1(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Lip L1 (DiffSHEG Table 4): absolute error of the 27 jaw and mouth weights, summed over them, mean over frames.

    Args:
        predicted: ARKit weights. Shape [T, 52].
        truth: the same of the true motion.
    """
    a, b = _lips(predicted, truth)
    return float(np.abs(a - b).sum(axis=1).mean())


def _lips(predicted: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = pair("face weights", predicted, truth, 2)
    if a.shape[1] != len(ARKIT_NAMES):
        raise InputError(f"face weights have {a.shape[1]} channels; the lips need the {len(ARKIT_NAMES)} of ARKit")
    a, b = a[:, LIP_CHANNELS], b[:, LIP_CHANNELS]
    if not b.any():
        raise InputError("the true motion has no mouth weights (all are 0): lip errors need a true face")
    return a, b
