"""Kinematics of the solved joints only (arms, neck, waist), small enough to run twice per frame."""

from __future__ import annotations

import numpy as np
import pinocchio as pin

from speech_gesture_pkg.robot.joint_map.kinematic_tree import Anatomy
from speech_gesture_pkg.robot.joint_map.robot_map import SIDES, RobotMap
from speech_gesture_pkg.robot.model import RobotModel, skew


class BodyKinematics:
    """Arms and neck relative to the torso, and the torso relative to the pelvis, as parallel chains.

    All frames are parallel to the root link's frame in the robot's neutral pose. The chains hang from a common fixed
    base (the torso in its neutral place), so arms and head are expressed relative to the torso whatever the waist does.

    Attributes:
        joints: names of the n solved joints, arms first, then head, then torso.
        sides: which arms there are, as indices into `SIDES`.
        columns: part ("left_arm", ..., "head", "torso") -> slice of the n joints.
        axes: of the joints, in the base frame in the neutral pose. Shape [n, 3].
        wrist_joints: how many joints follow each arm's elbow.
        torso_joint: model index of the joint that carries torso and arms in the robot's own tree (0 for the root).
    """

    def __init__(self, robot: RobotModel, robot_map: RobotMap) -> None:
        tree = Anatomy(robot)
        by_name = {n.name: n for n in tree.nodes}
        chains = {f"{s}_arm": robot_map.arms[s].joints for s in SIDES if s in robot_map.arms}
        chains |= {"head": robot_map.head, "torso": robot_map.torso}
        self.joints: tuple[str, ...] = tuple(n for names in chains.values() for n in names)
        self.sides = [i for i, s in enumerate(SIDES) if s in robot_map.arms]
        self.columns: dict[str, slice] = {}
        self.model = pin.Model()
        self.origin = np.zeros((len(self.joints) + 1, 3))
        self.axes = np.array([by_name[n].axis for n in self.joints]).reshape(-1, 3)
        for part, names in chains.items():
            start, parent, place = self.model.nv, 0, np.zeros(3)
            for name in names:
                node = by_name[name]
                placement = pin.SE3(np.eye(3), node.origin - place)
                parent = self.model.addJoint(parent, pin.JointModelRevoluteUnaligned(*node.axis), placement, name)
                place = node.origin
                self.origin[parent] = node.origin
            self.columns[part] = slice(start, self.model.nv)
        self.data = self.model.createData()
        count = self.model.nv
        self.neutral = robot.neutral()[[robot.joint_index[n] for n in self.joints]]
        arms = [robot_map.arms[SIDES[i]] for i in self.sides]
        torso = [by_name[a.joints[0]].parent for a in arms] or [by_name[n].parent for n in robot_map.head[:1]]
        self.torso_joint = torso[0] if torso else 0
        self.wrist_joints = [a.wrist_joints for a in arms]
        self.shoulders = np.array([a.shoulder for a in arms]).reshape(-1, 3)
        self.palms = np.array([a.palm for a in arms]).reshape(-1, 3, 3)
        # Points E (elbows) then W (wrists): the joint that carries each, and its place from that joint's origin.
        elbows = [self.columns[f"{a.side}_arm"].start + a.joints.index(a.elbow) + 1 for a in arms]
        ends = [self.columns[f"{a.side}_arm"].stop for a in arms]
        wrists = [min(e + 1, end) for e, end in zip(elbows, ends, strict=True)]
        self.carriers = [*elbows, *wrists]
        points = np.array([a.elbow_point for a in arms] + [a.wrist_point for a in arms]).reshape(-1, 3)
        self.locals = points - self.origin[self.carriers]
        self.ends = ends
        support = np.zeros((len(self.carriers), 1, count))
        for row, carrier in enumerate(self.carriers):
            side = self.sides[row % len(arms)]
            support[row, 0, self.columns[f"{SIDES[side]}_arm"].start : carrier] = 1.0
        self.support = support
        rotated = [*ends] + [self.columns[p].stop for p in ("head", "torso") if self.has(p)]
        turning = np.zeros((len(rotated), 1, count))
        for row, part in enumerate([f"{a.side}_arm" for a in arms] + [p for p in ("head", "torso") if self.has(p)]):
            turning[row, 0, self.columns[part]] = 1.0
        self.rotated, self.turning = rotated, turning
        self.poses = np.zeros((count + 1, 4, 4))
        self.poses[0] = np.eye(4)
        self._needed = sorted({*self.carriers, *rotated})

    def has(self, part: str) -> bool:
        """Whether a part has joints."""
        return self.columns[part].stop > self.columns[part].start

    def update(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Forward kinematics and Jacobian at positions `q` [n] of the solved joints.

        Returns:
            spatial Jacobian in the base frame [6, n] (linear part: velocity of the point at the base origin), and the
            points E, W [2 * arms, 3]. `poses` of the needed joints are refreshed.
        """
        # reshape: Pinocchio hands out a vector where there is one joint
        jacobian = pin.computeJointJacobians(self.model, self.data, q - self.neutral).reshape(6, -1)
        placements = self.data.oMi
        poses = self.poses
        for index in self._needed:
            poses[index] = placements[index].homogeneous
        frames = poses[self.carriers]
        points = (frames[:, :3, :3] @ self.locals[:, :, None])[:, :, 0] + frames[:, :3, 3]
        return jacobian, points

    def point_jacobians(self, jacobian: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Velocity of points per joint velocity, all columns. `[P, 3]` to `[P, 3, n]`; mask by support."""
        linear, angular = jacobian[:3], jacobian[3:]
        return linear + skew(-points) @ angular


def rotation_error(target: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Rotation vectors that turn `current` into `target`, in the common frame. `[P, 3, 3]` twice to `[P, 3]`, rad."""
    delta = target @ current.transpose(0, 2, 1)
    vector = np.empty((len(delta), 3))
    vector[:, 0] = delta[:, 2, 1] - delta[:, 1, 2]
    vector[:, 1] = delta[:, 0, 2] - delta[:, 2, 0]
    vector[:, 2] = delta[:, 1, 0] - delta[:, 0, 1]
    sine = np.sqrt((vector * vector).sum(1)) / 2
    cosine = (delta[:, 0, 0] + delta[:, 1, 1] + delta[:, 2, 2] - 1) / 2
    angle = np.arctan2(sine, cosine)
    result = vector * (np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 1.0) / 2)[:, None]
    for i in np.flatnonzero((cosine < -0.999) & (sine < 0.05)):
        # Half a turn: the axis is the column space of delta + 1.
        column = (delta[i] + np.eye(3))[:, np.argmax(np.diag(delta[i]))]
        axis = column / np.linalg.norm(column)
        result[i] = angle[i] * (axis if axis @ vector[i] >= 0 else -axis)
    return result


def direction_error(target: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Tangent vectors at `current` towards `target`, as long as the angle between them. `[P, 3]` unit vectors, rad."""
    cosine = (target * current).sum(1)
    tangent = target - cosine[:, None] * current
    sine = np.sqrt((tangent * tangent).sum(1))
    return tangent * (np.arctan2(sine, cosine) / np.maximum(sine, 1e-9))[:, None]
