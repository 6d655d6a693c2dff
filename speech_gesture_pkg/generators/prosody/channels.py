"""The motion vector of the prosody generator: which number is what, and how the vector becomes SMPL-X joints.

One frame is a vector x of `NUM_CHANNELS` angles (rad; `SWAY` in metres). Both arms use the same left-handed convention
(mirrored at the sagittal plane), so a gesture is written once. Most joints are linear in x (`_LINEAR`); shoulder, elbow
and wrist are products of rotations (`arms.arm_rotations`).
"""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, NUM_JOINTS, REST_POSITIONS

# one arm
COLLAR_UP, COLLAR_FORWARD = 0, 1
SHOULDER = slice(2, 5)
ELBOW, PRONATION, WRIST_FLEXION, WRIST_DEVIATION = 5, 6, 7, 8
CURL = slice(9, 13)
SPREAD, THUMB_FLEXION, THUMB_OPPOSITION = 13, 14, 15
ARM_SIZE = 16
HAND_PART = slice(9, 16)
# the whole vector
LEFT = slice(0, ARM_SIZE)
RIGHT = slice(ARM_SIZE, 2 * ARM_SIZE)
HEAD_YAW, HEAD_PITCH, HEAD_ROLL, NOD, GAZE_YAW, GAZE_PITCH = range(32, 38)
TORSO_PITCH, TORSO_YAW, TORSO_ROLL, BROW, SWAY = range(38, 43)
NUM_CHANNELS = 43

HAND_CHANNELS = np.r_[HAND_PART, ARM_SIZE + HAND_PART.start : ARM_SIZE + HAND_PART.stop]
FACE_CHANNELS = np.array([GAZE_YAW, GAZE_PITCH, BROW])
BODY_CHANNELS = np.setdiff1d(np.arange(NUM_CHANNELS), np.r_[HAND_CHANNELS, FACE_CHANNELS])

_X, _Y, _Z = np.eye(3)
_MIRROR = np.array([1.0, -1.0, -1.0])
"""A rotation vector (axial) mirrored at the sagittal plane x = 0."""

_LEG = float(REST_POSITIONS[JOINT_INDEX["left_hip"], 1] - REST_POSITIONS[JOINT_INDEX["left_ankle"], 1])
_KNEE = np.deg2rad(8.0)
_FINGERS = ("index", "middle", "ring", "pinky")
_BONE_SHARE = (1.0, 1.15, 0.65)
"""Bend of the second and third finger joint relative to the first (they close together)."""
_SPREAD_SHARE = (-1.0, -0.15, 0.6, 1.2)
"""Sideways angle of each finger when the hand spreads; index towards the thumb."""
EYE_FOLLOW = 0.8
"""Share of head and chest turns that the eyes undo to stay on what they look at (vestibulo-ocular reflex)."""


def _bone(joint: str) -> np.ndarray:
    """Direction from a finger joint to the next one (from the one before for the last), rest pose."""
    base, number = joint[:-1], int(joint[-1])
    first, second = (number, number + 1) if number < 3 else (number - 1, number)
    line = REST_POSITIONS[JOINT_INDEX[f"{base}{second}"]] - REST_POSITIONS[JOINT_INDEX[f"{base}{first}"]]
    return line / np.linalg.norm(line)


def _linear_map() -> np.ndarray:
    """Matrix that takes x to the rotation vectors of all joints but the arms. Shape [NUM_CHANNELS, 55, 3]."""
    table = np.zeros((NUM_CHANNELS, NUM_JOINTS, 3))

    def add(channel: int, joint: str, axis: np.ndarray, share: float = 1.0) -> None:
        table[channel, JOINT_INDEX[joint]] += share * axis

    for side, offset in (("left", 0), ("right", ARM_SIZE)):
        flip = np.ones(3) if side == "left" else _MIRROR
        add(offset + COLLAR_UP, f"{side}_collar", _Z * flip)
        add(offset + COLLAR_FORWARD, f"{side}_collar", -_Y * flip)
        for finger, name in enumerate(_FINGERS):
            for number in (1, 2, 3):
                # the palm faces -y in the T-pose: a finger closes about bone x (-y)
                axis = np.cross(_bone(f"left_{name}{number}"), -_Y)
                axis /= np.linalg.norm(axis)
                add(offset + CURL.start + finger, f"{side}_{name}{number}", axis * flip, _BONE_SHARE[number - 1])
            add(offset + SPREAD, f"{side}_{name}1", _Y * flip, _SPREAD_SHARE[finger])
        for number, share in ((1, 0.35), (2, 0.8), (3, 1.0)):
            bone = _bone(f"left_thumb{number}")
            axis = np.cross(bone, np.array([0.45, -0.65, -0.6]))
            add(offset + THUMB_FLEXION, f"{side}_thumb{number}", axis / np.linalg.norm(axis) * flip, share)
        add(offset + THUMB_OPPOSITION, f"{side}_thumb1", _X * flip)
        add(offset + SPREAD, f"{side}_thumb1", -_Y * flip, 0.8)
    for joint, share in (("neck", 0.4), ("head", 0.6)):
        add(HEAD_YAW, joint, _Y, share)
        add(HEAD_PITCH, joint, _X, share)
        add(HEAD_ROLL, joint, _Z, share)
    add(NOD, "neck", _X, 0.3)
    add(NOD, "head", _X, 0.7)
    for joint, share in (("spine1", 0.3), ("spine2", 0.35), ("spine3", 0.35)):
        add(TORSO_PITCH, joint, _X, share)
        add(TORSO_YAW, joint, _Y, share)
        add(TORSO_ROLL, joint, _Z, share)
    # most of a lean is taken back at the neck: the face stays on the listener
    add(TORSO_PITCH, "neck", -_X, 0.6)
    add(TORSO_YAW, "neck", -_Y, 0.5)
    add(TORSO_ROLL, "neck", -_Z, 0.5)
    for eye in ("left_eye_smplhf", "right_eye_smplhf"):
        add(GAZE_YAW, eye, _Y)
        add(GAZE_PITCH, eye, _X)
        for channel, axis, share in (
            (HEAD_YAW, _Y, 1.0),
            (HEAD_PITCH, _X, 1.0),
            (NOD, _X, 1.0),
            (TORSO_YAW, _Y, 0.5),
            (TORSO_PITCH, _X, 0.4),
        ):
            add(channel, eye, axis, -EYE_FOLLOW * share)
    # weight shift: the pelvis moves sideways over planted feet, so legs tilt as a parallelogram
    for side in ("left", "right"):
        add(SWAY, f"{side}_hip", _Z, -1.0 / _LEG)
        add(SWAY, f"{side}_ankle", _Z, 1.0 / _LEG)
    return table


_LINEAR = _linear_map().reshape(NUM_CHANNELS, NUM_JOINTS * 3)
_LINEAR.setflags(write=False)


def _base_pose() -> np.ndarray:
    """Rotation vectors at x = 0: soft knees, upright spine. Shape [55, 3]."""
    pose = np.zeros((NUM_JOINTS, 3))
    for side in ("left", "right"):
        pose[JOINT_INDEX[f"{side}_hip"], 0] = -0.5 * _KNEE
        pose[JOINT_INDEX[f"{side}_knee"], 0] = _KNEE
        pose[JOINT_INDEX[f"{side}_ankle"], 0] = -0.5 * _KNEE
    return pose


_BASE = _base_pose().reshape(-1)
_BASE_DROP = -_LEG * (1.0 - np.cos(0.5 * _KNEE))
"""The pelvis sinks this much (m) when both equal leg bones tilt by half the knee angle."""
_EYE_LIMIT = np.deg2rad(28.0)
_EYES = slice(JOINT_INDEX["left_eye_smplhf"] * 3, JOINT_INDEX["right_eye_smplhf"] * 3 + 3)


def linear_pose(x: np.ndarray) -> np.ndarray:
    """Rotation vectors of one frame, arms still at zero. x: shape [NUM_CHANNELS]. Shape [165]."""
    pose = x @ _LINEAR + _BASE
    np.clip(pose[_EYES], -_EYE_LIMIT, _EYE_LIMIT, out=pose[_EYES])
    return pose


def root_translation(x: np.ndarray) -> np.ndarray:
    """Pelvis translation. x: shape [T, NUM_CHANNELS]. Metres, shape [T, 3]."""
    out = np.zeros((len(x), 3))
    out[:, 0] = x[:, SWAY]
    out[:, 1] = _BASE_DROP
    return out
