"""Closed chains in a drawing: the passive joints under a head on six legs, which nobody commands or measures."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.robot.joint_map.kinematic_tree import Anatomy
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.robot.stewart_neck.forward_kinematics import passive_positions
from speech_gesture_pkg.robot.stewart_neck.platform import Platform, find_platform

_log = logging.getLogger(__name__)


class ClosedLoops:
    """The passive joints of one robot's platform."""

    def __init__(self, tree: Anatomy, platform: Platform, joint_names: tuple[str, ...]) -> None:
        self._tree, self._platform = tree, platform
        self._motors = np.array([joint_names.index(n) for n in platform.joints])
        self._last = platform.neutral
        found = passive_positions(tree, platform, platform.neutral)
        self._names = tuple(found)
        self._columns = np.array([joint_names.index(n) for n in found], int)
        self._passive = np.array(list(found.values()))

    @staticmethod
    def of(xml: str, joint_names: tuple[str, ...], folder: Path | None = None) -> ClosedLoops | None:
        """The loops of a URDF with these movable joints; None if it has no platform that is understood."""
        try:
            tree = Anatomy(RobotModel.from_string(xml, str((folder or Path()) / "robot.urdf")))
        except RobotError as e:
            _log.info("passive joints are drawn as they are given: %s", e)
            return None
        platform = find_platform(tree)
        return None if platform is None else ClosedLoops(tree, platform, joint_names)

    def closed(self, q: np.ndarray) -> np.ndarray:
        """Joint values [J] in the order of `joint_names`, with those of the passive joints filled in.

        Where no pose of the plate fits the motors, the last one stays.
        """
        motors = q[self._motors]
        if not np.array_equal(motors, self._last):
            self._last = motors.copy()
            try:
                found = passive_positions(self._tree, self._platform, motors)
                self._passive = np.array([found[n] for n in self._names])
            except RobotError as e:
                _log.info("%s", e)
        closed = q.copy()
        closed[self._columns] = self._passive
        return closed
