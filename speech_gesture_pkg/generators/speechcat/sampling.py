"""From logits to tokens: temperature, top-k, nucleus; the same seed and place give the same draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.errors import ConfigError


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    Attributes:
        temperature: divides the logits; 0 always takes the most probable token.
        top_k: only the k most probable tokens; 0 = all.
        top_p: only the most probable tokens that together have at least this probability (Holtzman et al. 2020).
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 10:
            raise ConfigError(f"sampling temperature is {self.temperature}; it must be in [0, 10]")
        if self.top_k < 0:
            raise ConfigError(f"sampling top_k is {self.top_k}; it must be 0 (all) or more")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"sampling top_p is {self.top_p}; it must be in (0, 1]")


def draw(logits: np.ndarray, sampling: Sampling, seed: int, place: int) -> np.ndarray:
    """One token of each row.

    Args:
        logits: shape [P, codes].
        sampling: how.
        seed, place: decide the draw; `place` counts the tokens of the stream.

    Returns:
        tokens [P], int64.
    """
    logits = np.asarray(logits, float)
    if sampling.temperature == 0:
        return logits.argmax(-1)
    scaled = (logits - logits.max(-1, keepdims=True)) / sampling.temperature
    order = np.argsort(-scaled, -1, kind="stable")
    ranked = np.exp(np.take_along_axis(scaled, order, -1))
    if sampling.top_k:
        ranked[:, sampling.top_k :] = 0.0
    ranked /= ranked.sum(-1, keepdims=True)
    before = np.cumsum(ranked, -1) - ranked
    ranked[before >= sampling.top_p] = 0.0
    total = np.cumsum(ranked, -1)
    chance = np.random.Generator(np.random.Philox(key=seed & 0xFFFFFFFFFFFFFFFF, counter=place)).random(len(logits))
    pick = (total <= chance[:, None] * total[:, -1:]).sum(-1)
    return np.take_along_axis(order, np.minimum(pick, logits.shape[1] - 1)[:, None], -1)[:, 0]
