"""Motion limits of the mapped joints, and the same limits on a time grid."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from speech_gesture_pkg.errors import ConfigError, RobotError
from speech_gesture_pkg.trajectory.link_speed_limit import LinkGrid, LinkLimit

RATE_MARGIN = 1e-6
"""Relative part of velocity and acceleration limits that is kept back for rounding."""
POSITION_MARGIN = 1e-9
"""Part of the position range that is kept back for rounding, rad or m (at most 1/1000 of the range)."""


def _vector(name: str, values: object, count: int) -> np.ndarray:
    array = np.array(values, float)
    if array.shape != (count,):
        raise ConfigError(f"MotionLimits.{name} has shape {array.shape}; it must be one number per joint, ({count},)")
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class MotionLimits:
    """What the commanded motion must never exceed.

    Attributes:
        joint_names: J joints.
        lower: smallest position, rad (revolute) or m (prismatic). Shape [J].
        upper: largest position, rad or m. Shape [J].
        velocity: largest speed, rad/s or m/s, positive. Shape [J].
        acceleration: largest acceleration, rad/s^2 or m/s^2, positive. Shape [J].
        limbs: joint indices that are always scaled together, so that the direction of the limb's motion is kept. A
            joint in no limb is its own limb.
        links: limit on the speed of hands, wrists and elbows; None = none.
    """

    joint_names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    limbs: tuple[tuple[int, ...], ...] = ()
    links: LinkLimit | None = None

    def __post_init__(self) -> None:
        names = tuple(self.joint_names)
        count = len(names)
        if not count:
            raise ConfigError("MotionLimits.joint_names is empty; at least one joint is needed")
        object.__setattr__(self, "joint_names", names)
        for key in ("lower", "upper", "velocity", "acceleration"):
            array = _vector(key, getattr(self, key), count)
            object.__setattr__(self, key, array)
            for j in np.flatnonzero(~np.isfinite(array)):
                raise RobotError(f"joint {names[j]!r} has {key} limit {array[j]}; it must be a finite number")
        for j in np.flatnonzero(self.lower >= self.upper):
            raise RobotError(
                f"joint {names[j]!r} has lower limit {self.lower[j]:g} and upper limit {self.upper[j]:g}; "
                "lower must be below upper"
            )
        for key in ("velocity", "acceleration"):
            array = getattr(self, key)
            for j in np.flatnonzero(array <= 0):
                raise ConfigError(f"joint {names[j]!r} has {key} limit {array[j]:g}; it must be positive")
        self._check_limbs(count)

    def _check_limbs(self, count: int) -> None:
        limbs = tuple(tuple(int(j) for j in limb) for limb in self.limbs)
        if self.links is not None and self.links.reach.shape[1:] != (count,):
            raise ConfigError(f"MotionLimits.links is for {self.links.reach.shape[1]} joints; it must be for {count}")
        seen: set[int] = set()
        for limb in limbs:
            if not limb:
                raise ConfigError("MotionLimits.limbs has an empty limb; each needs at least one joint index")
            for j in limb:
                if not 0 <= j < count:
                    raise ConfigError(f"MotionLimits.limbs has index {j}; it must be in 0..{count - 1}")
                if j in seen:
                    raise ConfigError(f"joint {self.joint_names[j]!r} is in two limbs; it may be in one only")
                seen.add(j)
        alone = tuple((j,) for j in range(count) if j not in seen)
        object.__setattr__(self, "limbs", limbs + alone)

    def scaled(self, velocity: float = 1.0, acceleration: float = 1.0, margin: float = 0.0) -> MotionLimits:
        """Tighter (or wider) limits.

        Args:
            velocity: factor on the velocity limits, positive.
            acceleration: factor on the acceleration limits, positive.
            margin: taken off both ends of the position range, rad or m, >= 0; at most 40 % of a joint's range per
                end, so that small joints keep some motion.
        """
        for key, value in (("velocity", velocity), ("acceleration", acceleration)):
            if not (np.isfinite(value) and value > 0):
                raise ConfigError(f"{key} scale is {value}; it must be a positive number")
        if not (np.isfinite(margin) and margin >= 0):
            raise ConfigError(f"position margin is {margin}; it must be a number >= 0")
        inset = np.minimum(margin, 0.4 * (self.upper - self.lower))
        return MotionLimits(
            self.joint_names,
            self.lower + inset,
            self.upper - inset,
            self.velocity * velocity,
            self.acceleration * acceleration,
            self.limbs,
            self.links,
        )

    def with_link_speed(self, speed: float) -> MotionLimits:
        """The same limits with another largest speed of hands, wrists and elbows, m/s."""
        return self if self.links is None else replace(self, links=replace(self.links, speed=speed))


@dataclass(frozen=True, eq=False)
class GridLimits:
    """`MotionLimits` as limits on control points that are `dt` apart, with what the inner loop needs precomputed.

    Attributes:
        limits: where they come from.
        dt: grid step, s.
        lower, upper: bounds of a control point (a rounding margin inside the limits). Shape [J].
        step: bound of the first difference, velocity * dt. Shape [J].
        bend: bound of the second difference, acceleration * dt^2. Shape [J].
        inverse_step, inverse_bend: 1 / step, 1 / bend. Shape [J].
        limb_of: limb index of each joint. Shape [J].
        links: limit on the way of hands, wrists and elbows per grid step; None = none.
    """

    limits: MotionLimits
    dt: float
    lower: np.ndarray
    upper: np.ndarray
    step: np.ndarray
    bend: np.ndarray
    inverse_step: np.ndarray
    inverse_bend: np.ndarray
    limb_of: np.ndarray
    links: LinkGrid | None
    _order: np.ndarray | None
    _starts: np.ndarray

    @staticmethod
    def of(limits: MotionLimits, dt: float) -> GridLimits:
        """Limits on a grid of step `dt` s (in [0.001, 0.5])."""
        if not 0.001 <= dt <= 0.5:
            raise ConfigError(f"grid step dt is {dt} s; it must be in [0.001, 0.5]")
        inset = np.minimum(POSITION_MARGIN, 1e-3 * (limits.upper - limits.lower))
        step = limits.velocity * dt * (1 - RATE_MARGIN)
        bend = limits.acceleration * dt * dt * (1 - RATE_MARGIN)
        order = np.concatenate([np.asarray(limb, np.intp) for limb in limits.limbs])
        sizes = [len(limb) for limb in limits.limbs]
        limb_of = np.empty(len(order), np.intp)
        limb_of[order] = np.repeat(np.arange(len(sizes)), sizes)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
        ordered = bool(np.all(order[1:] > order[:-1]))
        lower, upper, inverse_step, inverse_bend = limits.lower + inset, limits.upper - inset, 1 / step, 1 / bend
        for array in (lower, upper, step, bend, inverse_step, inverse_bend, limb_of, order, starts):
            array.setflags(write=False)
        return GridLimits(
            limits,
            float(dt),
            lower,
            upper,
            step,
            bend,
            inverse_step,
            inverse_bend,
            limb_of,
            None if limits.links is None else LinkGrid(limits.links, float(dt), limb_of, len(sizes)),
            None if ordered else order,
            starts,
        )

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The J joints."""
        return self.limits.joint_names

    def limb_max(self, values: np.ndarray) -> np.ndarray:
        """Largest value of each limb's joints. [..., J] -> [..., L]."""
        if self._order is not None:
            values = values.take(self._order, axis=-1)
        return np.maximum.reduceat(values, self._starts, axis=-1)

    def limb_min(self, values: np.ndarray) -> np.ndarray:
        """Smallest value of each limb's joints. [..., J] -> [..., L]."""
        if self._order is not None:
            values = values.take(self._order, axis=-1)
        return np.minimum.reduceat(values, self._starts, axis=-1)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Each limb's value for all its joints. [..., L] -> [..., J]."""
        return values.take(self.limb_of, axis=-1)
