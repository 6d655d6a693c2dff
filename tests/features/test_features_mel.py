"""Mel filters and log-mel levels against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from speech_gesture_pkg.features.mel import (
    FLOOR_DB,
    LogMel,
    band_centres,
    hz_to_mel,
    mel_filters,
    mel_to_hz,
)


def test_slaney_scale_points() -> None:
    """Slaney's Auditory Toolbox: 200/3 Hz per mel below 1 kHz = 15 mel; 6400 Hz is 27 steps above."""
    np.testing.assert_allclose(hz_to_mel(np.array([0.0, 200.0, 1000.0, 6400.0])), [0.0, 3.0, 15.0, 42.0])
    hz = np.linspace(0.0, 8000.0, 101)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz)), hz, atol=1e-9)


def test_filters_peak_at_their_centres_and_share_out_the_power() -> None:
    """On a fine grid: peak 1 at the centre; neighbours add up to 1 between the first and the last centre."""
    size = 1 << 16
    filters, centres = mel_filters(fft_size=size), band_centres()
    step = 16000 / size
    assert filters.shape == (size // 2 + 1, 40)
    np.testing.assert_allclose(filters.argmax(axis=0) * step, centres, atol=step)
    np.testing.assert_allclose(filters.max(axis=0), 1.0, atol=0.01)
    hz = np.arange(size // 2 + 1) * step
    inside = (hz >= centres[0]) & (hz <= centres[-1])
    np.testing.assert_allclose(filters[inside].sum(axis=1), 1.0, atol=1e-5)
    assert (np.diff(centres) > 60).all()
    assert (mel_filters() > 0).any(axis=0).all(), "every band holds at least one FFT bin"


@pytest.mark.parametrize("hz", [300.0, 1000.0, 3000.0, 6000.0])
def test_sine_of_full_scale_is_minus_3_db_in_the_right_bands(hz: float) -> None:
    sine = np.sin(2 * np.pi * hz * np.arange(400) / 16000).astype(np.float32)
    levels, energy = LogMel()(sine[None])
    total = 10 * np.log10(np.sum(10 ** (levels[0] / 10)))
    assert total == pytest.approx(-3.01, abs=0.1)
    assert energy[0] == pytest.approx(-3.01, abs=0.1)
    assert abs(levels[0].argmax() - np.abs(band_centres() - hz).argmin()) <= 1


def test_bands_conserve_the_power_of_noise() -> None:
    noise = (0.1 * np.random.default_rng(0).standard_normal((500, 400))).astype(np.float32)
    levels, energy = LogMel()(noise)
    assert levels.dtype == energy.dtype == np.float32
    # White noise at -20 dB; the outer halves of the outer bands (0-70 Hz, 7.4-8 kHz) are lost in part: 4 %.
    assert 10 * np.log10(np.mean(np.sum(10 ** (levels / 10), axis=1))) == pytest.approx(-20.0, abs=0.3)
    assert 10 * np.log10(np.mean(10 ** (energy / 10))) == pytest.approx(-20.0, abs=0.1)


def test_silence_is_the_floor() -> None:
    levels, energy = LogMel()(np.zeros((2, 400), np.float32))
    np.testing.assert_allclose(levels, FLOOR_DB, atol=1e-4)
    np.testing.assert_allclose(energy, FLOOR_DB, atol=1e-4)
