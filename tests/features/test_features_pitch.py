"""F0 and voicing on sounds whose pitch is known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from speech_gesture_pkg.features.extractor import FeatureFrames, SpeechFeatureExtractor
from speech_gesture_pkg.features.pitch import WINDOW, difference

RATE = 16000


def features(samples: np.ndarray) -> FeatureFrames:
    extractor = SpeechFeatureExtractor()
    return extractor.step(samples.astype(np.float32), extractor.start())[0]


def inner(frames: FeatureFrames) -> slice:
    """Frames whose windows lie wholly inside the sound."""
    return slice(4, len(frames) - 4)


def test_difference_function_matches_the_definition() -> None:
    """Equations 6 and 8 of de Cheveigne & Kawahara (2002), summed directly."""
    windows = np.random.default_rng(0).uniform(-0.5, 0.5, (2, WINDOW)).astype(np.float32)
    got, power = difference(windows)
    lags = got.shape[1]
    span = WINDOW - lags + 1
    for row in range(2):
        x = windows[row].astype(float)
        d = np.array([np.sum((x[:span] - x[lag : lag + span]) ** 2) for lag in range(lags)])
        expected = d[1:] * np.arange(1, lags) / np.cumsum(d[1:])
        np.testing.assert_allclose(got[row, 1:], expected, rtol=1e-4, atol=1e-5)
        assert power[row] == pytest.approx(np.mean(x**2))


@pytest.mark.parametrize("hz", [95.0, 110.0, 155.5, 220.0, 311.1, 440.0, 490.0])
@pytest.mark.parametrize("wave", [np.sin, signal.sawtooth, signal.square])
def test_steady_tones(hz: float, wave: object) -> None:
    frames = features(0.3 * wave(2 * np.pi * hz * np.arange(RATE // 2) / RATE))  # type: ignore[operator]
    part = inner(frames)
    np.testing.assert_allclose(frames.f0_hz[part], hz, rtol=0.02)
    assert (frames.voicing[part] > 0.8).all()


@pytest.mark.parametrize("hz", [67.0, 75.0, 85.0])
def test_deepest_voices_are_found_by_their_harmonics(hz: float) -> None:
    frames = features(0.3 * signal.sawtooth(2 * np.pi * hz * np.arange(RATE // 2) / RATE))
    np.testing.assert_allclose(frames.f0_hz[inner(frames)], hz, rtol=0.02)


@pytest.mark.parametrize("wave", [np.sin, signal.sawtooth])
def test_sweep(wave: object) -> None:
    """One octave per second upwards from 100 Hz: the phase is the integral of the frequency."""
    t = np.arange(2 * RATE) / RATE
    phase = 2 * np.pi * 100.0 * (2.0**t - 1.0) / np.log(2.0)
    frames = features(0.3 * wave(phase))  # type: ignore[operator]
    part = inner(frames)
    np.testing.assert_allclose(frames.f0_hz[part], 100.0 * 2.0 ** frames.times[part], rtol=0.02)


def test_missing_fundamental_and_background_noise() -> None:
    """Harmonics 2 to 8 of 150 Hz in white noise 15 dB below."""
    t = np.arange(RATE) / RATE
    tone = sum(np.sin(2 * np.pi * 150.0 * k * t + k) for k in range(2, 9)) * 0.05
    noise = np.random.default_rng(0).standard_normal(RATE) * np.std(tone) * 10 ** (-15 / 20)
    frames = features(tone + noise)
    part = inner(frames)
    assert np.mean(np.abs(frames.f0_hz[part] / 150.0 - 1.0) < 0.02) > 0.98


def test_no_octave_jumps_when_every_other_period_is_weaker() -> None:
    """A creaky stretch (periods alternating by up to 20 %) inside a clean 120 Hz voice keeps its octave."""
    period = RATE / 120.0
    pulses = np.zeros(RATE)
    for k in range(int(RATE / period)):
        creaky = 40 <= k < 60
        pulses[round(k * period)] = 0.8 if creaky and k % 2 else 1.0
    voice = signal.lfilter([1.0], [1.0, -1.6, 0.8], pulses)
    frames = features(0.2 * voice / np.abs(voice).max())
    part = inner(frames)
    np.testing.assert_allclose(frames.f0_hz[part], 120.0, rtol=0.03)


def test_silence_noise_and_hum_are_unvoiced() -> None:
    rng = np.random.default_rng(0)
    assert not features(np.zeros(RATE)).f0_hz.any()
    assert not features(np.zeros(RATE)).voicing.any()
    noise = features(0.1 * rng.standard_normal(2 * RATE))
    assert np.mean(noise.f0_hz > 0) < 0.01
    assert np.median(noise.voicing) < 0.4
    faint = features(3e-4 * signal.sawtooth(2 * np.pi * 150 * np.arange(RATE) / RATE))
    assert not faint.f0_hz.any()
    hum = features(0.05 * np.sin(2 * np.pi * 66.0 * np.arange(RATE) / RATE))
    assert not hum.f0_hz[4:-4].any()


def test_loudness_does_not_matter() -> None:
    saw = signal.sawtooth(2 * np.pi * 180 * np.arange(RATE // 2) / RATE)
    quiet, loud = features(0.01 * saw), features(0.9 * saw)
    np.testing.assert_allclose(quiet.f0_hz[4:-4], loud.f0_hz[4:-4], rtol=1e-4)
