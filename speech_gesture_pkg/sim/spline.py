"""Piecewise polynomials as joint_trajectory_controller interpolates them: linear, cubic or quintic by filled fields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spline:
    """Knots on absolute time. The first is the state before the trajectory, from which it is approached.

    Attributes:
        times: seconds, not decreasing. Shape [K].
        positions: rad or m. Shape [K, J]; velocities and accelerations likewise, zero where not given.
        has_velocity: whether each knot gave velocities. Shape [K], bool.
        has_acceleration: whether each knot gave accelerations. Shape [K], bool.
    """

    times: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray
    accelerations: np.ndarray
    has_velocity: np.ndarray
    has_acceleration: np.ndarray

    @staticmethod
    def hold(time: float, position: np.ndarray) -> Spline:
        """Staying at `position` [J] from `time` on."""
        zero = np.zeros((1, len(position)))
        yes = np.ones(1, bool)
        return Spline(np.array([time]), position[None].copy(), zero, zero, yes, yes)

    def _segments(self, at: np.ndarray) -> np.ndarray:
        """Index of the knot before each time, as the controller finds it: the first two knots that the time is between.
        Times decrease where a blended trajectory begins with a point of the old one that is later than its own."""
        last = len(self.times) - 1
        if (self.times[1:] >= self.times[:-1]).all():
            return np.clip(np.searchsorted(self.times, at, side="right") - 1, 0, last)
        before, after = self.times[1:-1], self.times[2:]
        between = (before <= at[:, None]) & (at[:, None] < after)
        found = np.where(between.any(1), between.argmax(1) + 1, last)
        return np.where(at < self.times[1], 0, found)

    def sample(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Position, velocity and acceleration at times `at` [N], each [N, J]; beyond the end the last knot is held."""
        last = len(self.times) - 1
        segment = self._segments(np.asarray(at, float))
        if (segment == last).all():
            return self.positions[segment], self.velocities[segment], self.accelerations[segment]
        following = np.minimum(segment + 1, last)
        length = self.times[following] - self.times[segment]
        done = segment == last
        since = np.where(done, 0.0, np.clip(at - self.times[segment], 0.0, None))
        cubic = self.has_velocity[segment] & self.has_velocity[following]
        quintic = cubic & self.has_acceleration[segment] & self.has_acceleration[following]
        T = np.where(done | (length <= 0.0), 1.0, length)[:, None]
        s = since[:, None] / T
        p0, p1 = self.positions[segment], self.positions[following]
        # unit interval: derivatives scaled by T and T^2; absent ones are those of the straight line
        rise = p1 - p0
        slope = rise * ~done[:, None]
        v0 = np.where(cubic[:, None], self.velocities[segment] * T, slope)
        v1 = np.where(cubic[:, None], self.velocities[following] * T, slope)
        # without accelerations: those of the cubic, so that the quintic below is that cubic
        a0 = np.where(quintic[:, None], self.accelerations[segment] * T**2, 6 * rise - 4 * v0 - 2 * v1)
        a1 = np.where(quintic[:, None], self.accelerations[following] * T**2, -6 * rise + 2 * v0 + 4 * v1)
        c2 = 0.5 * a0
        c3 = 10 * rise - 6 * v0 - 4 * v1 - 1.5 * a0 + 0.5 * a1
        c4 = -15 * rise + 8 * v0 + 7 * v1 + 1.5 * a0 - a1
        c5 = 6 * rise - 3 * v0 - 3 * v1 - 0.5 * a0 + 0.5 * a1
        position = p0 + s * (v0 + s * (c2 + s * (c3 + s * (c4 + s * c5))))
        velocity = (v0 + s * (2 * c2 + s * (3 * c3 + s * (4 * c4 + s * 5 * c5)))) / T
        acceleration = (2 * c2 + s * (6 * c3 + s * (12 * c4 + s * 20 * c5))) / T**2
        held = done[:, None]
        return (
            np.where(held, p0, position),
            np.where(held, self.velocities[segment], velocity),
            np.where(held, self.accelerations[segment], acceleration),
        )
