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


# What each number of a planner's draw decides. A slot must not move: it would change the motion of every seed.


class PhraseStart:
    """A draw of `TORSO`."""

    TORSO = slice(0, 3)
    TURN_HEAD = 3
    HEAD = slice(4, 8)
    COUNT = 8


class PhraseEnd:
    """A draw of `HEAD`."""

    TURN_HEAD = 0
    HEAD = slice(1, 5)
    TILT_SIDE = 5
    COUNT = 6


class Accent:
    """A draw of `HEAD`."""

    NOD = 0
    NOD_SHAPE = slice(1, 3)
    RAISE_BROWS = 3
    BROW_HEIGHT = 4
    COUNT = 5


class Look:
    """A draw of `HEAD`."""

    GAZE = slice(0, 6)
    WAIT = 6
    COUNT = 7


class Choice:
    """A draw of `STROKES`, for a stroke that is armed."""

    CHANGE_HANDS = 0
    HANDS = 1
    LARGE = 2
    STROKE = 3
    SIZE = 4
    STAY = 5
    HOME = 6
    PLACE = slice(7, 10)
    STAGGER = 10
    JOIN_LOW = 11
    COUNT = 12


class Strike:
    """A draw of `STROKES`, for a stroke that is released."""

    SIZE = (0, 1)
    """Of the left and the right hand."""
    JOIN = 2
    WAIT = 3
    COUNT_ON, TILT_SIDE = 4, 4
    """Never both: strokes that count do not tilt the head."""
    RAISE_BROWS = 5
    COUNT = 6


class Wander:
    """A draw of `IDLE`."""

    PLACE = slice(0, 5)
    DURATION = 5
    COUNT = 6


class Retraction:
    """A draw of `STROKES`."""

    DELAY, DURATION = (0, 1), (1, 0)
    """Of the left and the right hand: the one that starts later takes less time on the whole."""
    REST = (slice(2, 5), slice(5, 8))
    NEXT_FIDGET = 0
    COUNT = 8


class Fidget:
    """A draw of `STROKES`."""

    SIDE, NEXT = 0, 0
    REST = slice(1, 4)
    FINGERS = 4
    TORSO = slice(5, 8)
    COUNT = 8
