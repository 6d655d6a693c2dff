"""Where the robot's hands, limbs and palms are along a joint trajectory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.pipeline.build import Robot
from speech_gesture_pkg.retargeting.targets import human_targets
from speech_gesture_pkg.robot.joint_map.robot_map import SIDES
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory

BLOCK = 2000
"""Frames of forward kinematics at once, to bound memory."""


@dataclass(frozen=True)
class Limbs:
    """T frames of the robot's A arms.

    Attributes:
        hands: wrists in the root link's frame, m. Shape [T, A, 3].
        directions: upper arms, then forearms, relative to the torso, root axes. Shape [T, 2 A, 3].
        palms: palm normals relative to the torso. Shape [T, A, 3].
    """

    hands: np.ndarray
    directions: np.ndarray
    palms: np.ndarray


class RobotBody:
    """Forward kinematics of one robot's arms; nothing of the solver is used.

    Attributes:
        robot: the robot.
        sides: which arms there are, as indices into `SIDES`.
    """

    def __init__(self, robot: Robot) -> None:
        self.robot = robot
        model, mapping = robot.model, robot.map
        self.sides = [i for i, s in enumerate(SIDES) if s in mapping.arms]
        arms = [mapping.arms[SIDES[i]] for i in self.sides]
        neutral = model.joint_transforms(model.neutral())[:, 0]
        first = [model.model.getJointId(a.joints[0]) for a in arms]
        elbow = [model.model.getJointId(a.elbow) for a in arms]
        last = [model.model.getJointId(a.joints[-1]) for a in arms]
        self._torso = [int(model.model.parents[j]) for j in first]
        self._shoulder = _points(self._torso, [a.shoulder for a in arms], neutral)
        self._elbow = _points(elbow, [a.elbow_point for a in arms], neutral)
        self._wrist = _points(last, [a.wrist_point for a in arms], neutral)
        self._palm = [(j, neutral[j, :3, :3].T @ a.palm[:, 1]) for j, a in zip(last, arms, strict=True)]
        self._neutral_torso = [neutral[j, :3, :3] for j in self._torso]

    def full(self, trajectory: RobotTrajectory) -> np.ndarray:
        """Positions of all of the robot's joints [T, J]; joints that the trajectory lacks rest."""
        retargeter, model = self.robot.retargeter, self.robot.model
        rest = model.neutral()
        rest[[model.joint_index[n] for n in retargeter.joint_names]] = retargeter.rest
        q = np.repeat(rest[None], len(trajectory.time), axis=0)
        known = [(i, n) for i, n in enumerate(trajectory.joint_names) if n in model.joint_index]
        q[:, [model.joint_index[n] for _, n in known]] = trajectory.position[:, [i for i, _ in known]]
        return q

    def limbs(self, trajectory: RobotTrajectory) -> Limbs:
        """Hands, directions and palms at the trajectory's times."""
        q = self.full(trajectory)
        pieces = [self._limbs(q[i : i + BLOCK]) for i in range(0, len(q), BLOCK)]
        return Limbs(*(np.concatenate([getattr(p, k) for p in pieces]) for k in ("hands", "directions", "palms")))

    def _limbs(self, q: np.ndarray) -> Limbs:
        poses = self.robot.model.joint_transforms(q)
        shoulders, elbows, wrists = (_moved(p, poses) for p in (self._shoulder, self._elbow, self._wrist))
        hands = np.stack(wrists, axis=1) if wrists else np.empty((len(q), 0, 3))
        upper = [_unit(e - s) for s, e in zip(shoulders, elbows, strict=True)]
        fore = [_unit(w - e) for e, w in zip(elbows, wrists, strict=True)]
        palms = [np.einsum("nij,j->ni", poses[j][:, :3, :3], normal) for j, normal in self._palm]

        def relative(vectors: list[np.ndarray]) -> list[np.ndarray]:
            """In the torso's axes, turned as the torso stands in the neutral pose."""
            return [
                np.einsum("ij,nkj,nk->ni", neutral, poses[torso][:, :3, :3], v)
                for v, torso, neutral in zip(vectors, self._torso, self._neutral_torso, strict=True)
            ]

        empty = np.empty((len(q), 0, 3))
        directions = [*relative(upper), *relative(fore)]
        return Limbs(
            hands,
            np.stack(directions, axis=1) if directions else empty,
            np.stack(relative(palms), axis=1) if palms else empty,
        )

    def human(self, motion: MotionFrames) -> tuple[np.ndarray, np.ndarray]:
        """What `directions` and `palms` should be for a human motion, in the same axes."""
        targets = human_targets(motion)
        body = self.robot.map.body
        directions = np.concatenate([targets.upper[:, self.sides], targets.fore[:, self.sides]], axis=1)
        return directions @ body.T, targets.palms[..., 1][:, self.sides] @ body.T

    def clearance(self, trajectory: RobotTrajectory) -> np.ndarray:
        """Least capsule distance, m. Shape [T]."""
        model, retargeter = self.robot.model, self.robot.retargeter
        columns = [model.joint_index[n] for n in retargeter.joint_names]
        return np.asarray(retargeter.collision.distance(self.full(trajectory)[:, columns]))


def _points(joints: list[int], points: list[np.ndarray], neutral: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Points of the neutral pose (root frame) with the joint that carries each, in that joint's frame."""
    return [
        (j, neutral[j, :3, :3].T @ (np.asarray(p) - neutral[j, :3, 3])) for j, p in zip(joints, points, strict=True)
    ]


def _moved(points: list[tuple[int, np.ndarray]], poses: np.ndarray) -> list[np.ndarray]:
    return [np.einsum("nij,j->ni", poses[j][:, :3, :3], p) + poses[j][:, :3, 3] for j, p in points]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
