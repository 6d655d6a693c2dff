"""Self-collision inside the solver: near capsule pairs as linear rows on the step."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.retargeting.body_kinematics import BodyKinematics
from speech_gesture_pkg.robot.collision.capsules import segment_distances
from speech_gesture_pkg.robot.collision.model import FAR, CollisionModel
from speech_gesture_pkg.robot.joint_map.robot_map import RobotMap
from speech_gesture_pkg.robot.model import RobotModel, skew

_TOGETHER = (("thumb",), ("index", "middle"), ("ring", "pinky"))
_MAX_ROWS = 96


class Avoidance:
    """Gaps between the nearest pairs of arm capsules and anything else, and their derivatives.

    Frames are those of `BodyKinematics` (the torso's neutral place); pelvis and legs are moved into them.
    """

    def __init__(
        self,
        robot: RobotModel,
        robot_map: RobotMap,
        kinematics: BodyKinematics,
        model: CollisionModel,
        driven: tuple[str, ...] = (),
    ) -> None:
        """`driven`: the joints whose positions `set_fingers` is given."""
        self._kinematics, self._model = kinematics, model
        self._lower_frame = len(kinematics.joints) + 1
        self._poses = np.zeros((self._lower_frame + 1, 4, 4))
        self._poses[:] = np.eye(4)
        solved = {n: i + 1 for i, n in enumerate(kinematics.joints)}
        frame_of = self._frames(robot, solved, kinematics.torso_joint)
        joints = np.array([c.joint for c in model.capsules], int)
        self._joints = joints
        self._frame = np.array(frame_of, int)[joints] if len(joints) else joints
        self._origin = np.concatenate([kinematics.origin, np.zeros((1, 3))])[self._frame][:, None]
        self._full = robot.neutral()
        self._slots = np.array([robot.joint_index[n] for n in driven], int)
        # Capsules that fingers (or a face) move within the frame that carries them.
        own = np.array([0 if f <= 0 else robot.model.getJointId(kinematics.joints[f - 1]) for f in self._frame], int)
        self._fingers = np.flatnonzero((self._frame > 0) & (own != joints))
        self._local = model.end_points(self._full[None])[:, :, 0] - self._origin
        self._hull_places()
        self._half = 0.5 * np.linalg.norm(self._local[:, 1] - self._local[:, 0], axis=1)
        self._pairs = model.pairs
        self._widths = model.radius[model.pairs].sum(1) - model.allowance
        self._reach = self._widths + self._half[model.pairs].sum(1)
        self._group = self._groups(robot_map, robot)
        self._moving = sorted({int(f) for f in self._frame if 0 < f < self._lower_frame})
        self._support = self._supports(kinematics)

    def _groups(self, robot_map: RobotMap, robot: RobotModel) -> np.ndarray:
        """A number for each pair: of the pairs of one number only the nearest becomes a row. Shape [P].

        Two neighbouring fingers count as one thing, however many capsules they have.
        """
        thing = np.arange(len(self._frame))
        for hand in robot_map.hands.values():
            for fingers in _TOGETHER:
                roots = {robot.model.getJointId(j.joint) for f in fingers for j in hand.get(f, ())}
                members = [i for i, c in enumerate(self._model.capsules) if _below(robot, c.joint, roots)]
                if members:
                    thing[members] = members[0]
        return thing[self._pairs[:, 0]] * len(thing) + thing[self._pairs[:, 1]]

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

    def set_fingers(self, driven: np.ndarray) -> None:
        """Place the finger capsules in their hands. `driven`: positions of the driven joints, rad."""
        if not len(self._fingers) or (driven == self._full[self._slots]).all():
            return
        self._full[self._slots] = driven
        ends = self._model.end_points(self._full[None])[:, :, 0]
        self._local[self._fingers] = ends[self._fingers] - self._origin[self._fingers]
        self._hull_places()

    def _hull_places(self) -> None:
        """Where the hulls inside the capsules are in the frames that carry them."""
        if not self._model.refined.any():
            return
        poses = self._model.robot.joint_transforms(self._full[None])[self._joints, 0]
        turns, places = self._model.hulls.placed(poses)
        self._hulls = turns, places - self._origin[:, 0]

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
        middle = 0.5 * (ends[:, 0] + ends[:, 1])
        apart = middle[a] - middle[b]
        maybe = np.flatnonzero(np.einsum("pi,pi->p", apart, apart) < (self._reach + active) ** 2)
        a, b = a[maybe], b[maybe]
        p, w = ends[a], ends[b]
        squared, s, t = segment_distances(p[:, 0], p[:, 1], w[:, 0], w[:, 1])
        gaps = np.sqrt(squared) - self._widths[maybe]
        p = p[:, 0] + s[:, None] * (p[:, 1] - p[:, 0])
        w = w[:, 0] + t[:, None] * (w[:, 1] - w[:, 0])
        normal = (p - w) / np.maximum(np.sqrt(squared), 1e-9)[:, None]
        if self._model.refined.any():
            self._look_into(maybe, frames, gaps, p, w, normal)
        near = np.argsort(gaps, kind="stable")
        near = near[: np.searchsorted(gaps[near], active)]
        if not len(near):
            return np.zeros((0, jacobian.shape[1])), np.zeros(0)
        first = np.unique(self._group[maybe[near]], return_index=True)[1]
        near = near[np.sort(first)[:_MAX_ROWS]]
        p, w, normal = p[near], w[near], normal[near]
        linear, angular = jacobian[:3], jacobian[3:]
        i, j = self._frame[a[near]], self._frame[b[near]]
        speed_p = (linear + skew(-p) @ angular) * self._support[i][:, None]
        speed_w = (linear + skew(-w) @ angular) * self._support[j][:, None]
        matrix = (normal[:, None, :] @ (speed_p - speed_w))[:, 0]
        return matrix, gaps[near]

    def _look_into(
        self, maybe: np.ndarray, frames: np.ndarray, gaps: np.ndarray, p: np.ndarray, w: np.ndarray, normal: np.ndarray
    ) -> None:
        """Put the hulls' gaps, nearest points and normals in place of the capsules' where these are near.

        Args:
            maybe: numbers of the K pairs.
            frames: poses of all capsules' frames. Shape [C, 4, 4].
            gaps, p, w, normal: of the pairs, changed in place. Shapes [K], [K, 3] thrice.
        """
        chosen = np.flatnonzero(self._model.refined[maybe] & (gaps < FAR))
        if not len(chosen):
            return
        turned = frames[:, :3, :3] @ self._hulls[0]
        places = (frames[:, :3, :3] @ self._hulls[1][:, :, None])[:, :, 0] + frames[:, :3, 3]
        hulls, extra = self._model.hulls, self._model.allowance
        pairs = self._pairs[maybe[chosen]].tolist()
        for k, (i, j) in zip(chosen.tolist(), pairs, strict=True):
            gaps[k] = hulls.gap(i, j, turned, places) + extra[maybe[k]]
            p[k], w[k], normal[k] = hulls.witness()


def _below(robot: RobotModel, joint: int, roots: set[int]) -> bool:
    while joint:
        if joint in roots:
            return True
        joint = robot.parents[joint]
    return False
