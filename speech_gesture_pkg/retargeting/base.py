"""The streaming protocol that every retargeter follows, and what its users set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.retargeting.arm_reconfiguration import Branch
from speech_gesture_pkg.retargeting.ik_solver import Weights
from speech_gesture_pkg.robot.joint_limits import JointLimits, LimitSettings
from speech_gesture_pkg.robot.joint_map.robot_map import RobotMap
from speech_gesture_pkg.robot.model import RobotModel


@dataclass(frozen=True)
class RetargetSettings:
    """How the robot follows the human.

    Attributes:
        fps: frames per second of the motion.
        limits: how much of the robot's limits is used.
        weights: of the solver's terms.
        iterations: Gauss-Newton iterations per frame.
        collision: keep clear of self-collision.
        collision_active: gap below which a pair of capsules is watched, m.
        collision_margin: gap kept, m.
        collision_gain: share of a missing gap that one frame regains.
        head_scale, torso_scale: size of head and waist rotations; 1 copies them.
    """

    fps: float = 30.0
    limits: LimitSettings = field(default_factory=LimitSettings)
    weights: Weights = field(default_factory=Weights)
    iterations: int = 1
    collision: bool = True
    collision_active: float = 0.15
    collision_margin: float = 0.015
    collision_gain: float = 0.4
    head_scale: float = 1.0
    torso_scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("fps", "iterations"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"retarget.{name} is {getattr(self, name)}; it must be positive")


@dataclass(frozen=True)
class RetargetState:
    """What the next frame depends on. Never changed in place.

    Attributes:
        q: joint positions of the last frame, in the order of `Retargeter.joint_names`. Shape [J].
        dq: last step. Shape [J].
        target: what the last frame asked for: directions, rotations, finger and face positions; None before the first.
        branches: what is known of other ways to hold each arm.
    """

    q: np.ndarray
    dq: np.ndarray
    target: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    branches: tuple[Branch, ...] = ()


class PoseCollision(Protocol):
    """Self-collision of a robot by the joints of its retargeter."""

    def distance(self, q: np.ndarray) -> np.ndarray:
        """Least distance between bodies for joints `[N, J]`, m; negative: overlap. Shape [N]."""
        ...

    def is_free(self, q: np.ndarray) -> np.ndarray:
        """Whether each pose [N, J] is free of collision. Shape [N], bool."""
        ...


class Retargeter(Protocol):
    """SMPL-X frames in, joint positions of one robot out, in chunks of any size.

    Each frame depends on the past only, so chunks of any size give the same result as one call (to rounding). `step`
    never changes the state it is given: it returns a new one.
    """

    robot: RobotModel
    map: RobotMap
    settings: RetargetSettings
    joint_names: tuple[str, ...]
    """The J joints that are driven."""
    groups: Mapping[str, tuple[str, ...]]
    """Group name ("left_arm", "head", ...) -> its joints."""
    limits: JointLimits
    """Of the J joints; all positions are inside."""
    rest: np.ndarray
    """Calm standing pose: arms hanging, elbows slightly bent, rad. Shape [J]."""

    @property
    def collision(self) -> PoseCollision:
        """Self-collision over `joint_names`."""
        ...

    def start(self, q0: np.ndarray | None = None) -> RetargetState:
        """State of a robot standing still at `q0` [J] (the rest pose if None). Positions are clipped to the limits."""
        ...

    def step(self, motion: MotionFrames, state: RetargetState) -> tuple[np.ndarray, RetargetState]:
        """Joint positions for T frames.

        Args:
            motion: finite frames at `settings.fps`.
            state: from `start` or the previous `step`.

        Returns:
            positions [T, J], rad, and the state after them.

        Raises:
            InputError: another frame rate, or numbers that are not finite.
        """
        ...

    def first_pose(self, motion: MotionFrames) -> np.ndarray | None:
        """The pose [J] for the first frame of a file, however far from rest; None = begin at rest."""
        ...

    def shown(self, q: np.ndarray) -> dict[str, float]:
        """Positions of the joints `q` [J] by name, with those of joints that follow them: what a drawing needs."""
        ...
