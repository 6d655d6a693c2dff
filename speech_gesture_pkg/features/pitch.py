"""Fundamental frequency and voicing, frame by frame and causal (YIN).

Own code because nothing ready-made fits a permissively licensed package that runs on a robot: aubio and
parselmouth/Praat are GPL, librosa's yin needs numba and works on whole files. Reference: A. de Cheveigne and
H. Kawahara, "YIN, a fundamental frequency estimator for speech and music", JASA 111(4), 2002; equation numbers below
are theirs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE

F0_MIN, F0_MAX = 65.0, 500.0
"""Range of the human voice that is searched, Hz."""
WINDOW = 640
"""Samples that one estimate looks at (40 ms)."""
LAG_MIN = int(SAMPLE_RATE / F0_MAX)
LAG_MAX = int(np.ceil(SAMPLE_RATE / F0_MIN)) + 1
_INTEGRATION = WINDOW - LAG_MAX - 1

THRESHOLD = 0.15
"""The first dip below this is the period (step 4; the paper uses 0.1, for cleaner recordings)."""
NEAR_DEEPEST = 0.08
"""Where no dip is below the threshold, the first one that is this close to the deepest: multiples of the period are
often a little deeper than the period itself."""
VOICED_BELOW = 0.4
"""A frame whose best dip is not below this is unvoiced."""
SILENT_POWER = 10.0**-5.8
"""Frames whose mean square is below this (-58 dB re full scale) are unvoiced."""

JUMP = 1.6
"""A frequency ratio beyond this between neighbours is suspected to be an octave error."""
JUMP_MARGIN = 0.12
"""The continuing dip is preferred if it is at most this much shallower than the jumping one."""
MEMORY = 5
"""Frames (of 10 ms) without voice after which the pitch may start anywhere."""


RUMBLE_HZ = 90.0
"""Room rumble and mains hum repeat as well as a voice does; below this frequency a frame must pass `is_rumble`."""
RUMBLE_MARGIN_DB = 16.0
_LAGS = np.arange(LAG_MAX + 2.0)


class PitchMemory(NamedTuple):
    """What the octave-jump suppression remembers.

    Attributes:
        lag: period of the last voiced frame, samples; 0 if there is none.
        age: frames since then.
    """

    lag: float = 0.0
    age: int = 0


def is_rumble(log_mel: np.ndarray) -> np.ndarray:
    """Whether nearly all the power lies below 150 Hz: a deep voice has strong harmonics above, hum has not.

    Args:
        log_mel: 40 bands (`mel.LogMel`), dB. Shape [F, 40].
    """
    low = np.maximum.reduce(log_mel[:, :2], axis=1)
    return low - np.maximum.reduce(log_mel[:, 3:12], axis=1) > RUMBLE_MARGIN_DB


def difference(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cumulative mean normalised difference d'(lag) (equations 6 and 8), [F, LAG_MAX + 2], and mean square, [F].

    Windows have shape [F, 640].
    The correlation comes from an FFT of the window's own length: 392 samples against 640 never wrap at these lags.
    """
    head = np.zeros_like(windows)
    head[:, :_INTEGRATION] = windows[:, :_INTEGRATION]
    cross = np.fft.rfft(head)
    np.conjugate(cross, out=cross)
    cross *= np.fft.rfft(windows)
    correlation = np.fft.irfft(cross, WINDOW)[:, : LAG_MAX + 2]
    energy = np.zeros((len(windows), WINDOW + 1))
    np.cumsum(windows * windows, axis=1, dtype=np.float64, out=energy[:, 1:])
    moving = energy[:, _INTEGRATION : _INTEGRATION + LAG_MAX + 2] - energy[:, : LAG_MAX + 2]
    d = moving[:, :1] + moving - 2.0 * correlation
    # FFT rounding may leave -1e-7 of the energy; silence must not divide by zero and shows no period.
    floor = 1e-7 * moving[:, :1] + 1e-12
    np.maximum(d, floor, out=d)
    d[:, 0] = 0.0
    mean = np.cumsum(d, axis=1)
    mean[:, 0] = 1.0
    d *= _LAGS
    d /= mean
    d[:, 0] = 1.0
    return d, energy[:, -1] / WINDOW


def estimate(
    windows: np.ndarray, log_mel: np.ndarray, memory: PitchMemory
) -> tuple[np.ndarray, np.ndarray, PitchMemory]:
    """F0 and voicing of consecutive frames.

    Args:
        windows: float32. Shape [F, 640].
        log_mel: mel levels of the same frames, dB. Shape [F, 40].
        memory: from the frames before.

    Returns:
        F0 in Hz, 0 where unvoiced, [F]; voicing (1 - d', the share of the power that repeats with the period) in
        [0, 1], 0 in silence and hum, [F]; and the memory for the next frames. float32.
    """
    count = len(windows)
    if not count:
        return np.zeros(0, np.float32), np.zeros(0, np.float32), memory
    d, power = difference(windows)
    sound = power > SILENT_POWER
    inner = d[:, LAG_MIN : LAG_MAX + 1]
    dips = (inner < d[:, LAG_MIN - 1 : LAG_MAX]) & (inner <= d[:, LAG_MIN + 1 : LAG_MAX + 2])
    depths = np.where(dips, inner, 2.0)
    deepest = np.minimum.reduce(depths, axis=1, keepdims=True)
    lag = (depths <= np.maximum(THRESHOLD, deepest + NEAR_DEEPEST)).argmax(axis=1) + LAG_MIN
    rows = np.arange(count)
    depth = d[rows, lag]
    sound &= (lag < SAMPLE_RATE / RUMBLE_HZ) | ~is_rumble(log_mel)
    voiced = (depth < VOICED_BELOW) & sound
    lag, memory = _continue_octave(d, dips, lag, voiced, memory)

    left, depth, right = d[rows, lag - 1], d[rows, lag], d[rows, lag + 1]
    curve = left - 2.0 * depth + right
    # Vertex of the parabola through the dip and its neighbours (step 5).
    shift = np.where(curve > 1e-9, 0.5 * (left - right) / np.maximum(curve, 1e-9), 0.0)
    f0 = SAMPLE_RATE / (lag + np.clip(shift, -0.5, 0.5))
    voicing = np.clip(1.0 - depth, 0.0, 1.0) * sound
    return np.where(voiced, f0, 0.0).astype(np.float32), voicing.astype(np.float32), memory


def _continue_octave(
    d: np.ndarray, dips: np.ndarray, lag: np.ndarray, voiced: np.ndarray, memory: PitchMemory
) -> tuple[np.ndarray, PitchMemory]:
    """Where the pitch jumps by about an octave, keep to the dip near the last period if it is nearly as deep."""
    last, age = memory
    lags, flags = lag.tolist(), voiced.tolist()
    for i, (now, is_voiced) in enumerate(zip(lags, flags, strict=True)):
        if not is_voiced:
            age += 1
            continue
        if last and age < MEMORY and not last / JUMP < now < last * JUMP:
            low = max(LAG_MIN, round(last / 1.2))
            high = min(LAG_MAX, round(last * 1.2)) + 1
            near = np.where(dips[i, low - LAG_MIN : high - LAG_MIN], d[i, low:high], 2.0)
            k = int(near.argmin())
            if near[k] < min(VOICED_BELOW, d[i, now] + JUMP_MARGIN):
                now = low + k
                lag[i] = now
        last, age = now, 0
    return lag, PitchMemory(last, min(age, MEMORY))
