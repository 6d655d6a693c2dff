"""Counter-based randomness: a number depends only on (seed, stream, counter), so all that is kept is one counter."""

from __future__ import annotations

import numpy as np

_KEY_MASK = (1 << 64) - 1
# streams keep the uses apart: a nod drawn or not does not change the next stroke
STROKES, HEAD, FACE, IDLE, TORSO = range(5)


def uniform(seed: int, stream: int, counter: int, count: int) -> np.ndarray:
    """`count` numbers in [0, 1). Shape [count]."""
    return _source(seed, stream, counter).random(count)


def normal(seed: int, stream: int, counter: int, count: int) -> np.ndarray:
    """`count` standard normal numbers, clipped to +-2.2. Shape [count]."""
    return np.clip(_source(seed, stream, counter).standard_normal(count), -2.2, 2.2)


def _source(seed: int, stream: int, counter: int) -> np.random.Generator:
    key = np.array([seed & _KEY_MASK, stream], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=np.array([0, counter, 0, 0], np.uint64)))
