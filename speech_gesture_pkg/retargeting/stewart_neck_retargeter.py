"""Retargeting for a robot whose head stands on a platform of legs (`closed_chain`): the rest as for any robot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.retargeting.base import Retargeter, RetargetSettings, RetargetState
from speech_gesture_pkg.retargeting.ik_retargeter import IkRetargeter
from speech_gesture_pkg.retargeting.targets import human_targets
from speech_gesture_pkg.robot.collision.model import CollisionModel
from speech_gesture_pkg.robot.joint_limits import JointLimits
from speech_gesture_pkg.robot.joint_map.kinematic_tree import Anatomy
from speech_gesture_pkg.robot.joint_map.robot_map import RobotMap
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.robot.stewart_neck.forward_kinematics import passive_positions
from speech_gesture_pkg.robot.stewart_neck.platform import Platform

MOST_TURN = 0.6
"""Largest rotation of the head, rad: ball joints tilt little farther, and no URDF says how far."""
_MARGIN = 0.03
"""Kept from the motors' limits at least, rad: the composer may clip one motor, but then the legs no longer fit."""


@dataclass(frozen=True)
class StewartNeckCollision:
    """The collision model of the other joints; the platform is taken as it stands in the neutral pose."""

    inner: CollisionModel
    count: int

    def distance(self, q: np.ndarray) -> np.ndarray:
        """Least distance for joints `[N, J]`, m. Shape [N]."""
        return self.inner.distance(np.atleast_2d(q)[:, : self.count])

    def is_free(self, q: np.ndarray) -> np.ndarray:
        """Whether each pose [N, J] is free of collision. Shape [N], bool."""
        return self.distance(q) > 0.0


class StewartNeckRetargeter:
    """A `Retargeter` that drives the six motors under the head, and the other joints by an `IkRetargeter`.

    The head plate turns as the human's head does relative to the chest, about the middle of its own joints, as far as
    the motors reach (at most `MOST_TURN`). The composer behind it keeps the motors' speeds.

    Attributes:
        joint_names: the joints of the inner retargeter, then the motors.
        robot, map, settings, groups, rest, limits, collision: as `Retargeter` has them.
    """

    def __init__(
        self, robot: RobotModel, robot_map: RobotMap, platform: Platform, settings: RetargetSettings | None
    ) -> None:
        if not robot_map.joints:
            raise ConfigError(f"robot '{robot.name}' has a platform and nothing else that moves; it cannot be served")
        self._inner = IkRetargeter(robot, robot_map, settings)
        self.robot, self.map, self.platform, self.settings = robot, robot_map, platform, self._inner.settings
        self.joint_names = (*self._inner.joint_names, *platform.joints)
        self.groups: Mapping[str, tuple[str, ...]] = {**robot_map.groups, "head": platform.joints}
        self.limits = JointLimits.from_robot(robot, self.joint_names, self.groups, self.settings.limits)
        middle, _ = platform.motors(np.eye(3)[None])
        self.rest = np.concatenate([self._inner.rest, middle[0]])
        self.collision = StewartNeckCollision(self._inner.collision, len(self._inner.joint_names))

    def start(self, q0: np.ndarray | None = None) -> RetargetState:
        """State of a robot standing still at `q0` [J] (the rest pose if None)."""
        return self._inner.start(None if q0 is None else np.asarray(q0, float)[: len(self._inner.joint_names)])

    def step(self, motion: MotionFrames, state: RetargetState) -> tuple[np.ndarray, RetargetState]:
        """Joint positions [T, J] for T frames and the state after them (see `Retargeter.step`)."""
        q, state = self._inner.step(motion, state)
        return np.concatenate([q, self.motors(motion)], 1), state

    def first_pose(self, motion: MotionFrames) -> np.ndarray | None:
        """None: a file begins at rest, from where the other joints are few and soon there."""
        return None

    def shown(self, q: np.ndarray) -> dict[str, float]:
        """Positions of the joints `q` [J] by name, with those of the passive joints: what a drawing needs."""
        motors = np.asarray(q, float)[len(self._inner.joint_names) :]
        named = dict(zip(self.joint_names, np.asarray(q, float).tolist(), strict=True))
        return named | passive_positions(Anatomy(self.robot), self.platform, motors)

    def motors(self, motion: MotionFrames) -> np.ndarray:
        """Motor angles for the head of T frames. Shape [T, 6]."""
        if not len(motion):
            return np.empty((0, len(self.platform.joints)))
        body = self.map.body
        margin = max(_MARGIN, self.settings.limits.position_margin)
        wanted = body @ human_targets(motion).head @ body.T
        q, _ = self.platform.reach(wanted, margin, self.settings.head_scale, MOST_TURN)
        return q


def make_retargeter(robot: RobotModel, robot_map: RobotMap, settings: RetargetSettings | None = None) -> Retargeter:
    """The retargeter for a robot, with or without a platform under its head."""
    if robot_map.platform is not None:
        return StewartNeckRetargeter(robot, robot_map, robot_map.platform, settings)
    return IkRetargeter(robot, robot_map, settings)
