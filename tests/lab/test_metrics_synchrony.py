"""BPSS figures on signals with known phase and correlation."""

from __future__ import annotations

import numpy as np
import pytest

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics import synchrony as s

T = np.arange(600) / 30.0
"""20 s: whole periods of every frequency used."""


def wave(phase=0.0, hz=1.0):
    return 2.0 + np.sin(2 * np.pi * hz * T + phase)


@pytest.mark.parametrize("phase", [0.0, 0.4, np.pi / 2, np.pi])
def test_correlation_and_coherence_of_shifted_sinusoids(phase):
    assert s.cross_correlation(wave(), wave(phase)) == pytest.approx(np.cos(phase), abs=1e-9)
    assert s.mean_phase_coherence(wave(), wave(phase)) == pytest.approx(1.0)


def test_different_frequencies_are_not_coherent():
    assert s.mean_phase_coherence(wave(), wave(hz=1.5)) == pytest.approx(0.0, abs=1e-9)


def test_the_lag_is_found():
    shifted = np.roll(wave(), 5)
    assert s.cross_correlation(wave(), shifted, max_lag=5) == pytest.approx(1.0, abs=1e-4)
    assert s.cross_correlation(shifted, wave(), max_lag=5) == pytest.approx(1.0, abs=1e-4)
    assert s.cross_correlation(wave(), shifted, max_lag=2) < 0.9


def test_cosine_by_hand():
    assert s.cosine(np.array([1.0, 0, 1, 0]), np.array([1.0, 1, 0, 0])) == pytest.approx(0.5)
    # mean 2 and amplitude 1: (4 + cos(phase) / 2) / (4 + 1/2)
    assert s.cosine(wave(), wave(1.0)) == pytest.approx((4 + 0.5 * np.cos(1.0)) / 4.5)


def test_activity_is_the_mean_speed_and_acceleration():
    x = np.zeros((5, 2, 3))
    x[:, 0, 0] = [0, 1, 4, 9, 16]
    assert s.activity(x) == pytest.approx([0.5, 1.5, 2.5, 3.5])
    assert s.activity(x, 2) == pytest.approx([1.0, 1.0, 1.0])


def test_channels_count_alike_whatever_their_unit():
    x = np.stack([wave(), 1000.0 * wave(1.0), np.full(len(T), 3.0)], axis=1)
    scaled = x * [1.0, 1e-6, 1.0]
    assert s.channel_activity(x) == pytest.approx(s.channel_activity(scaled))
    with pytest.raises(InputError, match="no channel"):
        s.channel_activity(np.ones((10, 3)))


def test_the_four_figures_are_means_over_pairs():
    speeds = {"body": wave(), "hands": wave(np.pi / 3), "face": wave(np.pi)}
    found = s.synchrony(speeds, speeds)
    assert found.correlation == pytest.approx((0.5 - 1.0 - 0.5) / 3)
    assert found.phase_coherence == pytest.approx(1.0)
    assert found.velocity_alignment == found.acceleration_alignment == pytest.approx((4 - 0.5 / 3) / 4.5)
    assert found.bpss == pytest.approx((found.correlation + 1.0 + 2 * found.velocity_alignment) / 4)


def test_a_still_part_is_named():
    with pytest.raises(InputError, match="body and face"):
        s.synchrony({"body": wave(), "face": np.zeros(len(T))}, {"body": wave(), "face": wave()})
    with pytest.raises(InputError, match="two parts"):
        s.synchrony({"body": wave()}, {"body": wave()})
    with pytest.raises(InputError, match="at least 4"):
        s.cosine(np.ones(3), np.ones(3))
    with pytest.raises(InputError, match="max_lag"):
        s.cross_correlation(wave(), wave(), max_lag=600)
