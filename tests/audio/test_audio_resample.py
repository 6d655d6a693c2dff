"""The streaming resampler: independent of chunking, aligned in time, faithful in the speech band."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech_gesture_pkg.audio.resample import StreamResampler, resample
from speech_gesture_pkg.errors import InputError

RATES = [8000, 11025, 22050, 24000, 32000, 44100, 48000]


@pytest.mark.parametrize("rate", RATES)
def test_click_keeps_its_time(rate: int) -> None:
    """Power centroid of a band-limited click, in a stream of 20 ms chunks, within 1 ms."""
    samples = np.zeros(rate, np.float32)
    samples[rate // 2] = 1.0
    stream = StreamResampler(rate)
    out = np.concatenate([stream.push(c) for c in np.array_split(samples, 50)] + [stream.flush()]).astype(float)
    assert len(out) == pytest.approx(16000, abs=1)
    centroid = (out**2 @ np.arange(len(out))) / (out @ out) / 16000
    assert centroid == pytest.approx((rate // 2) / rate, abs=1e-3)


@pytest.mark.parametrize("rate", RATES)
def test_sine_keeps_amplitude_and_phase(rate: int) -> None:
    t_in, t_out = np.arange(rate) / rate, np.arange(16000) / 16000
    out = resample(np.sin(2 * np.pi * 440 * t_in).astype(np.float32), rate)[:16000]
    middle = slice(2000, 14000)
    phasor = 2 * np.mean(out[middle] * np.exp(-2j * np.pi * 440 * t_out[middle]))  # -j e^{j phase} for a sine
    assert abs(phasor) == pytest.approx(1.0, abs=0.01)
    delay_s = -np.angle(phasor * 1j) / (2 * np.pi * 440)
    assert abs(delay_s) < 1.25e-4


def test_no_alias() -> None:
    tone = np.sin(2 * np.pi * 10_000 * np.arange(48_000) / 48_000).astype(np.float32)
    assert np.abs(resample(tone, 48_000)[1000:-1000]).max() < 1e-3


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=12), st.sampled_from(RATES))
@settings(max_examples=30, deadline=None)
def test_chunks_do_not_matter(cuts: list[int], rate: int) -> None:
    samples = np.random.default_rng(0).standard_normal(sum(cuts) + 1).astype(np.float32)
    stream = StreamResampler(rate)
    pieces = [stream.push(c) for c in np.split(samples, np.cumsum(cuts))]
    np.testing.assert_array_equal(np.concatenate([*pieces, stream.flush()]), resample(samples, rate))


@pytest.mark.parametrize("rate", RATES)
def test_delay_is_what_is_declared(rate: int) -> None:
    stream = StreamResampler(rate)
    lag, count = 0.0, 0
    for n in range(1, 101):
        count += len(stream.push(np.zeros(rate // 100, np.float32)))
        lag = max(lag, n * (rate // 100) / rate - count / 16000)
    assert lag <= stream.delay_s <= 0.032


def test_equal_rates_pass_through() -> None:
    samples = np.arange(10, dtype=np.float32)
    stream = StreamResampler(16000)
    np.testing.assert_array_equal(stream.push(samples), samples)
    assert len(stream.flush()) == 0
    assert stream.delay_s == 0.0


def test_fresh_after_flush() -> None:
    samples = np.random.default_rng(1).standard_normal(4800).astype(np.float32)
    stream = StreamResampler(48000)
    first = np.concatenate([stream.push(samples), stream.flush()])
    np.testing.assert_array_equal(np.concatenate([stream.push(samples), stream.flush()]), first)


def test_bad_rate() -> None:
    with pytest.raises(InputError, match="positive"):
        StreamResampler(0)
