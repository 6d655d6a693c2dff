"""Poses for looking at a robot's joint map: what a person does, and what the robot makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, NUM_JOINTS, matrix_to_axis_angle
from speech_gesture_pkg.retargeting.base import Retargeter

Vector = tuple[float, float, float]
Arm = tuple[Vector, Vector, Vector]

_HOLD = 90
"""Frames for which a pose is held, so that robots with slow joints get there."""
_DOWN: Arm = ((0.2, -1, 0), (0.1, -1, 0.2), (-1, 0, 0))
_FINGERS = ("index", "middle", "ring", "pinky")


@dataclass(frozen=True)
class Pose:
    """What a person does.

    Attributes:
        left, right: direction of the upper arm, of the forearm, and where the palm faces, SMPL-X axes (x left, y up,
            z front); the right arm is given mirrored, as if it were the left one.
        curl: side -> curl of index, middle, ring and pinky at each of their joints, rad.
        turns: other joints' rotations, axis-angle, rad.
    """

    left: Arm
    right: Arm
    curl: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    turns: dict[str, Vector] = field(default_factory=dict)


_OPEN = (0.05, 0.05, 0.08, 0.12)
_RELAXED = (0.25, 0.35, 0.4, 0.45)
_POINTING = (0.0, 1.3, 1.4, 1.4)
_OFFER: Arm = ((0.3, -0.9, 0.1), (0.35, 0.05, 1), (0, 1, 0))
_SHRUG: Arm = ((0.45, -0.9, 0.1), (0.85, 0.45, 0.55), (-0.1, 1, 0.3))
_T: Arm = ((1, 0, 0), (1, 0, 0), (0, -1, 0))

POSES: dict[str, Pose] = {
    "T-pose": Pose(_T, _T),
    "offer": Pose(_OFFER, _OFFER, {"left": _OPEN, "right": _OPEN}),
    "point": Pose(
        _DOWN,
        ((0.3, -0.3, 1), (0, 0.05, 1), (0, -1, 0)),
        {"left": _RELAXED, "right": _POINTING},
    ),
    "stop": Pose(_DOWN, ((0.3, -0.8, 0.4), (0.1, 0.8, 0.6), (0, -0.3, 1)), {"left": _RELAXED, "right": _OPEN}),
    "shrug": Pose(
        _SHRUG,
        _SHRUG,
        {"left": _OPEN, "right": _OPEN},
        {"left_collar": (0, 0, 0.3), "right_collar": (0, 0, -0.3), "head": (0, 0, 0.2)},
    ),
    "list": Pose(
        ((0.3, -0.9, 0.2), (-0.35, 0.12, 1), (0, 1, 0)),
        ((0.45, -0.75, 0.35), (-0.55, 0.35, 0.7), (-0.2, -1, 0.1)),
        {"left": _OPEN, "right": _POINTING},
        {"head": (0.25, 0, 0)},
    ),
}
"""`list`: items are counted off on an open palm."""

GESTURES: tuple[str, ...] = ("offer", "point", "stop", "shrug", "list")


def check_poses(retargeter: Retargeter) -> list[tuple[str, dict[str, float]]]:
    """Robot joints `{name: rad}` of rest and of every pose of `POSES`."""
    rest = dict(zip(retargeter.joint_names, retargeter.rest.tolist(), strict=True))
    found = [("rest", rest)]
    for label in POSES:
        q, _ = retargeter.step(pose_motion(label, _HOLD), retargeter.start())
        found.append((label, dict(zip(retargeter.joint_names, q[-1].tolist(), strict=True))))
    return found


def pose_motion(label: str, frames: int = 1) -> MotionFrames:
    """A pose of `POSES`, or "rest" (arms hanging), held for `frames` frames at 30 fps."""
    pose = Pose(_DOWN, _DOWN, {"left": _RELAXED, "right": _RELAXED}) if label == "rest" else POSES[label]
    poses = np.zeros((frames, NUM_JOINTS, 3))
    for joint, turn in pose.turns.items():
        poses[:, JOINT_INDEX[joint]] = turn
    for side, (upper, fore, palm) in (("left", pose.left), ("right", pose.right)):
        collar = _turn_about_front(pose.turns.get(f"{side}_collar", (0, 0, 0))[2])
        shoulder = _orientation(upper, palm, side)
        elbow = _orientation(fore, palm, side)
        poses[:, JOINT_INDEX[f"{side}_shoulder"]] = matrix_to_axis_angle(collar.T @ shoulder)
        poses[:, JOINT_INDEX[f"{side}_elbow"]] = matrix_to_axis_angle(shoulder.T @ elbow)
        for finger, angle in zip(_FINGERS, pose.curl.get(side, ()), strict=False):
            for k in (1, 2, 3):  # the left hand lies along +x, palm down: it closes about -z
                poses[:, JOINT_INDEX[f"{side}_{finger}{k}"], 2] = -angle if side == "left" else angle
    return MotionFrames(poses, 30.0)


def _turn_about_front(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


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
