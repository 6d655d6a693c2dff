"""Uncertainty of figures: bootstrap confidence intervals and permutation tests. Seeded: same input, same answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, product
from math import comb

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.result import finite


@dataclass(frozen=True)
class Interval:
    """A figure and its confidence interval.

    Attributes:
        value: of the statistic on the data.
        low: lower end.
        high: upper end.
        level: confidence, e.g. 0.95.
    """

    value: float
    low: float
    high: float
    level: float


@dataclass(frozen=True)
class PermutationTest:
    """Result of a two-sided permutation test.

    Attributes:
        difference: mean of b minus mean of a.
        p_value: share of permutations with at least this absolute difference.
        permutations: how many were looked at.
        exact: all there are (True), or a random draw.
    """

    difference: float
    p_value: float
    permutations: int
    exact: bool


def bootstrap_interval(
    values: np.ndarray,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    statistic: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Interval:
    """Percentile bootstrap (Efron 1979) over independent units, i.e. takes, not frames.

    Args:
        values: one figure per take. Shape [N], N >= 2.
        level: confidence, in (0, 1).
        resamples: bootstrap samples.
        seed: of the resampling.
        statistic: reduces the last axis; the mean if None.

    Raises:
        InputError: fewer than two values, not finite, or a level outside (0, 1).
    """
    x = finite("values", values, 1)
    if len(x) < 2:
        raise InputError(f"a confidence interval needs at least 2 takes, there are {len(x)}")
    if not 0.0 < level < 1.0:
        raise InputError(f"the confidence level is {level}; it must lie between 0 and 1")
    reduce = statistic or (lambda a: a.mean(axis=-1))
    drawn = np.random.default_rng(seed).integers(0, len(x), (resamples, len(x)))
    low, high = np.quantile(reduce(x[drawn]), [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(float(reduce(x)), float(low), float(high), level)


def permutation_test(
    a: np.ndarray, b: np.ndarray, paired: bool, permutations: int = 10_000, seed: int = 0
) -> PermutationTest:
    """Two-sided permutation test for a difference of means.

    Paired: signs of the differences are flipped. Unpaired: membership is shuffled. All permutations are looked at if
    there are no more than `permutations`; otherwise a random draw, with p = (hits + 1) / (draws + 1) (Phipson and Smyth
    2010).

    Args:
        a: figures of one condition, one per take. Shape [N].
        b: of the other; the same takes in the same order if paired. Shape [M], M = N if paired.
        paired: whether a[i] and b[i] belong to the same take.
        permutations: most permutations to look at.
        seed: of the random draw.
    """
    x, y = finite("a", a, 1), finite("b", b, 1)
    if paired and len(x) != len(y):
        raise InputError(f"a paired test needs equally many values, got {len(x)} and {len(y)}")
    if min(len(x), len(y)) < 2:
        raise InputError(f"a permutation test needs at least 2 values on each side, got {len(x)} and {len(y)}")
    rng = np.random.default_rng(seed)
    if paired:
        observed, others, exact = _flipped(y - x, permutations, rng)
    else:
        observed, others, exact = _shuffled(x, y, permutations, rng)
    hits = int((np.abs(others) >= abs(observed) - 1e-12 * max(1.0, abs(observed))).sum())
    p = hits / len(others) if exact else (hits + 1) / (len(others) + 1)
    return PermutationTest(observed, p, len(others), exact)


def _flipped(delta: np.ndarray, most: int, rng: np.random.Generator) -> tuple[float, np.ndarray, bool]:
    exact = len(delta) < 40 and 2 ** len(delta) <= most
    if exact:
        signs = np.array(list(product((1.0, -1.0), repeat=len(delta))))
    else:
        signs = rng.choice((1.0, -1.0), (most, len(delta)))
    return float(delta.mean()), signs @ delta / len(delta), exact


def _shuffled(x: np.ndarray, y: np.ndarray, most: int, rng: np.random.Generator) -> tuple[float, np.ndarray, bool]:
    pooled = np.concatenate([x, y])
    total, n, m = pooled.sum(), len(x), len(y)
    exact = comb(n + m, n) <= most
    if exact:
        first = np.array([pooled[list(c)].sum() for c in combinations(range(n + m), n)])
    else:
        first = np.array([rng.permutation(pooled)[:n].sum() for _ in range(most)])
    return float(y.mean() - x.mean()), (total - first) / m - first / n, exact
