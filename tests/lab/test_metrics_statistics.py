"""Bootstrap and permutation tests against enumeration and known behaviour."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.statistics import bootstrap_interval, permutation_test


def test_the_interval_is_near_the_normal_one_for_many_values():
    x = np.random.default_rng(0).normal(3.0, 2.0, 400)
    found = bootstrap_interval(x, seed=1)
    half = 1.96 * x.std() / 20
    assert (found.low, found.high) == pytest.approx((x.mean() - half, x.mean() + half), abs=0.15 * half)


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(5)
    hits = 0
    for i in range(300):
        found = bootstrap_interval(rng.exponential(1.0, 40), level=0.9, resamples=400, seed=i)
        hits += found.low <= 1.0 <= found.high
    assert 0.82 < hits / 300 < 0.95


def test_same_seed_same_interval():
    x = np.arange(10.0)
    assert bootstrap_interval(x, seed=3) == bootstrap_interval(x, seed=3)


def test_constant_values_have_no_width():
    found = bootstrap_interval(np.full(5, 2.0))
    assert (found.low, found.high) == (2.0, 2.0)


@pytest.mark.parametrize("bad", [np.ones(1), np.array([1.0, np.nan])])
def test_bad_values_are_refused(bad):
    with pytest.raises(InputError):
        bootstrap_interval(bad)
    with pytest.raises(InputError, match="level"):
        bootstrap_interval(np.ones(3), level=1.0)


def test_paired_test_against_enumeration():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 8))
    d = b - a
    all_means = [abs(np.mean(d * s)) for s in itertools.product((1, -1), repeat=8)]
    found = permutation_test(a, b)
    assert found.difference == pytest.approx(d.mean())
    assert found.p_value == pytest.approx(np.mean(np.array(all_means) >= abs(d.mean()) - 1e-12))


def test_five_clear_pairs_cannot_be_more_significant_than_two_in_32():
    assert permutation_test(np.zeros(5), np.arange(1.0, 6.0)).p_value == pytest.approx(2 / 32)


def test_random_draws_find_what_is_there_and_nothing_else():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 60))
    clear = permutation_test(a, b + 1.5, permutations=999)
    assert clear.p_value == pytest.approx(2 / 1000)
    assert permutation_test(a, b, permutations=999).p_value > 0.05
    assert permutation_test(a, b + 1.5, permutations=999) == clear


def test_equal_data_has_p_one():
    assert permutation_test(np.ones(6), np.ones(6)).p_value == 1.0
    with pytest.raises(InputError, match="equally many"):
        permutation_test(np.ones(3), np.ones(4))
    with pytest.raises(InputError, match="at least 2"):
        permutation_test(np.ones(1), np.ones(1))
