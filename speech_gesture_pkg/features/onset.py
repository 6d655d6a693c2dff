"""Onset strength: how fast the spectrum is growing."""

from __future__ import annotations

import numpy as np

LAG = 2
"""Frames (of 10 ms) over which the growth is taken; a 25 ms window changes little in one."""
UNIT_DB = 10.0
QUIET_DB = -70.0
"""Changes below this band level do not count: the murmur of a quiet room is no onset."""


def onset_strength(log_mel: np.ndarray) -> np.ndarray:
    """Half-wave rectified spectral flux of log-mel levels (Dixon 2006, on mel bands in dB).

    Args:
        log_mel: levels in dB, the first `LAG` frames being those before the ones asked for. Shape [LAG + F, B].

    Returns:
        Mean over the bands of how much each grew within 20 ms, in units of 10 dB; bands that fall count as 0. A
        syllable gives 0.5 to 2, steady sound and silence about 0 (white noise 0.2). Shape [F], >= 0.
    """
    level = np.maximum(log_mel, np.float32(QUIET_DB))
    growth = level[LAG:] - level[:-LAG]
    np.maximum(growth, np.float32(0.0), out=growth)
    return np.add.reduce(growth, axis=1) * np.float32(1.0 / (UNIT_DB * log_mel.shape[1]))
