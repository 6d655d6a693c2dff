"""Log-mel spectrogram and energy of windows of 25 ms.

Own code because librosa brings numba and torchaudio brings torch, which a robot does not need for 40 bands, and neither
streams.
"""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE

MEL_BANDS = 40
WINDOW = 400
"""Samples of the analysis window (25 ms)."""
FFT_SIZE = 512
FLOOR_DB = -100.0
"""Lowest level that is reported, dB re full scale (digital silence)."""

_FLOOR_POWER = np.float32(10.0 ** (FLOOR_DB / 10.0))
_BREAK_HZ, _HZ_PER_MEL, _LOG_STEP = 1000.0, 200.0 / 3.0, np.log(6.4) / 27.0


def hz_to_mel(hz: np.ndarray | float) -> np.ndarray:
    """Slaney's mel scale (Auditory Toolbox, 1998): linear below 1 kHz, logarithmic above."""
    hz = np.asarray(hz, float)
    linear = hz / _HZ_PER_MEL
    return np.where(hz < _BREAK_HZ, linear, 15.0 + np.log(np.maximum(hz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP)


def mel_to_hz(mel: np.ndarray | float) -> np.ndarray:
    """Inverse of `hz_to_mel`."""
    mel = np.asarray(mel, float)
    return np.where(mel < 15.0, mel * _HZ_PER_MEL, _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mel, 15.0) - 15.0)))


def band_centres(bands: int = MEL_BANDS, rate: int = SAMPLE_RATE) -> np.ndarray:
    """Centre frequencies in Hz, evenly spaced in mel between 0 and half the rate (both excluded). Shape [bands]."""
    return mel_to_hz(np.linspace(0.0, hz_to_mel(rate / 2), bands + 2))[1:-1]


def mel_filters(bands: int = MEL_BANDS, fft_size: int = FFT_SIZE, rate: int = SAMPLE_RATE) -> np.ndarray:
    """Triangular filters of height 1, each reaching to its neighbours' centres. Shape [fft_size // 2 + 1, bands].

    Between the first and the last centre the filters add up to 1 at every frequency, so that the bands share out
    the power and lose none.
    """
    edges = np.concatenate([[0.0], band_centres(bands, rate), [rate / 2]])
    hz = np.arange(fft_size // 2 + 1)[:, None] * (rate / fft_size)
    rising = (hz - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - hz) / np.diff(edges)[1:]
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


class LogMel:
    """Mel bands and energy of windows.

    The power of bin k is scaled so that the bins add up to the mean square of the windowed signal (Parseval); a sine
    of full scale thus gives -3 dB in all, whatever the window.
    """

    def __init__(self) -> None:
        # Periodic Hann.
        window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(WINDOW) / WINDOW)
        self._window = window.astype(np.float32)
        one_sided = np.full(FFT_SIZE // 2 + 1, 2.0)
        one_sided[[0, -1]] = 1.0
        scale = one_sided / (FFT_SIZE * np.sum(window**2))
        self._filters = np.ascontiguousarray(mel_filters() * scale[:, None].astype(np.float32))

    def __call__(self, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Levels of windows of samples.

        Args:
            windows: float32. Shape [F, 400].

        Returns:
            Level of each band in dB, [F, 40], and RMS level of each unweighted window in dB, [F]; float32, not below
            `FLOOR_DB`.
        """
        spectrum = np.fft.rfft(windows * self._window, FFT_SIZE)
        power = spectrum.real**2
        power += spectrum.imag**2
        mel = power @ self._filters if power.dtype == np.float32 else power.astype(np.float32) @ self._filters
        energy = np.einsum("ij,ij->i", windows, windows) * np.float32(1.0 / WINDOW)
        return _decibel(mel), _decibel(energy)


def _decibel(power: np.ndarray) -> np.ndarray:
    np.maximum(power, _FLOOR_POWER, out=power)
    np.log10(power, out=power)
    power *= np.float32(10.0)
    return power
