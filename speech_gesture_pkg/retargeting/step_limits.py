"""Bounds on the next step of each joint: position, velocity, acceleration, and room to stop. Pure functions."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.robot.joint_limits import JointLimits


def stopping_step(room: np.ndarray, brake: np.ndarray) -> np.ndarray:
    """Largest step now after which a joint can still stop within `room`, braking by `brake` per frame each frame.

    Steps x, x - b, x - 2b, ... add up to n x - b n (n - 1) / 2 with n = ceil(x / b) terms; this is its inverse.

    Args:
        room: distance to the limit, >= 0 (rad or m). Shape [J].
        brake: decrease of the step per frame, a_max dt^2. Shape [J].

    Returns:
        step [J]; 0 where there is no room.
    """
    n = np.ceil((np.sqrt(1.0 + 8.0 * np.minimum(room, 1e6) / brake) - 1.0) / 2.0)
    n = np.maximum(n, 1.0)
    return (room + brake * n * (n - 1.0) / 2.0) / n


class StepBounds:
    """The box of allowed steps dq for J joints and a frame time dt, s.

    A joint that keeps to this box stays within its position, velocity and acceleration limits for ever: the box is
    never empty, because every allowed step leaves room to brake.
    """

    def __init__(self, limits: JointLimits, dt: float) -> None:
        self.lower, self.upper = limits.lower, limits.upper
        self.step = limits.velocity * dt
        # Slightly less than the limit: rounding must not push a difference of differences over it.
        self.change = np.minimum(limits.acceleration * dt * dt * (1 - 1e-6), 2 * self.step)

    def box(self, q: np.ndarray, dq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest allowed step.

        Args:
            q: present positions, within limits. Shape [J].
            dq: the previous step. Shape [J].
        """
        high = np.minimum(self.step, dq + self.change)
        np.minimum(high, stopping_step(np.maximum(self.upper - q, 0.0), self.change), out=high)
        low = np.maximum(-self.step, dq - self.change)
        np.maximum(low, -stopping_step(np.maximum(q - self.lower, 0.0), self.change), out=low)
        # Empty only by rounding, or when a caller hands in a state that broke the limits: brake first.
        crossed = low > high
        if crossed.any():
            brake = np.clip(0.0, dq - self.change, dq + self.change)
            low, high = np.where(crossed, brake, low), np.where(crossed, brake, high)
        return low, high


def approach(error: np.ndarray, drift: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Step that closes `error` to a moving target without overshoot: as fast as braking by `change` per frame allows.

    Args:
        error: target - position. Shape [J].
        drift: the target's own step this frame (included in `error`). Shape [J].
        change: allowed change of step per frame. Shape [J].
    """
    gap = error - drift
    return drift + np.sign(gap) * np.minimum(stopping_step(np.abs(gap), change), np.abs(gap))
