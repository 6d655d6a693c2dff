"""How different motions are from each other: three published definitions that have only the name in common."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from speech_gesture_pkg.lab.metrics.result import frames

DIFFSHEG_BATCH = 50
"""Clips that are compared with each other, "B = 50" (DiffSHEG appendix E)."""
DIFFSHEG_CLIP = 88
"""Frames of a SHOW clip at 30 fps."""


def diversity_thesis(samples: np.ndarray) -> float:
    """Diversity of the SpeechCAT thesis (section 4.1), by TalkSHOW's formula.

        1/T sum_t sum_j || Var_s(x_stj) ||_2

    The variance (unbiased) of each coordinate over S samples for the same audio, its norm over x, y, z, summed over
    joints, mean over frames. The thesis takes 16 samples.

    Args:
        samples: positions of body and hands, m. Shape [S, T, J, 3], S >= 2.

    Returns:
        m^2.
    """
    x = frames("samples", samples, 4, 2)
    return float(np.linalg.norm(x.var(axis=0, ddof=1), axis=-1).sum(axis=1).mean())


def diversity_diffsheg(clips: np.ndarray) -> float:
    """Div of DiffSHEG (Eq. 11): mean pairwise L1 distance.

        Div = 2 / (B (B-1)) sum_{i<j} |x^_i - x^_j|_1

    As in the public code the L1 norm is divided by the number of elements; the equation as printed does not do that.
    The paper takes B = 50 clips *of different speech*, so this grows with what is said, too.

    Args:
        clips: normalised motion parameters. Shape [B, ...], B >= 2.

    Returns:
        In the unit of the parameters (standard deviations if normalised).
    """
    x = frames("clips", clips, np.ndim(clips), 2)
    count = len(x)
    # sorted along the batch, the k-th smallest value is added k times and subtracted B-1-k times
    weight = 2.0 * np.arange(count) - (count - 1)
    pairwise = np.tensordot(weight, np.sort(x.reshape(count, -1), axis=0), axes=1)
    return float(pairwise.sum()) * 2.0 / (count * (count - 1)) / (x.size // count)


def batch_diversities(clips: Iterable[np.ndarray], batch: int = DIFFSHEG_BATCH) -> list[float]:
    """Div of each whole batch of clips in turn; none of fewer than 2 clips.

    As in the public code a remainder that fills no batch is dropped, and fewer clips than a batch make a smaller one.
    """
    values: list[float] = []
    waiting: list[np.ndarray] = []
    for clip in clips:
        waiting.append(clip)
        if len(waiting) == batch:
            values.append(diversity_diffsheg(np.stack(waiting)))
            waiting = []
    if not values and len(waiting) > 1:
        values.append(diversity_diffsheg(np.stack(waiting)))
    return values


def l1div_emage(positions: np.ndarray) -> float:
    """L1div of BEAT and EMAGE: how much one motion leaves its own time mean.

        L1div = 1/T sum_t sum_c | x_tc - mean_t(x_tc) |

    A figure of liveliness inside one motion, not of variety between motions: jitter raises it.

    Args:
        positions: of all joints without the root's translation, m. Shape [T, J, 3].

    Returns:
        m (a sum over 3 J coordinates).
    """
    x = frames("positions", positions, 3, 1)
    return float(np.abs(x - x.mean(axis=0)).sum() / len(x))
