"""How a joint_trajectory_controller reads a trajectory: quintic interpolation between points (its userdoc)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Coefficients of u^0..u^5 (u = time / h) from p0, h v0, h^2 a0, p1, h v1, h^2 a1.
_QUINTIC = np.array(
    [
        [1, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 0],
        [0, 0, 0.5, 0, 0, 0],
        [-10, -6, -1.5, 10, -4, 0.5],
        [15, 8, 1.5, -15, 7, -1],
        [-6, -3, -0.5, 6, -3, 0.5],
    ]
)

_LARGEST = 1e12
"""No robot's position, velocity, acceleration (rad, s) or time (s)."""


@dataclass(frozen=True)
class SampledTrajectory:
    """A trajectory message as arrays: absolute times [M] and p, v, a [M, J]."""

    times: np.ndarray
    position: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray

    @property
    def finite(self) -> bool:
        """Whether all numbers are, and small enough for what is between them to be finite, too."""
        arrays = (self.times, self.position, self.velocity, self.acceleration)
        return all((np.abs(a) < _LARGEST).all() for a in arrays)  # NaN is not

    def at(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Position, velocity and acceleration at times [N], each [N, J]; the ends are held."""
        t = np.clip(np.asarray(t, float), self.times[0], self.times[-1])
        i = np.clip(np.searchsorted(self.times, t, side="right") - 1, 0, len(self.times) - 2)
        h = (self.times[i + 1] - self.times[i])[:, None]
        u = (t - self.times[i])[:, None] / h
        ends = np.stack(
            [
                self.position[i],
                h * self.velocity[i],
                h * h * self.acceleration[i],
                self.position[i + 1],
                h * self.velocity[i + 1],
                h * h * self.acceleration[i + 1],
            ]
        )
        c = np.einsum("ij,jnk->ink", _QUINTIC, ends)
        p = c[0] + u * (c[1] + u * (c[2] + u * (c[3] + u * (c[4] + u * c[5]))))
        v = c[1] + u * (2 * c[2] + u * (3 * c[3] + u * (4 * c[4] + u * 5 * c[5])))
        a = 2 * c[2] + u * (6 * c[3] + u * (12 * c[4] + u * 20 * c[5]))
        return p, v / h, a / (h * h)
