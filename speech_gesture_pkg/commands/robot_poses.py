"""Poses for looking at a robot's joint map: what a person does, and what the robot makes of it."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.body.motion import MotionFrames
from speech_gesture_pkg.body.skeleton import JOINT_INDEX, NUM_JOINTS, matrix_to_axis_angle
from speech_gesture_pkg.retarget.retargeter import Retargeter

Vector = tuple[float, float, float]

# Per side: direction of upper arm, of forearm, and where the palm faces; left arm, SMPL-X axes (x left, y up, z front).
POSES: dict[str, dict[str, tuple[Vector, Vector, Vector]]] = {
    "T-pose": {"left": ((1, 0, 0), (1, 0, 0), (0, -1, 0)), "right": ((1, 0, 0), (1, 0, 0), (0, -1, 0))},
    "offer": {
        "left": ((0.3, -0.9, 0.1), (0.35, 0, 1), (0, 1, 0)),
        "right": ((0.3, -0.9, 0.1), (0.35, 0, 1), (0, 1, 0)),
    },
    "point": {
        "left": ((0.2, -1, 0), (0.1, -1, 0.2), (-1, 0, 0)),
        "right": ((0.3, -0.3, 1), (0, 0.05, 1), (0, -1, 0)),
    },
    "stop": {
        "left": ((0.2, -1, 0), (0.1, -1, 0.2), (-1, 0, 0)),
        "right": ((0.3, -0.8, 0.4), (0.1, 0.8, 0.6), (0, -0.3, 1)),
    },
    "shrug": {
        "left": ((0.5, -0.9, 0), (0.9, 0.2, 0.6), (0, 1, 0.2)),
        "right": ((0.5, -0.9, 0), (0.9, 0.2, 0.6), (0, 1, 0.2)),
    },
}
"""The right arm is given mirrored, as if it were the left one."""


def check_poses(retargeter: Retargeter) -> list[tuple[str, dict[str, float]]]:
    """Robot joints `{name: rad}` of rest and of every pose of `POSES`."""
    rest = dict(zip(retargeter.joint_names, retargeter.rest.tolist(), strict=True))
    found = [("rest", rest)]
    for label in POSES:
        motion = pose_motion(label, 90)
        q, _ = retargeter.step(motion, retargeter.start())
        found.append((label, dict(zip(retargeter.joint_names, q[-1].tolist(), strict=True))))
    return found


def pose_motion(label: str, frames: int = 1) -> MotionFrames:
    """A pose of `POSES`, held for `frames` frames at 30 fps."""
    poses = np.zeros((frames, NUM_JOINTS, 3))
    for side, (upper, fore, palm) in POSES[label].items():
        shoulder = _orientation(upper, palm, side)
        elbow = _orientation(fore, palm, side)
        poses[:, JOINT_INDEX[f"{side}_shoulder"]] = matrix_to_axis_angle(shoulder)
        poses[:, JOINT_INDEX[f"{side}_elbow"]] = matrix_to_axis_angle(shoulder.T @ elbow)
    return MotionFrames(poses, 30.0)


def _orientation(bone: Vector, palm: Vector, side: str) -> np.ndarray:
    """World rotation of an arm bone that lies along `bone` with the palm side towards `palm`.

    In the T-pose the left arm lies along +x with the palm towards -y.
    """
    along = np.array(bone, float) / np.linalg.norm(bone)
    down = np.array(palm, float) - np.dot(palm, along) * along
    if np.linalg.norm(down) < 1e-6:
        down = np.array([0.0, -1.0, 0.0]) - along[1] * -along
    down /= np.linalg.norm(down)
    left = np.stack([along, -down, np.cross(along, -down)], axis=1)
    if side == "left":
        return left
    mirror = np.diag([-1.0, 1.0, 1.0])
    return mirror @ left @ mirror
