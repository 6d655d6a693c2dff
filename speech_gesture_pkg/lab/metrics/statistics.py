"""Uncertainty of figures: bootstrap confidence intervals and permutation tests. Seeded: same input, same answer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.result import finite


class Interval(NamedTuple):
    """Ends of a confidence interval."""

    low: float
    high: float


class PermutationTest(NamedTuple):
    """Mean of b minus mean of a, and the two-sided p-value."""

    difference: float
    p_value: float


def bootstrap_interval(values: np.ndarray, level: float = 0.95, resamples: int = 2000, seed: int = 0) -> Interval:
    """Percentile bootstrap (Efron 1979) of the mean over independent units, i.e. recordings, not frames.

    Args:
        values: one figure per recording. Shape [N], N >= 2.
        level: confidence, in (0, 1).
        resamples: bootstrap samples.
        seed: of the resampling.

    Raises:
        InputError: fewer than two values, not finite, or a level outside (0, 1).
    """
    x = finite("values", values, 1)
    if len(x) < 2:
        raise InputError(f"a confidence interval needs at least 2 recordings, there are {len(x)}")
    if not 0.0 < level < 1.0:
        raise InputError(f"the confidence level is {level}; it must lie between 0 and 1")
    rng = np.random.default_rng(seed)
    found = stats.bootstrap(
        (x,), np.mean, n_resamples=resamples, confidence_level=level, method="percentile", random_state=rng
    )
    return Interval(float(found.confidence_interval.low), float(found.confidence_interval.high))


def permutation_test(a: np.ndarray, b: np.ndarray, permutations: int = 10_000, seed: int = 0) -> PermutationTest:
    """Two-sided permutation test for a difference of means of pairs: signs of the differences are flipped.

    All flips are looked at if there are no more than `permutations`; otherwise a random draw, with p = (hits + 1) /
    (draws + 1) (Phipson and Smyth 2010).

    Args:
        a: figures of one condition, one per recording. Shape [N], N >= 2.
        b: of the other; the same recordings in the same order.
        permutations: most permutations to look at.
        seed: of the random draw.
    """
    x, y = finite("a", a, 1), finite("b", b, 1)
    if len(x) != len(y):
        raise InputError(f"a paired test needs equally many values, got {len(x)} and {len(y)}")
    if len(x) < 2:
        raise InputError(f"a permutation test needs at least 2 values on each side, got {len(x)} and {len(y)}")
    found = stats.permutation_test(
        (y - x,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=permutations,
        random_state=np.random.default_rng(seed),
    )
    return PermutationTest(float(found.statistic), float(found.pvalue))
