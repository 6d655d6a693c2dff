"""Smooth decoding over token borders.

Each token is drawn, and its decoded frames need not go on where the last ones stopped. The frames y of a token that are
shown follow the decoded ones x as closely as a penalty on acceleration allows, beginning with the last two shown:

    min_y  sum_k |y_k - x_k|^2 + weight * sum_k |y_k - 2 y_{k-1} + y_{k-2}|^2

(Whittaker's smoother, one token at a time.) It costs no look-ahead.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

WEIGHT = {"body": 30.0, "hands": 30.0, "face": 0.3}
"""Of the penalty on acceleration, by part; lips need to be quick."""


def smoothed(raw: np.ndarray, before: np.ndarray, weight: float) -> np.ndarray:
    """Frames of one token, led on from those before.

    Args:
        raw: decoded. Shape [F, D].
        before: the last two frames that were shown; fewer at the begin of a stream. Shape [<= 2, D].
        weight: of the penalty on acceleration.

    Returns:
        Shape [F, D].
    """
    follow, lead = _matrices(len(raw), len(before), weight)
    return np.asarray(follow @ raw + lead @ before, raw.dtype)


@lru_cache(maxsize=64)
def _matrices(count: int, before: int, weight: float) -> tuple[np.ndarray, np.ndarray]:
    """y = follow @ x + lead @ b, the solution of the normal equations. Shapes [F, F] and [F, B]."""
    bends = np.diff(np.eye(before + count), 2, axis=0)
    known, new = bends[:, :before], bends[:, before:]
    inverse = np.linalg.inv(np.eye(count) + weight * new.T @ new)
    return inverse.astype(np.float32), (-weight * inverse @ new.T @ known).astype(np.float32)
