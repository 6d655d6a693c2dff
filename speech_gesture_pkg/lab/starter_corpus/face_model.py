"""From speech to mouth: ridge regression on windows of speech vectors, learned from real pairs of speech and face.

The window passes through fixed random rectified units beside its own linear terms, so that the regression can bend; the
strength of the ridge is chosen on takes that were left out. Regression to the mean flattens motion: each channel is
stretched back to the spread it had in the real takes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.features.vectors import SPEECH_VECTOR
from speech_gesture_pkg.motion.parts import ARKIT_INDEX, ARKIT_NAMES

FPS = 30.0
_REACH = 20
_STRIDE = 4
"""The window spans +-0.2 s in steps of 0.04 s."""
_UNITS = 800
_RIDGES = (30.0, 300.0, 3000.0)
_STRETCH = 1.5
MOUTH = tuple(k for k, n in enumerate(ARKIT_NAMES) if n.startswith(("jaw", "mouth")))


def windows(vectors: np.ndarray, count: int) -> np.ndarray:
    """Windows around the first `count` motion frames. Shape [count, W]."""
    centres = np.round(np.arange(count) * 100.0 / FPS).astype(int)
    rows = centres[:, None] + np.arange(-_REACH, _REACH + 1, _STRIDE)
    return vectors[np.clip(rows, 0, len(vectors) - 1)].reshape(count, -1)


@dataclass(frozen=True)
class FaceModel:
    """Speech vectors in, mouth and jaw weights out.

    Attributes:
        mean, deviation: of the windows. Shape [W].
        units: of the random layer. Shape [W + 1, U].
        weights: of the regression, last row constant. Shape [W + U + 1, M].
        centre, stretch: mean of the targets and factor that restores their spread. Shape [M].
    """

    mean: np.ndarray
    deviation: np.ndarray
    units: np.ndarray
    weights: np.ndarray
    centre: np.ndarray
    stretch: np.ndarray

    def __call__(self, vectors: np.ndarray, count: int) -> np.ndarray:
        """ARKit weights of `count` frames, only mouth and jaw. Shape [count, 52]."""
        out = np.zeros((count, len(ARKIT_NAMES)))
        raw = _lift(windows(vectors, count), self.mean, self.deviation, self.units) @ self.weights
        smooth = _smooth(self.centre + (raw - self.centre) * self.stretch)
        out[:, MOUTH] = np.clip(smooth, 0.0, 1.0)
        return out


def _lift(x: np.ndarray, mean: np.ndarray, deviation: np.ndarray, units: np.ndarray) -> np.ndarray:
    z = np.clip((x - mean) / deviation, -4.0, 4.0)
    return np.concatenate([z, np.maximum(z @ units[:-1] + units[-1], 0.0), np.ones((len(z), 1))], 1)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Binomial smoothing over 5 frames: what a mouth can do."""
    if len(values) < 3:
        return values
    padded = np.concatenate([values[:1], values[:1], values, values[-1:], values[-1:]])
    kernel = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    return sum(k * padded[i : i + len(values)] for i, k in enumerate(kernel))  # type: ignore[return-value]


def fit_face(takes: list[tuple[np.ndarray, np.ndarray]], seed: int = 0) -> FaceModel:
    """Learn the mapping.

    Args:
        takes: speech vectors [F, C] and ARKit weights [T, 52] of each take, beginning together.
        seed: of the random layer.

    Raises:
        InputError: no takes, or vectors of another length.
    """
    if not takes or any(v.shape[1] != SPEECH_VECTOR for v, _ in takes):
        raise InputError(f"the face mapping needs takes with speech vectors of {SPEECH_VECTOR} numbers")
    x = [windows(v, len(f)) for v, f in takes]
    y = [f[:, MOUTH] for _, f in takes]
    everything = np.concatenate(x)
    mean, deviation = everything.mean(0), everything.std(0) + 0.05
    rng = np.random.default_rng(seed)
    units = rng.standard_normal((everything.shape[1] + 1, _UNITS)) / np.sqrt(everything.shape[1])
    del everything
    lifted = [_lift(part, mean, deviation, units) for part in x]
    grams = [part.T @ part for part in lifted]
    cross = [part.T @ target for part, target in zip(lifted, y, strict=True)]

    def solve(which: list[int], ridge: float) -> np.ndarray:
        gram = sum((grams[k] for k in which), np.zeros_like(grams[0]))
        penalty = np.full(len(gram), ridge)
        penalty[-1] = 1e-6
        return np.linalg.solve(gram + np.diag(penalty), sum((cross[k] for k in which), np.zeros_like(cross[0])))

    ridge = _RIDGES[1]
    out = np.concatenate([part @ solve(list(range(len(x))), ridge) for part in lifted])
    if len(takes) > 1:
        errors = {}
        for candidate in _RIDGES:
            held = []
            for k in range(len(takes)):
                weights = solve([j for j in range(len(takes)) if j != k], candidate)
                held.append(lifted[k] @ weights)
            errors[candidate] = (float(np.square(np.concatenate(held) - np.concatenate(y)).sum()), np.concatenate(held))
        ridge = min(errors, key=lambda r: errors[r][0])
        out = errors[ridge][1]
    target = np.concatenate(y)
    stretch = np.clip(target.std(0) / np.maximum(_smooth(out).std(0), 1e-6), 1.0, _STRETCH)
    return FaceModel(mean, deviation, units, solve(list(range(len(x))), ridge), target.mean(0), stretch)


def agreement(model: FaceModel, takes: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Correlation of predicted and real weights over takes, for the channels that move."""
    predicted = np.concatenate([model(v, len(f)) for v, f in takes])
    real = np.concatenate([f for _, f in takes])
    moving = ("jawOpen", "mouthFunnel", "mouthPucker", "mouthLowerDownLeft", "mouthRollLower", "mouthUpperUpLeft")
    columns = {name: ARKIT_INDEX[name] for name in moving}
    return {
        name: float(np.corrcoef(predicted[:, k], real[:, k])[0, 1])
        for name, k in columns.items()
        if real[:, k].std() > 1e-3 and predicted[:, k].std() > 1e-6
    }
