"""Rolling statistics and rate limits."""

from __future__ import annotations

import math

import pytest

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.pipeline.stats import RateLimiter, RollingStats


def test_percentiles_of_a_known_series():
    stats = RollingStats(maxlen=101)
    for value in range(101):
        stats.add(value)
    assert (stats.p50, stats.p99, stats.mean, stats.count) == (50, 99, 50, 101)


def test_only_the_last_values_are_kept_but_all_are_counted():
    stats = RollingStats(maxlen=3)
    for value in (100, 1, 2, 3, math.nan, math.inf):
        stats.add(value)
    assert stats.mean == 2
    assert stats.count == 4


def test_empty_is_nan():
    stats = RollingStats()
    assert stats.count == 0
    assert all(math.isnan(x) for x in (stats.p50, stats.p99, stats.mean))
    with pytest.raises(ConfigError, match="at least 1"):
        RollingStats(0)


def test_rate_limit_per_key():
    limiter = RateLimiter(5.0)
    assert limiter.ready(0.0, "a")
    assert limiter.ready(0.0, "b")
    assert not limiter.ready(1.0, "a")
    assert not limiter.ready(4.9, "a")
    assert limiter.ready(5.0, "a")
    assert limiter.ready(2.0, "a")  # the clock jumped back
    with pytest.raises(ConfigError, match="period is -1"):
        RateLimiter(-1)
