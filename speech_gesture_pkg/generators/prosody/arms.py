"""Arms: from a hand pose in gesture space to joint angles (analytic inverse kinematics) and on to SMPL-X rotations.

Gesture space of an arm: origin at its shoulder, axes of the chest (outward, up, forward), metres for an arm of 0.52 m.
Everything here is written for the left arm; the right arm's skeleton is mirrored in, its rotations are mirrored out.

Elbow: a hinge about (0, -cos 18, sin 18) degrees in the T-pose (the tilt measured on BEAT2), positive = flexion.
Pronation turns the hand about the forearm, 0 as in the T-pose, + turns the palm down and out; with bent elbows at the
sides the palm faces inward at about -30 degrees and up at -120. Half of it goes to the elbow, half to the wrist, as in
BEAT2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.generators.prosody import channels as ch
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, REST_POSITIONS, axis_angle_to_matrix, matrix_to_axis_angle

# a hand pose is a vector of these numbers
POSITION = slice(0, 3)
SWIVEL = 3
PALM = slice(4, 7)
FLEXION, DEVIATION, LIFT, REACH = 7, 8, 9, 10
SHAPE = slice(11, 18)
POSE_SIZE = 18

_REFERENCE_ARM = 0.52
_HINGE = np.array([0.0, -np.cos(np.deg2rad(18.0)), np.sin(np.deg2rad(18.0))])
_PALM_NORMAL = np.array([0.0, -1.0, 0.0])
_FLEXION_AXIS = np.array([0.0, 0.0, -1.0])
_DEVIATION_AXIS = np.array([0.0, -1.0, 0.0])
_POLE = np.array([0.30, -0.60, -0.74])
"""Where the elbow points at swivel 0: down, back and a little outward."""
_REFERENCE = axis_angle_to_matrix(np.array([0.0, -0.35, 0.0])) @ axis_angle_to_matrix(np.array([0.0, 0.0, -1.05]))
"""Shoulder rotation (arm down, a little forward) from which shoulder angles are counted, far from their singularity."""
MIN_PRONATION, MAX_PRONATION = np.deg2rad(-120.0), np.deg2rad(65.0)
"""Range seen in recorded gestures (99 %: -116 in offers to +60 in stop signs)."""
_MAX_FLEXION = np.deg2rad(140.0)
_MIN_REACH, _MAX_REACH = 0.17, 0.985


@dataclass(frozen=True)
class ArmGeometry:
    """One arm's bones in the T-pose, mirrored to the left: upper arm and forearm vectors, metres. Shape [3] each."""

    upper: np.ndarray
    fore: np.ndarray

    @property
    def length(self) -> float:
        """Upper arm plus forearm, metres."""
        return float(np.linalg.norm(self.upper) + np.linalg.norm(self.fore))


def _geometry(side: str) -> ArmGeometry:
    flip = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
    shoulder, elbow, wrist = (REST_POSITIONS[JOINT_INDEX[f"{side}_{n}"]] * flip for n in ("shoulder", "elbow", "wrist"))
    return ArmGeometry(elbow - shoulder, wrist - elbow)


ARMS: tuple[ArmGeometry, ArmGeometry] = (_geometry("left"), _geometry("right"))


def _turn(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rotation matrix about a unit axis (Rodrigues)."""
    x, y, z = axis
    c, s = np.cos(angle), np.sin(angle)
    k = 1.0 - c
    return np.array(
        [
            [c + x * x * k, x * y * k - z * s, x * z * k + y * s],
            [y * x * k + z * s, c + y * y * k, y * z * k - x * s],
            [z * x * k - y * s, z * y * k + x * s, c + z * z * k],
        ]
    )


def _frame(first: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Right-handed frame with columns: `first`, the part of `towards` across it, their cross product."""
    a = first / np.sqrt(first @ first)
    b = towards - (towards @ a) * a
    b = b / np.sqrt(b @ b)
    c = np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
    return np.stack([a, b, c], axis=1)


def solve_arm(pose: np.ndarray, side: int) -> np.ndarray:
    """Joint angles that bring the hand to a pose in gesture space.

    Position fixes the elbow angle by the distance equation |u + R(h, theta) f| = d, which is A + B cos + C sin = const;
    the swivel angle about the shoulder-wrist line fixes the shoulder; the palm direction fixes the pronation.

    Args:
        pose: hand pose. Shape [POSE_SIZE]. An unreachable position is drawn to the nearest reachable distance.
        side: 0 left, 1 right.

    Returns:
        One arm's channels, rad. Shape [ch.ARM_SIZE].
    """
    arm = ARMS[side]
    upper, fore = arm.upper, arm.fore
    target = pose[POSITION] * (arm.length / _REFERENCE_ARM)
    distance = float(np.sqrt(target @ target))
    wanted = min(max(distance, _MIN_REACH), _MAX_REACH * arm.length)
    target = target * (wanted / max(distance, 1e-6))

    along = (fore @ _HINGE) * _HINGE
    hinge_cross = np.cross(_HINGE, fore)
    a, b, c = upper @ along, upper @ (fore - along), upper @ hinge_cross
    cosine = (0.5 * (wanted**2 - upper @ upper - fore @ fore) - a) / np.hypot(b, c)
    elbow = min(np.arctan2(c, b) + np.arccos(min(max(cosine, -1.0), 1.0)), _MAX_FLEXION)
    bend = _turn(_HINGE, elbow)
    bent_fore = bend @ fore

    swivelled = _turn(target / wanted, pose[SWIVEL]) @ _frame(target, _POLE)
    shoulder = swivelled @ _frame(upper + bent_fore, upper).T
    collar = axis_angle_to_matrix(pose[LIFT] * np.array([0.0, 0.0, 1.0]) + pose[REACH] * np.array([0.0, -1.0, 0.0]))

    forearm = shoulder @ bent_fore
    forearm /= np.sqrt(forearm @ forearm)
    neutral = shoulder @ bend @ _PALM_NORMAL
    palm = pose[PALM]
    palm = palm - (palm @ forearm) * forearm
    neutral = neutral - (neutral @ forearm) * forearm
    pronation = np.arctan2(forearm @ np.cross(neutral, palm), neutral @ palm)
    # the middle of the range decides which way round a palm beyond the limits is reached
    middle = 0.5 * (MIN_PRONATION + MAX_PRONATION)
    pronation = middle + (pronation - middle + np.pi) % (2.0 * np.pi) - np.pi

    out = np.empty(ch.ARM_SIZE)
    out[ch.COLLAR_UP], out[ch.COLLAR_FORWARD] = pose[LIFT], pose[REACH]
    out[ch.SHOULDER] = matrix_to_axis_angle(collar.T @ shoulder @ _REFERENCE.T)
    out[ch.ELBOW] = elbow
    out[ch.PRONATION] = min(max(pronation, MIN_PRONATION), MAX_PRONATION)
    out[ch.WRIST_FLEXION], out[ch.WRIST_DEVIATION] = pose[FLEXION], pose[DEVIATION]
    out[ch.HAND_PART] = pose[SHAPE]
    return out


def _quaternion(vector: np.ndarray) -> np.ndarray:
    """Unit quaternions (w, x, y, z) of rotation vectors. Shape [..., 3] -> [..., 4]."""
    angle = np.sqrt((vector * vector).sum(-1, keepdims=True))
    out = np.empty((*vector.shape[:-1], 4))
    out[..., :1] = np.cos(0.5 * angle)
    out[..., 1:] = vector * (0.5 * np.sinc(angle / (2.0 * np.pi)))
    return out


_NEXT, _LAST = np.array([1, 2, 0]), np.array([2, 0, 1])


def _multiply(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Hamilton product of quaternions (w, x, y, z), shape [..., 4]."""
    pw, qw = p[..., :1], q[..., :1]
    pv, qv = p[..., 1:], q[..., 1:]
    out = np.empty(p.shape)
    out[..., :1] = pw * qw - (pv * qv).sum(-1, keepdims=True)
    out[..., 1:] = pw * qv + qw * pv + pv[..., _NEXT] * qv[..., _LAST] - pv[..., _LAST] * qv[..., _NEXT]
    return out


def _rotation_vector(q: np.ndarray) -> np.ndarray:
    """Rotation vectors with angle in [0, pi] of unit quaternions. Shape [..., 4] -> [..., 3]."""
    q = np.where(q[..., :1] < 0.0, -q, q)
    sine = np.sqrt((q[..., 1:] * q[..., 1:]).sum(-1, keepdims=True))
    angle = 2.0 * np.arctan2(sine, q[..., :1])
    # 2 is the limit of angle / sine at no rotation
    return q[..., 1:] * np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 2.0)


_REFERENCE_QUATERNION = _quaternion(matrix_to_axis_angle(_REFERENCE))
_FOREARM_AXES = np.stack([g.fore / np.linalg.norm(g.fore) for g in ARMS])
_MIRROR = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0]])[:, None, :]
ARM_JOINTS = np.array([[JOINT_INDEX[f"{s}_{j}"] for j in ("shoulder", "elbow", "wrist")] for s in ("left", "right")])
"""Joints written by `arm_rotations`. Shape [2, 3]."""


def arm_rotations(x: np.ndarray) -> np.ndarray:
    """Rotation vectors of shoulder, elbow, wrist of both arms.

    Shoulder = R(v) R_reference, elbow = R(hinge) R(half twist), wrist = R(half twist) R(flexion and deviation): three
    products, done at once.

    Args:
        x: motion vectors. Shape [T, NUM_CHANNELS].

    Returns:
        Shape [T, 2 sides, 3 joints, 3], rad, in the order of `ARM_JOINTS`.
    """
    arms = x[:, : 2 * ch.ARM_SIZE].reshape(len(x), 2, ch.ARM_SIZE)
    vectors = np.empty((len(x), 2, 4, 3))
    vectors[:, :, 0] = arms[..., ch.SHOULDER]
    vectors[:, :, 1] = arms[..., ch.ELBOW, None] * _HINGE
    vectors[:, :, 2] = 0.5 * arms[..., ch.PRONATION, None] * _FOREARM_AXES
    flexion, deviation = arms[..., ch.WRIST_FLEXION, None], arms[..., ch.WRIST_DEVIATION, None]
    vectors[:, :, 3] = flexion * _FLEXION_AXIS + deviation * _DEVIATION_AXIS
    quaternions = _quaternion(vectors)
    left = quaternions[:, :, :3]
    right = np.empty((len(x), 2, 3, 4))
    right[:, :, 0] = _REFERENCE_QUATERNION
    right[:, :, 1:] = quaternions[:, :, 2:]
    return _rotation_vector(_multiply(left, right)) * _MIRROR
