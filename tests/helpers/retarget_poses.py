"""SMPL-X poses built from the directions that they should show, for tests."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, REST_POSITIONS, matrix_to_axis_angle

# (x, y, z) of the body frame (forward, left, up) is (z, x, y) of SMPL-X.
TO_SMPLX = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])

DOWN = ((0, 0.15, -1), (0.3, 0.1, -1), (0.3, 0.1, -1), (0, -1, 0))
"""Left upper arm, forearm, fingers, palm normal of a hanging arm."""


def mirror(arm):
    return tuple((x, -y, z) for x, y, z in arm)


def _unit(v):
    v = np.asarray(v, float)
    return v / np.linalg.norm(v)


def _turn(a, b):
    """Smallest rotation from direction a to direction b (not opposite)."""
    a, b = _unit(a), _unit(b)
    v, c = np.cross(a, b), a @ b
    k = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + k + k @ k / (1 + c)


def _frame(a, b):
    a = _unit(a)
    b = _unit(np.asarray(b, float) - (np.asarray(b, float) @ a) * a)
    return np.stack([a, b, np.cross(a, b)], 1)


def _rest(a, b):
    return REST_POSITIONS[JOINT_INDEX[b]] - REST_POSITIONS[JOINT_INDEX[a]]


def posed(arms: dict, fps: float = 30.0, **rotations) -> MotionFrames:
    """One frame whose arms have the given directions in the body frame; `rotations` are axis-angles of other joints."""
    poses = np.zeros((55, 3))
    for side, (upper, fore, fingers, palm) in arms.items():
        sign = 1 if side == "left" else -1
        upper_world = _turn(_rest(f"{side}_shoulder", f"{side}_elbow"), TO_SMPLX @ upper)
        fore_world = _turn(_rest(f"{side}_elbow", f"{side}_wrist"), TO_SMPLX @ fore)
        along = _rest(f"{side}_wrist", f"{side}_middle1")
        across = _rest(f"{side}_pinky1", f"{side}_index1")
        rest = _frame(along, sign * np.cross(along, across))
        hand_world = _frame(TO_SMPLX @ fingers, TO_SMPLX @ palm) @ rest.T
        for joint, local in (
            ("shoulder", upper_world),
            ("elbow", upper_world.T @ fore_world),
            ("wrist", fore_world.T @ hand_world),
        ):
            poses[JOINT_INDEX[f"{side}_{joint}"]] = matrix_to_axis_angle(local)
    for joint, rotation in rotations.items():
        poses[JOINT_INDEX[joint]] = rotation
    return MotionFrames(poses[None], fps)


def held(frame: MotionFrames, count: int) -> MotionFrames:
    """The same frame, repeated."""
    return MotionFrames(np.repeat(frame.poses, count, 0), frame.fps, face=np.repeat(frame.face, count, 0))
