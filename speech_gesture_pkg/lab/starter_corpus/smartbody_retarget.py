"""SmartBody skeletons (Jt names) to SMPL-X: which joint gives which, and how the rest poses differ.

For every joint W(t) = G(t) G(rest)^-1 A, where G is the source's world rotation and A turns the directions of the
SMPL-X T-pose into those of the source's rest pose; the local rotation is W_parent^-1 W. Half of the hand's twist about
the arm goes to the elbow, as in fits of real people; the hand's own orientation stays.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.lab.starter_corpus.smartbody_raw import SkPose
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, NUM_JOINTS, PARENTS, REST_POSITIONS

_HINGE = np.array([0.0, -np.cos(np.deg2rad(18.0)), np.sin(np.deg2rad(18.0))])
"""Elbow hinge of the left arm in SMPL-X; the right one is its negative."""
_SIDES = {"left": "Lf", "right": "Rt"}
_FINGERS = {"index": "Index", "middle": "Middle", "ring": "Ring", "thumb": "Thumb", "pinky": "Little"}
CONVERTED = (*range(22), *range(25, NUM_JOINTS))
"""All SMPL-X joints but jaw and eyes."""


def source_of() -> dict[str, str]:
    """SMPL-X joint -> Jt joint that gives its world rotation (the neck apart: it lies half way between two)."""
    named = {"pelvis": "JtRoot", "spine1": "JtSpineA", "spine2": "JtSpineB", "spine3": "JtSpineC", "head": "JtSkullA"}
    for side, end in _SIDES.items():
        arm = {"collar": "Clavicle", "shoulder": "UpperArmTwistB", "elbow": "Elbow", "wrist": "Wrist"}
        leg = {"hip": "Hip", "knee": "Knee", "ankle": "Ankle", "foot": "Ball"}
        named |= {f"{side}_{k}": f"Jt{v}{end}" for k, v in (arm | leg).items()}
        for finger, name in _FINGERS.items():
            named |= {f"{side}_{finger}{k + 1}": f"Jt{name}{'ABC'[k]}{end}" for k in range(3)}
    return named


SOURCE_OF = source_of()


def _frame(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Orthonormal frame (columns): along `first`, then the part of `second` across it."""
    x = first / np.linalg.norm(first)
    y = second - (second @ x) * x
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], 1)


def _onto(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Smallest rotation that turns a into the direction of b."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis)
    if sine < 1e-12:
        return np.eye(3)
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, a @ b)).as_matrix()


def _bone(start: str, end: str) -> np.ndarray:
    return REST_POSITIONS[JOINT_INDEX[end]] - REST_POSITIONS[JOINT_INDEX[start]]


def alignment(rest: SkPose) -> dict[str, np.ndarray]:
    """The rotation A of each converted SMPL-X joint (identity where the dict has none).

    Args:
        rest: the source's rest pose (one frame).
    """
    p = {name: rest.place(name)[0] for name in rest.index}
    out: dict[str, np.ndarray] = {}
    x = np.array([1.0, 0.0, 0.0])
    for side, end in _SIDES.items():
        sign = 1.0 if side == "left" else -1.0
        leg = _frame(_bone(f"{side}_hip", f"{side}_ankle"), x)
        out[f"{side}_hip"] = _frame(p[f"JtKnee{end}"] - p[f"JtHip{end}"], x) @ leg.T
        out[f"{side}_knee"] = _frame(p[f"JtAnkle{end}"] - p[f"JtKnee{end}"], x) @ leg.T
        arm = _frame(_bone(f"{side}_shoulder", f"{side}_wrist"), sign * _HINGE)
        hinge = rest.rotation(f"JtElbow{end}")[0][:, 2]
        upper = p[f"JtElbow{end}"] - p[f"JtShoulder{end}"]
        lower = p[f"JtWrist{end}"] - p[f"JtElbow{end}"]
        out[f"{side}_shoulder"] = _frame(upper, hinge) @ arm.T
        out[f"{side}_elbow"] = _frame(lower, hinge) @ arm.T
        palm = _frame(_bone(f"{side}_wrist", f"{side}_middle1"), _bone(f"{side}_pinky1", f"{side}_index1"))
        wrist = p[f"JtWrist{end}"]
        hand = _frame(p[f"JtMiddleA{end}"] - wrist, p[f"JtIndexA{end}"] - p[f"JtLittleA{end}"])
        out[f"{side}_wrist"] = hand @ palm.T
        for finger, name in _FINGERS.items():
            before = out[f"{side}_wrist"]
            for k in range(3):
                # SMPL-X has no finger tips: the last bone goes on in the direction of the one before
                first = min(k, 1)
                bone = _bone(f"{side}_{finger}{first + 1}", f"{side}_{finger}{first + 2}")
                target = p[f"Jt{name}{'BCD'[k]}{end}"] - p[f"Jt{name}{'ABC'[k]}{end}"]
                before = _onto(before @ bone, target) @ before
                out[f"{side}_{finger}{k + 1}"] = before
    return out


def to_smplx(pose: SkPose, rest: SkPose, collar_deg: float) -> np.ndarray:
    """Axis-angle of the 55 SMPL-X joints, rad. Shape [T, 55, 3].

    Args:
        pose, rest: the source's motion, and its rest pose (one frame).
        collar_deg: elevation about the chest's z added to the collars, degrees (differs between the sets).
    """
    align = alignment(rest)
    count = len(pose.world)
    world = np.tile(np.eye(3), (count, NUM_JOINTS, 1, 1))

    def delta(name: str) -> np.ndarray:
        return pose.rotation(name) @ rest.rotation(name)[0].T

    for smplx, source in SOURCE_OF.items():
        world[:, JOINT_INDEX[smplx]] = delta(source) @ align.get(smplx, np.eye(3))
    low, high = Rotation.from_matrix(delta("JtNeckA")), Rotation.from_matrix(delta("JtNeckB"))
    world[:, JOINT_INDEX["neck"]] = (low * Rotation.from_rotvec(0.5 * (low.inv() * high).as_rotvec())).as_matrix()
    chest = world[:, JOINT_INDEX["spine3"]]
    for side in _SIDES:
        collar = JOINT_INDEX[f"{side}_collar"]
        raised = Rotation.from_euler("z", collar_deg if side == "left" else -collar_deg, degrees=True).as_matrix()
        world[:, collar] = chest @ raised @ np.swapaxes(chest, 1, 2) @ world[:, collar]
    local = np.tile(np.eye(3), (count, NUM_JOINTS, 1, 1))
    local[:, 0] = world[:, 0]
    for joint in CONVERTED[1:]:
        local[:, joint] = np.swapaxes(world[:, PARENTS[joint]], 1, 2) @ world[:, joint]
    for side in _SIDES:
        share_twist(local, side)
    return Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec().reshape(count, NUM_JOINTS, 3)


def share_twist(local: np.ndarray, side: str) -> None:
    """Give half of the wrist's twist about the arm to the elbow, in place; the hand's world rotation stays."""
    elbow, wrist = JOINT_INDEX[f"{side}_elbow"], JOINT_INDEX[f"{side}_wrist"]
    axis = _bone(f"{side}_shoulder", f"{side}_wrist")
    axis /= np.linalg.norm(axis)
    quaternion = Rotation.from_matrix(local[:, wrist]).as_quat()
    twist = np.unwrap(2.0 * np.arctan2(quaternion[:, :3] @ axis, quaternion[:, 3]))
    # a start beyond half a turn is the same twist seen from the other side
    twist -= 2.0 * np.pi * np.round(twist[0] / (2.0 * np.pi))
    half = Rotation.from_rotvec(0.5 * twist[:, None] * axis).as_matrix()
    local[:, elbow] = local[:, elbow] @ half
    local[:, wrist] = np.swapaxes(half, 1, 2) @ local[:, wrist]
