"""Self-collision inside the solver: near capsule pairs as linear rows on the step.

Coarser than `CollisionModel` so that it costs little: the fingers of a hand become three capsules (thumb, index +
middle, ring + pinky) that follow the curl.
"""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.retarget.capsules import segment_distances
from speech_gesture_pkg.retarget.collision import CollisionModel
from speech_gesture_pkg.retarget.kinematics import BodyKinematics, skew
from speech_gesture_pkg.retarget.robot import RobotModel
from speech_gesture_pkg.retarget.robot_map import SIDES, FingerJoint, RobotMap

_CLUSTERS = (("thumb",), ("index", "middle"), ("ring", "pinky"))
_LEVELS = 5
_MAX_ROWS = 12


class Avoidance:
    """Gaps between the nearest pairs of arm capsules and anything else, and their derivatives.

    Frames are those of `BodyKinematics` (the torso's neutral place); pelvis and legs are moved into them.
    """

    def __init__(
        self, robot: RobotModel, robot_map: RobotMap, kinematics: BodyKinematics, model: CollisionModel
    ) -> None:
        self._kinematics = kinematics
        self._lower_frame = len(kinematics.joints) + 1
        self._poses = np.zeros((self._lower_frame + 1, 4, 4))
        self._poses[:] = np.eye(4)
        solved = {n: i + 1 for i, n in enumerate(kinematics.joints)}
        frame_of = self._frames(robot, solved, kinematics.torso_joint)
        neutral = robot.neutral()
        ends = model.end_points(neutral[None])[:, :, 0]
        origin = np.concatenate([kinematics.origin, np.zeros((1, 3))])
        clusters, self._tables = self._finger_tables(robot, robot_map, model, solved, kinematics)
        keep = [i for i in range(len(model.capsules)) if i not in clusters]
        place = {i: k for k, i in enumerate(keep)} | {i: len(keep) + c for i, c in clusters.items()}
        self._frame = np.array([frame_of[model.capsules[i].joint] for i in keep] + [t[0] for t in self._tables], int)
        self._local = np.zeros((len(self._frame), 2, 3))
        self._radius = np.zeros(len(self._frame))
        for k, i in enumerate(keep):
            self._local[k] = ends[i] - origin[self._frame[k]]
            self._radius[k] = model.radius[i]
        self._first_finger = len(keep)
        unique = {(min(place[a], place[b]), max(place[a], place[b])) for a, b in model.pairs}
        self._pairs = np.array(sorted(unique), int).reshape(-1, 2)
        self._moving = sorted({int(f) for f in self._frame if 0 < f < self._lower_frame})
        self._support = self._supports(kinematics)
        self.set_fingers(np.zeros(len(self._tables)))

    @staticmethod
    def _frames(robot: RobotModel, solved: dict[str, int], torso: int) -> list[int]:
        """For each joint of the robot, the solver's frame that carries it: a solved joint, torso (0), below (-1)."""
        frames = []
        for joint in range(len(robot.parents)):
            ancestor = joint
            while ancestor and ancestor != torso and robot.full_names[ancestor - 1] not in solved:
                ancestor = robot.parents[ancestor]
            if ancestor == torso:
                frames.append(0)
            else:
                name = robot.full_names[ancestor - 1] if ancestor else ""
                frames.append(solved.get(name, -1))
        torso_path = set()
        joint = torso
        while joint:
            torso_path.add(joint)
            joint = robot.parents[joint]
        return [-1 if j in torso_path - {torso} else f for j, f in enumerate(frames)]

    def _finger_tables(
        self,
        robot: RobotModel,
        robot_map: RobotMap,
        model: CollisionModel,
        solved: dict[str, int],
        kinematics: BodyKinematics,
    ) -> tuple[dict[int, int], list[tuple[int, np.ndarray, np.ndarray]]]:
        """Capsule -> cluster, and per cluster its hand's frame, ends [levels, 2, 3] and radii [levels] by curl."""
        clusters: dict[int, int] = {}
        tables: list[tuple[int, np.ndarray, np.ndarray]] = []
        self.cluster_joints: list[tuple[tuple[str, float, float], ...]] = []
        for name in SIDES:
            hand = robot_map.hands.get(name, {})
            arm = robot_map.arms.get(name)
            if arm is None:
                continue
            frame = solved[arm.joints[-1]]
            for fingers in _CLUSTERS:
                joints = [j for f in fingers for j in hand.get(f, ())]
                roots = {robot.model.getJointId(j.joint) for j in joints}
                members = [i for i, c in enumerate(model.capsules) if _below(robot, c.joint, roots)]
                if not members:
                    continue
                shape, poses = _finger_poses(robot, joints)
                points = model.end_points(poses)[members] - kinematics.origin[frame]
                radius = model.radius[members]
                ends, radii = np.empty((_LEVELS, 2, 3)), np.empty(_LEVELS)
                for k in range(_LEVELS):
                    ends[k], radii[k] = _wrap(points[:, :, k::_LEVELS], radius)
                clusters |= {i: len(tables) for i in members}
                tables.append((frame, ends, radii))
                self.cluster_joints.append(shape)
        return clusters, tables

    def set_fingers(self, curls: np.ndarray) -> None:
        """Shape the finger capsules. `curls`: level in [0, 1] of each entry of `cluster_joints`."""
        for c, (_, ends, radii) in enumerate(self._tables):
            level = min(max(float(curls[c]), 0.0), 1.0) * (_LEVELS - 1)
            low = min(int(level), _LEVELS - 2)
            share = level - low
            self._local[self._first_finger + c] = (1 - share) * ends[low] + share * ends[low + 1]
            self._radius[self._first_finger + c] = (1 - share) * radii[low] + share * radii[low + 1]

    def _supports(self, kinematics: BodyKinematics) -> np.ndarray:
        """Which solved joints move each frame: only the arm's own. Shape [frames + 2, n]."""
        support = np.zeros((self._lower_frame + 1, len(kinematics.joints)))
        for part, columns in kinematics.columns.items():
            if part.endswith("_arm"):
                for joint in range(columns.start, columns.stop):
                    support[joint + 1, columns.start : joint + 1] = 1.0
        return support

    def rows(self, jacobian: np.ndarray, active: float) -> tuple[np.ndarray, np.ndarray]:
        """How the gaps of near pairs change with the step.

        Args:
            jacobian: from `BodyKinematics.update`, just called. Shape [6, n].
            active: gap below which a pair counts as near, m.

        Returns:
            rows A [k, n] and gaps d [k], m: after a small step dq the gaps are d + A dq.
        """
        if not len(self._pairs):
            return np.zeros((0, jacobian.shape[1])), np.zeros(0)
        poses = self._poses
        body = self._kinematics
        for joint in self._moving:
            poses[joint] = body.data.oMi[joint].homogeneous
        if body.has("torso"):
            last = body.columns["torso"].stop
            rotation = body.poses[last, :3, :3].T
            poses[-1, :3, :3] = rotation
            poses[-1, :3, 3] = body.origin[last] - rotation @ body.poses[last, :3, 3]
        frames = poses[self._frame]
        ends = self._local @ frames[:, :3, :3].transpose(0, 2, 1) + frames[:, None, :3, 3]
        a, b = self._pairs[:, 0], self._pairs[:, 1]
        p, w = ends[a], ends[b]
        squared, s, t = segment_distances(p[:, 0], p[:, 1], w[:, 0], w[:, 1])
        gaps = np.sqrt(squared) - self._radius[a] - self._radius[b]
        near = np.flatnonzero(gaps < active)
        if not len(near):
            return np.zeros((0, jacobian.shape[1])), np.zeros(0)
        if len(near) > _MAX_ROWS:
            near = near[np.argsort(gaps[near])[:_MAX_ROWS]]
        p, w = p[near], w[near]
        p = p[:, 0] + s[near, None] * (p[:, 1] - p[:, 0])
        w = w[:, 0] + t[near, None] * (w[:, 1] - w[:, 0])
        apart = p - w
        normal = apart / np.maximum(np.linalg.norm(apart, axis=1), 1e-9)[:, None]
        linear, angular = jacobian[:3], jacobian[3:]
        i, j = self._frame[a[near]], self._frame[b[near]]
        speed_p = (linear + skew(-p) @ angular) * self._support[i][:, None]
        speed_w = (linear + skew(-w) @ angular) * self._support[j][:, None]
        matrix = (normal[:, None, :] @ (speed_p - speed_w))[:, 0]
        return matrix, gaps[near]


def _below(robot: RobotModel, joint: int, roots: set[int]) -> bool:
    while joint:
        if joint in roots:
            return True
        joint = robot.parents[joint]
    return False


def _finger_poses(
    robot: RobotModel, joints: list[FingerJoint]
) -> tuple[tuple[tuple[str, float, float], ...], np.ndarray]:
    """Poses that a cluster of fingers goes through, level by level.

    Fingers go from straight to closed. A thumb that can oppose goes from one side to the other, at any curl.

    Returns:
        (joint, position at level 0, change to level 1) of the joints whose mean share is the level, and the poses of
        the whole robot [variants * levels, robot J], variant by variant.
    """
    opposing = [j for j in joints if j.weights[3] > 0]
    shape = []
    for j in opposing or joints:
        slot = robot.joint_index[j.joint]
        start = j.open
        if opposing:
            start = float(robot.lower[slot] if j.closed > j.open else robot.upper[slot])
        shape.append((j.joint, start, (j.closed - start) or 1.0))
    variants = (0.0, 0.35, 0.7) if opposing else (0.0,)
    poses = np.repeat(robot.neutral()[None], _LEVELS * len(variants), 0)
    for v, curl in enumerate(variants):
        rows = slice(v * _LEVELS, (v + 1) * _LEVELS)
        for j in joints:
            slot = robot.joint_index[j.joint]
            poses[rows, slot] = np.clip(j.open + (j.closed - j.open) * curl, robot.lower[slot], robot.upper[slot])
        for name, start, span in shape:
            poses[rows, robot.joint_index[name]] = start + span * np.linspace(0, 1, _LEVELS)
    return tuple(shape), poses


def _wrap(points: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, float]:
    """One capsule around several: ends [2, 3] and radius, of `points` [members, 2, V, 3] with `radius` [members]."""
    flat = points.reshape(-1, 3)
    each = np.repeat(radius, points.shape[1] * points.shape[2])
    centre = flat.mean(0)
    axis = np.linalg.svd(flat - centre)[2][0]
    along = (flat - centre) @ axis
    across = np.linalg.norm(flat - centre - along[:, None] * axis, axis=1)
    width = float((across + each).max())
    inset = max(width - float(radius.max()), 0.0) / 2
    low, high = along.min() + inset, along.max() - inset
    if low > high:
        low = high = (low + high) / 2
    return np.stack([centre + low * axis, centre + high * axis]), width
