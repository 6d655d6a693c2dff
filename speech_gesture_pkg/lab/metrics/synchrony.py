"""BPSS, body part synchronization score (thesis sections 4.1 and 4.4, Table 3): do body, hands and face move together?

The thesis names four figures "calculated per body part" and gives no formulas. What is fixed here:

- each part is one signal, its *activity* s(t): mean speed of its joints or channels. Parts have different numbers of
  channels, so a correlation or cosine of theirs needs one common signal; and only figures of non-negative signals come
  near the thesis's cosines (0.88).
- hands are taken relative to their wrist: fingers that ride on a moving arm are no synchrony.
- cross-correlation: Pearson's at lag 0; the largest within a lag if one is asked for.
- mean phase coherence (Mormann et al. 2000): R = | 1/T sum_t exp(i (phi_p - phi_q)) |, Hilbert phase of s - mean(s).
- velocity alignment: cosine of s_p and s_q. Acceleration alignment: the same with second differences. The thesis's
  2.761 cannot be a mean of cosines; it fits the *sum* over the three pairs, ours is the mean (multiply by 3).
- means over the pairs body-hands, body-face, hands-face; BPSS is the mean of the four (the thesis's weights are
  unknown).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.signal import hilbert

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.result import finite, frames

STILL = 1e-9


@dataclass(frozen=True)
class Synchrony:
    """The four figures, means over pairs of parts, and their mean.

    Attributes:
        correlation: in [-1, 1].
        phase_coherence: in [0, 1].
        velocity_alignment: in [0, 1].
        acceleration_alignment: in [0, 1].
    """

    correlation: float
    phase_coherence: float
    velocity_alignment: float
    acceleration_alignment: float

    @property
    def bpss(self) -> float:
        """Mean of the four."""
        return (self.correlation + self.phase_coherence + self.velocity_alignment + self.acceleration_alignment) / 4.0


def activity(points: np.ndarray, order: int = 1) -> np.ndarray:
    """Mean over points of the norm of the `order`-th difference. [T, J, 3] in, [T - order] out; units per frame."""
    x = frames("points", points, 3, order + 1)
    return np.linalg.norm(np.diff(x, order, axis=0), axis=-1).mean(axis=1)


def channel_activity(channels: np.ndarray, order: int = 1) -> np.ndarray:
    """The same for channels of unlike units: each is divided by its own standard deviation; still ones are left out.

    [T, D] in, [T - order] out.
    """
    x = frames("channels", channels, 2, order + 1)
    spread = x.std(axis=0)
    moving = spread > STILL
    if not moving.any():
        raise InputError("no channel of this part moves")
    return np.abs(np.diff(x[:, moving] / spread[moving], order, axis=0)).mean(axis=1)


def _signals(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = finite("part signal", a, 1), finite("part signal", b, 1)
    if len(a) != len(b) or len(a) < 4:
        raise InputError(f"part signals have {len(a)} and {len(b)} frames; they must be equally long, at least 4")
    return a, b


def _centred(signal: np.ndarray) -> np.ndarray:
    centred = signal - signal.mean()
    if float(np.abs(centred).max()) <= STILL * max(1.0, float(np.abs(signal).max())):
        raise InputError("a signal is constant: it has neither correlation nor phase")
    return centred


def cross_correlation(a: np.ndarray, b: np.ndarray, max_lag: int = 0) -> float:
    """Pearson's correlation of two signals; the largest over lags of up to `max_lag` frames. In [-1, 1]."""
    a, b = _signals(a, b)
    if max_lag < 0 or max_lag > len(a) - 4:
        raise InputError(f"max_lag is {max_lag}; it must be in [0, {len(a) - 4}] for {len(a)} frames")
    values = []
    for lag in range(-max_lag, max_lag + 1):
        x, y = (a[lag:], b[: len(b) - lag]) if lag >= 0 else (a[:lag], b[-lag:])
        x, y = _centred(x), _centred(y)
        values.append(float(x @ y) / float(np.linalg.norm(x) * np.linalg.norm(y)))
    return max(values)


def mean_phase_coherence(a: np.ndarray, b: np.ndarray) -> float:
    """Mean phase coherence of two signals (module docstring). In [0, 1]; 1 for any constant phase difference."""
    phases = [np.angle(hilbert(_centred(signal))) for signal in _signals(a, b)]
    return float(abs(np.exp(1j * (phases[0] - phases[1])).mean()))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of two signals, in [-1, 1]."""
    a, b = _signals(a, b)
    if min(np.abs(a).max(), np.abs(b).max()) <= STILL:
        raise InputError("a part does not move: its alignment is not defined")
    return float(a @ b) / float(np.linalg.norm(a) * np.linalg.norm(b))


def synchrony(speeds: Mapping[str, np.ndarray], accelerations: Mapping[str, np.ndarray]) -> Synchrony:
    """The four figures over all pairs of parts.

    Args:
        speeds: part -> activity of order 1, all equally long. At least two parts.
        accelerations: the same parts -> activity of order 2.

    Raises:
        InputError: a part does not move; the sentence names the pair.
    """
    if len(speeds) < 2 or set(speeds) != set(accelerations):
        raise InputError(f"synchrony needs at least two parts with speed and acceleration, got {sorted(speeds)}")
    rows = []
    for p, q in combinations(speeds, 2):
        try:
            rows.append(
                (
                    cross_correlation(speeds[p], speeds[q]),
                    mean_phase_coherence(speeds[p], speeds[q]),
                    cosine(speeds[p], speeds[q]),
                    cosine(accelerations[p], accelerations[q]),
                )
            )
        except InputError as error:
            raise InputError(f"{p} and {q}: {error}") from error
    return Synchrony(*(float(v) for v in np.mean(rows, axis=0)))
