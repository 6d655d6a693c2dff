"""Hand shapes: bend of the four fingers at the knuckle, spread, thumb flexion and opposition, in rad."""

from __future__ import annotations

import numpy as np


def _shape(*values: float) -> np.ndarray:
    out = np.array(values)
    out.setflags(write=False)
    return out


# index, middle, ring, pinky, spread, thumb flexion, thumb opposition
RELAXED = _shape(0.28, 0.38, 0.44, 0.48, 0.03, 0.20, 0.40)
OPEN = _shape(0.08, 0.12, 0.16, 0.20, 0.15, 0.08, 0.15)
FLAT = _shape(0.05, 0.06, 0.09, 0.12, 0.02, 0.10, 0.20)
CUPPED = _shape(0.22, 0.26, 0.30, 0.34, 0.10, 0.15, 0.35)
LOOSE_PINCH = _shape(0.50, 0.42, 0.38, 0.36, 0.06, 0.35, 0.55)
POINTING = _shape(0.04, 1.05, 1.15, 1.20, 0.0, 0.50, 0.55)
FIST = _shape(1.15, 1.20, 1.20, 1.20, 0.0, 0.55, 0.60)
SNAP = _shape(-0.14, -0.16, -0.16, -0.14, 0.07, -0.08, -0.10)
"""What a stroke adds to any shape: fingers open and spread on the hit."""


def counted(fingers: int) -> np.ndarray:
    """A fist with the first `fingers` (1..4) of index, middle, ring, pinky extended. Shape [7]."""
    shape = FIST.copy()
    shape[: min(max(fingers, 0), 4)] = 0.06
    if fingers >= 2:
        shape[4] = 0.12
    return shape


LOWER = np.array([-0.15, -0.10, -0.10, -0.10, -0.15, -0.1, -0.1])
UPPER = np.array([1.30, 1.35, 1.35, 1.35, 0.30, 0.8, 0.8])
"""Range of each number, so that added motion never bends a finger backwards far."""
