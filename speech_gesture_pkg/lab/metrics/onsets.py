"""Audio onsets (audio "beats") and speech activity, from the pipeline's own streaming features.

The papers take `librosa.onset.onset_detect`: half-wave rectified flux of a log-mel spectrogram, scaled to [0, 1], and
Boeck's peak rule: a frame is an onset if it is the largest of the 30 ms before it, at least 0.07 above the mean of the
100 ms on both sides, and more than 30 ms after the last onset. Ours is the same rule with these differences:

- the flux is that of `features.onset` (40 mel bands, 25 ms windows, hop 10 ms) not 128 bands and hop 23 or 32 ms;
- it is scaled by its 99th percentile, not by its maximum: one click does not silence the rest;
- the frame must be the largest of 30 ms before *and after*: on a 10 ms grid the causal rule would put each onset at the
  foot of the slope;
- at least 60 ms lie between onsets (librosa's hop does that by itself).
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_closing, maximum_filter1d, uniform_filter1d

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.features.extractor import FeatureFrames
from speech_gesture_pkg.lab.metrics.result import finite

DELTA = 0.07
"""How far an onset stands above its surroundings, in shares of the scale (librosa's default)."""
PEAK_FRAMES = 7
MEAN_FRAMES = 21
WAIT_FRAMES = 6
ACCENT_FRAMES = 15
SPEECH_BELOW_PEAK_DB = 30.0
SPEECH_FLOOR_DB = -60.0
SPEECH_GAP_S = 0.3


def audio_onsets(features: FeatureFrames, backtrack: bool = False) -> np.ndarray:
    """Times of the onsets after the stream's first sample, s, increasing. Shape [K], K may be 0.

    Args:
        features: of the whole take.
        backtrack: move each onset back to the last local minimum of energy before it, as BEAT's evaluation does
            (and DiffSHEG, which follows it).

    Raises:
        InputError: no frames or not finite.
    """
    strength = finite("onset strength", features.onset, 1)
    if len(strength) < MEAN_FRAMES:
        raise InputError(f"the speech has {len(strength)} feature frames; at least {MEAN_FRAMES} are needed")
    scale = float(np.percentile(strength, 99))
    if scale <= 0.0:
        return np.zeros(0)
    x = strength / scale
    peak = (x == maximum_filter1d(x, PEAK_FRAMES, mode="constant")) & (
        x >= uniform_filter1d(x, MEAN_FRAMES, mode="nearest") + DELTA
    )
    chosen: list[int] = []
    for k in np.flatnonzero(peak):
        if not chosen or k - chosen[-1] > WAIT_FRAMES:
            chosen.append(int(k))
    index = np.array(chosen, int)
    if backtrack:
        index = np.unique(_backtracked(index, finite("energy", features.energy_db, 1)))
    return features.times[index]


def accents(features: FeatureFrames, onsets: np.ndarray | None = None) -> np.ndarray:
    """The louder half of the onsets: those whose level within the next 150 ms is not below the median. Ours.

    Args:
        features: of the whole take.
        onsets: `audio_onsets(features)` if already known.

    Returns:
        Times after the stream's first sample, s. Shape [K].
    """
    times = audio_onsets(features) if onsets is None else onsets
    if len(times) == 0:
        return times
    index = np.round(times * 100).astype(int) - features.first
    level = np.array([features.energy_db[i : i + ACCENT_FRAMES].max() for i in index])
    return times[level >= np.median(level)]


def _backtracked(index: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """The last local minimum of `energy` at or before each index (the first frame counts as one)."""
    inner = (energy[1:-1] <= energy[:-2]) & (energy[1:-1] < energy[2:])
    minima = np.concatenate([[0], 1 + np.flatnonzero(inner)])
    return minima[np.searchsorted(minima, index, side="right") - 1]


def speech_mask(features: FeatureFrames) -> np.ndarray:
    """Where somebody speaks: within 30 dB of the loud parts (95th percentile) and above -60 dB; gaps of up to 0.3 s
    between words count as speech. Shape [F], bool."""
    energy = finite("energy", features.energy_db, 1)
    if len(energy) == 0:
        raise InputError("the speech has no feature frames")
    loud = energy > max(np.percentile(energy, 95) - SPEECH_BELOW_PEAK_DB, SPEECH_FLOOR_DB)
    size = round(SPEECH_GAP_S * 100) + 1
    padded = np.pad(loud, size)
    return binary_closing(padded, np.ones(size, bool))[size:-size]
