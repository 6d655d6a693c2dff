"""Minimum-jerk blends: slow approach from the measured pose, to the rest pose and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.trajectory.limits import MotionLimits
from speech_gesture_pkg.trajectory.link_speed_limit import LinkLimit

PEAK_VELOCITY = 1.875
"""Peak of the minimum-jerk velocity, in units of distance / duration."""
PEAK_ACCELERATION = 10.0 / np.sqrt(3.0)
"""Peak of the minimum-jerk acceleration, in units of distance / duration^2."""
APPROACH_SPEED = 0.6
SHORTEST = 0.6
_LIMIT_SHARE = 0.7


def min_jerk(phase: np.ndarray | float) -> np.ndarray:
    """10 x^3 - 15 x^4 + 6 x^5 with x = phase clipped to [0, 1] (Flash and Hogan 1985). Any shape."""
    x = np.clip(phase, 0.0, 1.0)
    return np.asarray(x * x * x * (10.0 + x * (6.0 * x - 15.0)))


def approach_duration(
    begin: np.ndarray,
    end: np.ndarray,
    speed: float = APPROACH_SPEED,
    shortest: float = SHORTEST,
    limits: MotionLimits | None = None,
    links: LinkLimit | None = None,
) -> float:
    """Duration of a minimum-jerk move whose fastest joint peaks at `speed`, in s.

    Args:
        begin, end: joint positions, rad. Shape [J].
        speed: peak joint speed, rad/s (m/s), positive.
        shortest: least duration, s, positive.
        limits: if given, the move also stays below 70 % of the velocity and acceleration limits.
        links: if given, hands and elbows stay below their limit on the straight way.
    """
    for key, value in (("speed", speed), ("shortest duration", shortest)):
        if not (np.isfinite(value) and value > 0):
            raise ConfigError(f"blend {key} is {value}; it must be a positive number")
    way = np.abs(np.asarray(end, float) - np.asarray(begin, float))
    duration = max(shortest, PEAK_VELOCITY * float(way.max(initial=0.0)) / speed)
    if limits is not None:
        by_velocity = PEAK_VELOCITY * way / (_LIMIT_SHARE * limits.velocity)
        by_acceleration = np.sqrt(PEAK_ACCELERATION * way / (_LIMIT_SHARE * limits.acceleration))
        duration = max(duration, float(by_velocity.max()), float(by_acceleration.max()))
    if links is not None:
        duration = max(duration, links.blend_duration(np.asarray(begin, float), np.asarray(end, float), PEAK_VELOCITY))
    return duration


def bridge_duration(limits: MotionLimits, away: np.ndarray, known: np.ndarray | None = None) -> float:
    """Time in which a controller's own quintic from standing to standing keeps the limits, s.

    Args:
        limits: of the J joints.
        away: how far a joint may be from where it is sent, rad or m, >= 0. Shape [J].
        known: how far they are, as far as that is known: hands and elbows keep their speed on that way, too. Shape [J].
    """
    by_velocity = PEAK_VELOCITY * away / limits.velocity
    by_acceleration = np.sqrt(PEAK_ACCELERATION * away / limits.acceleration)
    duration = max(float(by_velocity.max()), float(by_acceleration.max()))
    if limits.links is not None and known is not None:
        reach = float((limits.links.reach @ known).max(initial=0.0))
        duration = max(duration, PEAK_VELOCITY * reach / limits.links.speed)
    return duration


@dataclass(frozen=True)
class Blend:
    """A transition in time between two joint motions, each of which may stand still or move.

    Attributes:
        begin: time at which it leaves the first motion, s.
        duration: s, positive.
    """

    begin: float
    duration: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.begin) and np.isfinite(self.duration) and self.duration > 0):
            raise ConfigError(f"blend of {self.duration} s at {self.begin} s; the duration must be positive")

    @property
    def end(self) -> float:
        """Time at which only the second motion is left, s."""
        return self.begin + self.duration

    def weight(self, times: np.ndarray | float) -> np.ndarray:
        """Share of the second motion, 0 to 1. Same shape as `times`."""
        return min_jerk((np.asarray(times, float) - self.begin) / self.duration)

    def mix(self, times: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        """The blended motion.

        Args:
            times: s. Shape [N].
            source, target: joint positions, rad; each [J] (still) or [N, J] (moving). Where only one of the two has
                weight the other need not be finite.

        Returns:
            shape [N, J].
        """
        w = self.weight(np.atleast_1d(times))[:, None]
        source, target = np.broadcast_arrays(np.atleast_2d(source), np.atleast_2d(target))
        mixed = source + w * (target - source)
        return np.where(w <= 0.0, source, np.where(w >= 1.0, target, mixed))
