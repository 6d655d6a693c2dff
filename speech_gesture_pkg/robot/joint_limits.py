"""JointLimits: what gestures keep to, from the limits of the URDF; one rule for retargeter and commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from speech_gesture_pkg.config import GROUPS, SafetyConfig
from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.robot.joint_map.robot_map import kind_of_group
from speech_gesture_pkg.robot.model import RobotModel

MAX_VELOCITY = 10.0
"""No joint but the face's is driven faster, rad/s or m/s: higher limits in a URDF are placeholders."""
TRACKED = ("arms", "head", "torso")
"""Kinds of joints with a position margin. Fingers and face rest at their limits: an open eye, a straight finger."""
_MARGIN_SHARE = 0.25
"""The margin takes at most this share of a joint's range at either end, so that half of a narrow range stays usable."""
_ENDLESS = 1e4
"""Position limit of a continuous joint, rad: nobody winds one up so far."""


@dataclass(frozen=True)
class LimitSettings:
    """How much of a robot's limits gestures use.

    Attributes:
        velocity_scale: share of the velocity limit, in (0, 1].
        max_velocity: cap on velocity limits before they are scaled, rad/s or m/s; not for the face.
        acceleration: limits by kind of joint ("arms", "hands", "head", "torso", "face"), rad/s^2.
        position_margin: kept from the position limits of arms, head and torso, rad.
    """

    velocity_scale: float = 1.0
    max_velocity: float = MAX_VELOCITY
    acceleration: Mapping[str, float] = field(
        default_factory=lambda: {"arms": 25.0, "head": 25.0, "torso": 10.0, "hands": 60.0, "face": 500.0}
    )
    position_margin: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.velocity_scale <= 1:
            raise ConfigError(f"limits.velocity_scale is {self.velocity_scale}; it must be in (0, 1]")
        if not self.max_velocity > 0:
            raise ConfigError(f"limits.max_velocity is {self.max_velocity}; it must be positive")
        if set(GROUPS) - set(self.acceleration) or not all(a > 0 for a in self.acceleration.values()):
            raise ConfigError(
                f"limits.acceleration is {dict(self.acceleration)}; it needs a positive value for each of "
                f"{', '.join(GROUPS)}"
            )

    @classmethod
    def of(cls, safety: SafetyConfig) -> LimitSettings:
        """Those of the parameters `safety.*`."""
        acceleration = {kind: getattr(safety, f"acceleration_{kind}") for kind in GROUPS}
        return cls(safety.velocity_scale, MAX_VELOCITY, acceleration, safety.position_margin)


@dataclass(frozen=True, eq=False)
class JointLimits:
    """Limits that gestures keep to, in rad and s (m and s for sliding joints). All arrays are frozen.

    Attributes:
        lower, upper: positions; finite for continuous joints too. Shape [J].
        velocity, acceleration: positive. Shape [J].
        tracked: joints of arms, head and torso. Shape [J], bool.
    """

    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    tracked: np.ndarray

    @classmethod
    def from_robot(
        cls,
        robot: RobotModel,
        joint_names: Sequence[str],
        groups: Mapping[str, tuple[str, ...]],
        settings: LimitSettings,
    ) -> JointLimits:
        """The limits of J joints of a robot.

        Position: the tighter of limits and soft limits, less a margin of at most a quarter of the range at either end
        (arms, head, torso). Velocity: the URDF's, at most `max_velocity` (face: uncapped), times `velocity_scale`.
        Capped before it is scaled, so that a scale below 1 slows joints with placeholder limits, too.

        Joints that are in no group are not ours: they hold their place within the stated limits, without a margin (an
        open gripper at its limit stays there) and beyond soft limits too.

        Args:
            joint_names: which joints, in which order.
            groups: group name ("left_arm", "head", ...) -> its joints.
        """
        kind = {name: kind_of_group(group) for group, names in groups.items() for name in names}
        slot = {name: i for i, name in enumerate(robot.joint_names)}
        slots = np.array([slot[name] for name in joint_names], int)
        kinds = [kind.get(name, "") for name in joint_names]
        ours, tracked = np.array([k != "" for k in kinds], bool), np.array([k in TRACKED for k in kinds], bool)
        lower = np.where(ours, robot.lower[slots], robot.stated_lower[slots]).clip(-_ENDLESS, _ENDLESS)
        upper = np.where(ours, robot.upper[slots], robot.stated_upper[slots]).clip(-_ENDLESS, _ENDLESS)
        margin = np.where(tracked, np.minimum(settings.position_margin, _MARGIN_SHARE * (upper - lower)), 0.0)
        cap = np.array([np.inf if k == "face" else settings.max_velocity for k in kinds])
        velocity = np.minimum(robot.velocity[slots], cap) * settings.velocity_scale
        acceleration = np.array([float(settings.acceleration[k or "torso"]) for k in kinds])
        limits = cls(lower + margin, upper - margin, velocity, acceleration, tracked)
        for array in (limits.lower, limits.upper, velocity, acceleration, tracked):
            array.setflags(write=False)
        return limits
