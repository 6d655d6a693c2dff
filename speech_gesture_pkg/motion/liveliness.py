"""Figures that say how lively motion is, for judging it beside real talkers. Units stand in the keys."""

from __future__ import annotations

import numpy as np
from scipy.signal import find_peaks
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import HAND_JOINTS
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, REST_POSITIONS, forward_kinematics

PEAK_SPEED = 0.35
"""A wrist velocity peak counts above this, m/s."""
MOVING_SPEED = 0.2
"""A wrist moves above this, m/s."""
_PEAK_DISTANCE_S = 0.1
_PEAK_PROMINENCE = 0.02
"""A peak must stand this far above its surroundings, m/s: rounding noise on a steady speed is no peak."""
_HINGE = np.array([0.0, -np.cos(np.deg2rad(18.0)), np.sin(np.deg2rad(18.0))])
"""Elbow hinge of the left arm in SMPL-X; the right one is its negative (18 degrees tilt measured on BEAT2)."""

_CHEST = JOINT_INDEX["spine3"]


def wrist_velocity(motion: MotionFrames) -> np.ndarray:
    """Velocity of the left and right wrist in the chest's own frame, m/s. Shape [T, 2, 3]."""
    local = _in_chest(motion, [JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]])
    return np.gradient(local, 1.0 / motion.fps, axis=0)


def _in_chest(motion: MotionFrames, joints: list[int]) -> np.ndarray:
    rotations, positions = forward_kinematics(motion.matrices(), motion.translation)
    return np.einsum("tba,tjb->tja", rotations[:, _CHEST], positions[:, joints] - positions[:, None, _CHEST])


def elbow_flexion(motion: MotionFrames) -> np.ndarray:
    """Bend of left and right elbow from the T-pose, without forearm twist; negative = backwards. Rad. Shape [T, 2]."""
    out = np.empty((len(motion), 2))
    for side, name in enumerate(("left", "right")):
        line = REST_POSITIONS[JOINT_INDEX[f"{name}_wrist"]] - REST_POSITIONS[JOINT_INDEX[f"{name}_shoulder"]]
        line /= np.linalg.norm(line)
        hinge = _HINGE if side == 0 else -_HINGE
        bent = Rotation.from_rotvec(motion.poses[:, JOINT_INDEX[f"{name}_elbow"]]).apply(line)
        angle = np.arccos(np.clip(bent @ line, -1.0, 1.0))
        out[:, side] = np.where(np.cross(line, bent) @ hinge >= 0.0, angle, -angle)
    return out


def _relative(motion: MotionFrames, chain: tuple[str, ...]) -> Rotation:
    """Product of the local rotations along a chain of joints (parent first)."""
    total = Rotation.identity(len(motion))
    for name in chain:
        total = total * Rotation.from_rotvec(motion.poses[:, JOINT_INDEX[name]])
    return total


def _angular_speed(rotations: Rotation, fps: float) -> np.ndarray:
    """Geodesic angle between successive rotations times fps, deg/s. Shape [T - 1]."""
    return np.rad2deg((rotations[:-1].inv() * rotations[1:]).magnitude()) * fps


def _joint_speed(motion: MotionFrames, names: tuple[str, ...]) -> np.ndarray:
    """Angular speeds of several joints relative to their parents, pooled, deg/s."""
    return np.concatenate([_angular_speed(_relative(motion, (n,)), motion.fps) for n in names])


def _finger_deviation(motion: MotionFrames) -> float:
    """Mean angle between a finger joint and its own mean rotation, over joints and frames, degrees."""
    angles = []
    for joint in HAND_JOINTS:
        rotations = Rotation.from_rotvec(motion.poses[:, joint])
        angles.append(np.rad2deg((rotations.mean().inv() * rotations).magnitude()).mean())
    return float(np.mean(angles))


def kinematic_figures(motion: MotionFrames) -> dict[str, float]:
    """The figures of a talker: wrists, elbows, head, chest, fingers, jaw.

    Wrist speeds are taken in the chest's frame by central differences; a velocity peak is a local maximum of speed
    above 0.35 m/s, at least 0.1 s from a higher one; both wrists are pooled. Wrist height and reach are world-vertical
    and along the chest's heading, relative to the own shoulder. Head is relative to chest (neck and head joints),
    chest relative to pelvis (spine1..3); yaw, pitch, roll are intrinsic Y, X, Z angles, of which the standard deviation
    over time is given. Joint speeds pool left and right.

    Args:
        motion: T >= 3 frames.

    Returns:
        Name with unit -> value.

    Raises:
        InputError: fewer than 3 frames.
    """
    if len(motion) < 3:
        raise InputError(f"the motion has {len(motion)} frames; at least 3 are needed for speeds")
    rotations, positions = forward_kinematics(motion.matrices(), motion.translation)
    speed = np.linalg.norm(wrist_velocity(motion), axis=-1)
    minutes = len(motion) / motion.fps / 60.0
    distance = max(1, round(_PEAK_DISTANCE_S * motion.fps))
    peaks = sum(
        len(find_peaks(s, height=PEAK_SPEED, distance=distance, prominence=_PEAK_PROMINENCE)[0]) for s in speed.T
    )
    moving = speed.std(axis=0) > 1e-9
    heading = rotations[:, _CHEST, :, 2].copy()
    heading[:, 1] = 0.0
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    wrists, shoulders = (
        [JOINT_INDEX[f"{side}_{name}"] for side in ("left", "right")] for name in ("wrist", "shoulder")
    )
    arms = positions[:, wrists] - positions[:, shoulders]
    head, chest = _relative(motion, ("neck", "head")), _relative(motion, ("spine1", "spine2", "spine3"))
    figures = {
        "wrist_speed_mean_m_s": speed.mean(),
        "wrist_speed_p95_m_s": np.percentile(speed, 95),
        "wrist_peaks_per_min_hand": peaks / 2.0 / minutes,
        "time_moving_percent": 100.0 * (speed.max(axis=1) > MOVING_SPEED).mean(),
        "left_right_speed_correlation": np.corrcoef(speed.T)[0, 1] if moving.all() else 0.0,
        **_percentiles("wrist_below_shoulder_p{}_m", -arms[..., 1], (5, 50, 95)),
        **_percentiles("wrist_in_front_p{}_m", np.einsum("tsk,tk->ts", arms, heading), (50, 95)),
        **_percentiles("elbow_flexion_p{}_deg", np.rad2deg(elbow_flexion(motion)), (5, 50, 95)),
        **_spread("head", head),
        "head_speed_mean_deg_s": _angular_speed(head, motion.fps).mean(),
        **_spread("chest", chest),
        "finger_deviation_deg": _finger_deviation(motion),
        **_percentiles(
            "jaw_p{}_deg", np.rad2deg(np.linalg.norm(motion.poses[:, JOINT_INDEX["jaw"]], axis=1)), (50, 95)
        ),
    }
    for joint in ("shoulder", "elbow", "wrist"):
        speeds = _joint_speed(motion, (f"left_{joint}", f"right_{joint}"))
        figures[f"{joint}_speed_p95_deg_s"] = np.percentile(speeds, 95)
    return {key: float(value) for key, value in figures.items()}


def _percentiles(name: str, values: np.ndarray, which: tuple[int, ...]) -> dict[str, float]:
    """Percentiles over all values; `name` has a place for their number."""
    return {name.format(k): float(np.percentile(values, k)) for k in which}


def _spread(name: str, rotations: Rotation) -> dict[str, float]:
    std = rotations.as_euler("YXZ", degrees=True).std(axis=0)
    return {f"{name}_std_{turn}_deg": float(s) for turn, s in zip(("yaw", "pitch", "roll"), std, strict=True)}


# Figure -> (eight seated TV hosts: range; one lively standing speaker: range), SMPL-X fits at 30 fps.
TALKERS: dict[str, tuple[str, str]] = {
    "wrist_speed_mean_m_s": ("0.03-0.24", "0.50-0.53"),
    "wrist_speed_p95_m_s": ("0.07-0.76", "1.35"),
    "wrist_peaks_per_min_hand": ("0-60", "92-101"),
    "time_moving_percent": ("0-38", "88"),
    "left_right_speed_correlation": ("0.12-0.90", "0.67"),
    "wrist_below_shoulder_p5_m": ("-", "-0.01"),
    "wrist_below_shoulder_p50_m": ("0.07-0.46", "0.25-0.38"),
    "wrist_below_shoulder_p95_m": ("-", "0.50"),
    "wrist_in_front_p50_m": ("-", "0.21-0.25"),
    "wrist_in_front_p95_m": ("-", "0.32-0.35"),
    "elbow_flexion_p5_deg": ("-", "18"),
    "elbow_flexion_p50_deg": ("-", "45-74"),
    "elbow_flexion_p95_deg": ("-", "95-109"),
    "head_std_yaw_deg": ("2.4-6.9", "7.1"),
    "head_std_pitch_deg": ("3.9-13.7", "4.6"),
    "head_std_roll_deg": ("1.4-13.5", "4.0"),
    "head_speed_mean_deg_s": ("14-25", "31"),
    "chest_std_yaw_deg": ("1.0-3.2", "2.2"),
    "chest_std_pitch_deg": ("1.8-7.1", "4.4"),
    "chest_std_roll_deg": ("0.4-1.5", "4.3"),
    "finger_deviation_deg": ("-", "9-11"),
    "jaw_p50_deg": ("2.1-3.2", "1.1"),
    "jaw_p95_deg": ("4.9-7.0", "2.4"),
    "shoulder_speed_p95_deg_s": ("-", "82-95"),
    "elbow_speed_p95_deg_s": ("-", "217-232"),
    "wrist_speed_p95_deg_s": ("-", "188-207"),
}


def kinematics_table(figures: dict[str, float]) -> str:
    """Markdown table beside the reference columns."""
    lines = ["| figure | TV hosts | this motion | lively speaker |", "|---|---|---|---|"]
    for key, value in figures.items():
        low, high = TALKERS.get(key, ("", ""))
        lines.append(f"| {key} | {low} | {value:.2f} | {high} |")
    return "\n".join(lines)
