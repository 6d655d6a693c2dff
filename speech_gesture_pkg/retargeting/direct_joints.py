"""Fingers and face: human angles and weights onto joint positions, one linear map for all of them."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.motion.parts import ARKIT_INDEX
from speech_gesture_pkg.retargeting.targets import CURLS, DRIVES, drive_index
from speech_gesture_pkg.robot.joint_map.robot_map import SIDES, RobotMap
from speech_gesture_pkg.robot.model import RobotModel


class DirectDrives:
    """q = offset + gain . drives, clipped to the limits.

    Attributes:
        joints: names of the D finger and face joints.
        fingers: whether each is a finger joint (else face). Shape [D], bool.
    """

    def __init__(self, robot: RobotModel, robot_map: RobotMap) -> None:
        fingers = [(side, j) for side, s in enumerate(SIDES) for js in robot_map.hands.get(s, {}).values() for j in js]
        self.joints: tuple[str, ...] = tuple(j.joint for _, j in fingers) + tuple(f.joint for f in robot_map.face)
        self.fingers = np.arange(len(self.joints)) < len(fingers)
        self._offset = np.zeros(len(self.joints))
        self._gain = np.zeros((len(self.joints), DRIVES))
        for row, (side, joint) in enumerate(fingers):
            self._offset[row] = joint.open
            slope = (joint.closed - joint.open) / joint.full / max(len(joint.human), 1)
            for finger in joint.human:
                for angle, weight in enumerate(joint.weights):
                    self._gain[row, drive_index(side, finger, angle)] += slope * weight
        for row, face in enumerate(robot_map.face, len(fingers)):
            self._offset[row] = face.neutral
            for name, position, gain in face.shapes:
                self._gain[row, CURLS + ARKIT_INDEX[name]] += gain * (position - face.neutral)
        slots = [robot.joint_index[n] for n in self.joints]
        self._lower, self._upper = robot.lower[slots], robot.upper[slots]

    def positions(self, drives: np.ndarray) -> np.ndarray:
        """`HumanTargets.drives` [T, DRIVES] to joint positions [T, D] within limits."""
        return np.clip(self._offset + drives @ self._gain.T, self._lower, self._upper)


def rest_drives() -> np.ndarray:
    """Drives of a relaxed hand and a calm face. Shape [DRIVES]."""
    drives = np.zeros(DRIVES)
    for side in range(2):
        for k, finger in enumerate(("index", "middle", "ring", "pinky")):
            for angle, value in enumerate((0.22 + 0.05 * k, 0.35 + 0.04 * k, 0.2)):
                drives[drive_index(side, finger, angle)] = value
        for angle, value in enumerate((0.1, 0.15, 0.2, 0.45)):
            drives[drive_index(side, "thumb", angle)] = value
    return drives
