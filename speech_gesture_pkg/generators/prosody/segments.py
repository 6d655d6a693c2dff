"""Quintic segments: every channel runs on its own fifth-order polynomial from where it is (position, velocity,
acceleration) to a target. Re-planning at any moment keeps position, velocity and acceleration continuous; from rest to
rest it is the minimum-jerk movement (Flash & Hogan 1985)."""

from __future__ import annotations

import numpy as np

PEAK_ACCELERATION = 5.7735
"""Largest acceleration of a minimum-jerk move is this times distance / duration^2."""


class Segments:
    """The running segment of each channel. Time is counted in frames, so rates are per frame.

    Attributes:
        begin: frame at which the segment starts. Shape [N].
        rate: 1 / duration in frames. Shape [N].
        coefficients: of powers of normalised time 0..5. Shape [6, N].
    """

    __slots__ = ("begin", "coefficients", "rate")

    def __init__(self, begin: np.ndarray, rate: np.ndarray, coefficients: np.ndarray) -> None:
        self.begin, self.rate, self.coefficients = begin, rate, coefficients

    @staticmethod
    def at_rest(position: np.ndarray) -> Segments:
        """All channels standing still at `position` [N]."""
        count = len(position)
        coefficients = np.zeros((6, count))
        coefficients[0] = position
        return Segments(np.zeros(count), np.ones(count), coefficients)

    def copy(self) -> Segments:
        """An independent copy."""
        return Segments(self.begin.copy(), self.rate.copy(), self.coefficients.copy())

    def evaluate(self, frame: float) -> np.ndarray:
        """Position of all channels. Shape [N]."""
        s = np.minimum((frame - self.begin) * self.rate, 1.0)
        c = self.coefficients
        return c[0] + s * (c[1] + s * (c[2] + s * (c[3] + s * (c[4] + s * c[5]))))

    def state(self, frame: float, where: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Position, velocity per frame and acceleration per frame^2 of some channels."""
        rate, c = self.rate[where], self.coefficients[:, where]
        s = (frame - self.begin[where]) * rate
        moving = s <= 1.0 + 1e-9
        s = np.minimum(s, 1.0)
        position = c[0] + s * (c[1] + s * (c[2] + s * (c[3] + s * (c[4] + s * c[5]))))
        velocity = c[1] + s * (2.0 * c[2] + s * (3.0 * c[3] + s * (4.0 * c[4] + s * 5.0 * c[5])))
        acceleration = 2.0 * c[2] + s * (6.0 * c[3] + s * (12.0 * c[4] + s * 20.0 * c[5]))
        return position, velocity * rate * moving, acceleration * rate * rate * moving

    def plan(
        self,
        frame: float,
        where: slice,
        target: np.ndarray,
        frames: float | np.ndarray,
        end_acceleration: np.ndarray | None = None,
    ) -> None:
        """Head for `target`, to arrive with no velocity after `frames` frames.

        Args:
            frame: now.
            where: the channels.
            target: shape of those channels.
            frames: duration > 0, one or one per channel.
            end_acceleration: acceleration on arrival, per frame^2, for a bounce into the segment that follows at once;
                zero if None.
        """
        p0, v0, a0 = self.state(frame, where)
        v0, a0 = v0 * frames, a0 * (frames * frames)
        a1 = np.zeros_like(p0) if end_acceleration is None else end_acceleration * (frames * frames)
        d = target - p0 - v0 - 0.5 * a0
        e = -v0 - a0
        f = a1 - a0
        self.begin[where] = frame
        self.rate[where] = 1.0 / frames
        c = self.coefficients
        c[0, where], c[1, where], c[2, where] = p0, v0, 0.5 * a0
        c[3, where] = 10.0 * d - 4.0 * e + 0.5 * f
        c[4, where] = -15.0 * d + 7.0 * e - f
        c[5, where] = 6.0 * d - 3.0 * e + 0.5 * f
