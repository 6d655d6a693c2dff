"""What the human does, in terms that a robot can be asked for: directions and rotations relative to the chest.

Everything leaves here in the body frame of REP-103 (x forward, y left, z up); SMPL-X has y up, z forward, x left.
Bone directions run between joint positions, so the tilt of SMPL-X's rest pose does not leak in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import ARKIT_INDEX, ARKIT_NAMES
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, REST_POSITIONS
from speech_gesture_pkg.robot.joint_map.robot_map import FINGERS, SIDES

SMPLX_TO_BODY = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
"""Rotation from the SMPL-X frame to the body frame: (x, y, z) becomes (z, x, y)."""

_J = JOINT_INDEX
_CENTRE = [_J[n] for n in ("pelvis", "spine1", "spine2", "spine3", "neck", "head")]
_ARMS = [[_J[f"{s}_{n}"] for s in SIDES] for n in ("collar", "shoulder", "elbow", "wrist")]
_THUMBS = [_J[f"{s}_thumb1"] for s in SIDES]
_ROTATED = [*_CENTRE, *(j for pair in _ARMS for j in pair), *_THUMBS]
_FINGERS = [[_J[f"{s}_{f}{k}"] for k in (1, 2, 3)] for s in SIDES for f in FINGERS]

JAW_OPEN_ANGLE = 0.35
"""Rotation of the SMPL-X jaw that stands for ARKit jawOpen = 1, rad."""


def _offset(child: str, parent: str) -> np.ndarray:
    vector = REST_POSITIONS[_J[child]] - REST_POSITIONS[_J[parent]]
    return vector / np.linalg.norm(vector)


def _palms() -> np.ndarray:
    """Palm frames in the T-pose, SMPL-X axes: columns finger direction, palm normal, cross product. Shape [2, 3, 3]."""
    frames = []
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        along = _offset(f"{side}_middle1", f"{side}_wrist")
        normal = sign * np.cross(along, _offset(f"{side}_index1", f"{side}_pinky1"))
        normal -= (normal @ along) * along
        normal /= np.linalg.norm(normal)
        frames.append(np.stack([along, normal, np.cross(along, normal)], 1))
    return np.array(frames)


PALMS = _palms()
_UPPER = np.array([_offset(f"{s}_elbow", f"{s}_shoulder") for s in SIDES])
_FORE = np.array([_offset(f"{s}_wrist", f"{s}_elbow") for s in SIDES])
_THUMB = np.array([_offset(f"{s}_thumb2", f"{s}_thumb1") for s in SIDES])


def _flexion_axes() -> np.ndarray:
    """Axis about which each finger joint bends into the palm, in its own frame. Shape [10, 3].

    A finger bends about (its direction x palm normal). The thumb's axis is the main axis of its two outer joints in
    recorded gestures: mostly the palm normal.
    """
    axes = []
    for i, side in enumerate(SIDES):
        normal = PALMS[i][:, 1]
        for finger in FINGERS:
            if finger == "thumb":
                axis = np.array([0.36, 0.90, -0.24]) * ([1, 1, 1] if side == "left" else [1, -1, -1])
            else:
                axis = np.cross(_offset(f"{side}_{finger}2", f"{side}_{finger}1"), normal)
            axes.append(axis / np.linalg.norm(axis))
    return np.array(axes)


_AXES = _flexion_axes()
CURLS = 4 * len(_FINGERS)
DRIVES = CURLS + len(ARKIT_NAMES)
"""Length of `HumanTargets.drives`: per hand and finger three flexions and opposition, then the ARKit weights."""


@dataclass(frozen=True)
class HumanTargets:
    """T frames of what to show.

    Attributes:
        upper, fore: directions of upper arm and forearm relative to the chest; left, right. Shape [T, 2, 3].
        palms: palm frames relative to the chest (columns as `ArmMap.palm`). Shape [T, 2, 3, 3].
        head: head rotation relative to the chest. Shape [T, 3, 3].
        chest: chest rotation relative to the upright body, heading of the pelvis removed. Shape [T, 3, 3].
        drives: finger angles (rad) and face weights, see `DRIVES`. Shape [T, DRIVES].
    """

    upper: np.ndarray
    fore: np.ndarray
    palms: np.ndarray
    head: np.ndarray
    chest: np.ndarray
    drives: np.ndarray


def rotations(vectors: np.ndarray) -> np.ndarray:
    """Axis-angle `[..., 3]` (rad) to matrices `[..., 3, 3]` (Rodrigues); faster than scipy for a few frames."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    squared = x * x + y * y + z * z
    angle = np.sqrt(squared)
    small = angle < 1e-6
    safe = np.where(small, 1.0, angle)
    a = np.where(small, 1.0, np.sin(safe) / safe)
    b = np.where(small, 0.5, (1 - np.cos(safe)) / (safe * safe))
    result = np.empty((*vectors.shape, 3))
    result[..., 0, 0] = 1 - b * (squared - x * x)
    result[..., 1, 1] = 1 - b * (squared - y * y)
    result[..., 2, 2] = 1 - b * (squared - z * z)
    bxy, bxz, byz, ax, ay, az = b * x * y, b * x * z, b * y * z, a * x, a * y, a * z
    result[..., 0, 1], result[..., 1, 0] = bxy - az, bxy + az
    result[..., 0, 2], result[..., 2, 0] = bxz + ay, bxz - ay
    result[..., 1, 2], result[..., 2, 1] = byz - ax, byz + ax
    return result


def human_targets(motion: MotionFrames) -> HumanTargets:
    """SMPL-X frames to targets. Parts marked invalid are still read: the caller decides what to use."""
    poses = np.asarray(motion.poses, float)
    local = rotations(poses[:, _ROTATED])
    chest = local[:, 0] @ local[:, 1] @ local[:, 2] @ local[:, 3]
    heading = np.arctan2(local[:, 0, 0, 2], local[:, 0, 2, 2])
    cos, sin = np.cos(heading), np.sin(heading)
    turned = chest.copy()
    # The pelvis may tilt and sway (SMPL-X pelvis and spine tilts cancel); only its heading is the robot's business.
    turned[:, 0] = cos[:, None] * chest[:, 0] - sin[:, None] * chest[:, 2]
    turned[:, 2] = sin[:, None] * chest[:, 0] + cos[:, None] * chest[:, 2]
    upper_frame = local[:, 6:8] @ local[:, 8:10]
    fore_frame = upper_frame @ local[:, 10:12]
    hand_frame = fore_frame @ local[:, 12:14]
    to_body = SMPLX_TO_BODY
    return HumanTargets(
        (to_body @ upper_frame @ _UPPER[..., None])[..., 0],
        (to_body @ fore_frame @ _FORE[..., None])[..., 0],
        to_body @ hand_frame @ PALMS,
        to_body @ local[:, 4] @ local[:, 5] @ to_body.T,
        to_body @ turned @ to_body.T,
        _drives(motion, poses, local[:, 14:16]),
    )


def _drives(motion: MotionFrames, poses: np.ndarray, thumbs: np.ndarray) -> np.ndarray:
    """Finger angles and face weights. Shape [T, DRIVES]."""
    drives = np.empty((len(poses), DRIVES))
    curls = drives[:, :CURLS].reshape(len(poses), len(_FINGERS), 4)
    curls[..., :3] = np.einsum("tfkc,fc->tfk", poses[:, _FINGERS], _AXES)
    curls[..., 3] = 0.0
    thumb = np.einsum("tsab,sb->tsa", thumbs, _THUMB)
    for i, sign in enumerate((1.0, -1.0)):
        # Azimuth of the thumb about the hand's axis: 0 beside the palm, positive in front of it.
        front = thumb[:, i] @ PALMS[i][:, 1]
        beside = thumb[:, i] @ (-sign * PALMS[i][:, 2])
        curls[:, i * len(FINGERS), 3] = np.arctan2(front, beside)
    drives[:, CURLS:] = motion.face
    jaw = drives[:, CURLS + ARKIT_INDEX["jawOpen"]]
    np.maximum(jaw, np.clip(poses[:, _J["jaw"], 0] / JAW_OPEN_ANGLE, 0.0, 1.0), out=jaw)
    return drives


def drive_index(side: int, finger: str, angle: int) -> int:
    """Place of a finger angle (0-2 flexions, 3 opposition) in `HumanTargets.drives`."""
    return (side * len(FINGERS) + FINGERS.index(finger)) * 4 + angle
