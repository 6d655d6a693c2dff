"""Statistics of a corpus: amounts, joints, speeds, faces. One recording in memory at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.datasets.clip import Clip
from speech_gesture_pkg.motion.liveliness import kinematic_figures
from speech_gesture_pkg.motion.parts import ARKIT_NAMES
from speech_gesture_pkg.motion.skeleton import JOINT_NAMES, NUM_JOINTS

_BINS = np.linspace(0.0, 3000.0, 3001)
"""Of the speed histogram, deg/s: percentiles without keeping every frame."""


def corpus_stats(clips: Iterable[Clip]) -> dict[str, Any]:
    """Figures of a corpus.

    Returns:
        minutes, recordings, speakers; per split; durations (s). Per joint: mean and standard deviation of its
        axis-angle (deg); mean, 95th percentile and maximum of its speed (deg/s). Per face weight that moves: mean,
        deviation, maximum, and the median over recordings of its 5th and 95th percentile. Kinematics: mean over
        recordings, weighted by duration, of `kinematic_figures`.

    Raises:
        InputError: there are no recordings.
    """
    durations: list[float] = []
    splits: Counter[str] = Counter()
    split_seconds: dict[str, float] = defaultdict(float)
    speakers: set[str] = set()
    frames = 0
    total, squares = np.zeros((NUM_JOINTS, 3)), np.zeros((NUM_JOINTS, 3))
    speeds = np.zeros((NUM_JOINTS, len(_BINS) - 1))
    fastest = np.zeros(NUM_JOINTS)
    faces: list[np.ndarray] = []
    kinematics: list[tuple[float, dict[str, float]]] = []
    for clip in clips:
        motion = clip.motion
        seconds = len(motion) / motion.fps
        durations.append(seconds)
        splits[clip.split] += 1
        split_seconds[clip.split] += seconds
        speakers.add(clip.speaker)
        poses = np.rad2deg(np.asarray(motion.poses, float))
        frames += len(poses)
        total += poses.sum(0)
        squares += np.square(poses).sum(0)
        if len(motion) >= 3:
            speed = joint_speeds(motion.poses, motion.fps)
            fastest = np.maximum(fastest, speed.max(0))
            for joint in range(NUM_JOINTS):
                speeds[joint] += np.histogram(np.minimum(speed[:, joint], _BINS[-1]), _BINS)[0]
            kinematics.append((seconds, kinematic_figures(motion)))
        face = np.asarray(motion.face, float)
        faces.append(np.stack([face.mean(0), face.std(0), *np.percentile(face, (5, 95), axis=0), face.max(0)]))
    if not durations:
        raise InputError("the corpus has no recordings")
    mean = total / frames
    deviation = np.sqrt(np.maximum(squares / frames - mean**2, 0.0))
    weights = np.array(durations)
    face = np.stack(faces)
    return {
        "recordings": len(durations),
        "minutes": sum(durations) / 60.0,
        "speakers": len(speakers),
        "splits": {s: {"recordings": splits[s], "minutes": split_seconds[s] / 60.0} for s in sorted(splits)},
        "duration_s": {k: float(f(durations)) for k, f in (("min", np.min), ("median", np.median), ("max", np.max))},
        "joints": {
            name: {
                "mean_deg": mean[j].round(3).tolist(),
                "std_deg": deviation[j].round(3).tolist(),
                **_percentiles(speeds[j]),
                "speed_max_deg_s": float(fastest[j]),
            }
            for j, name in enumerate(JOINT_NAMES)
        },
        "face": {
            name: {
                "mean": float(weights @ face[:, 0, k] / weights.sum()),
                "std": float(np.sqrt(weights @ np.square(face[:, 1, k]) / weights.sum())),
                "p5": float(np.median(face[:, 2, k])),
                "p95": float(np.median(face[:, 3, k])),
                "max": float(face[:, 4, k].max()),
            }
            for k, name in enumerate(ARKIT_NAMES)
            if face[:, 4, k].max() > 1e-6
        },
        "kinematics": _mean_figures(kinematics),
    }


def joint_speeds(poses: np.ndarray, fps: float) -> np.ndarray:
    """Angular speed of each joint relative to its parent, deg/s. poses [T, 55, 3] -> [T - 1, 55]."""
    poses = np.asarray(poses, float)
    angle = np.linalg.norm(poses, axis=-1, keepdims=True)
    axis = poses / np.maximum(angle, 1e-12)
    quaternions = np.concatenate([axis * np.sin(angle / 2.0), np.cos(angle / 2.0)], -1)
    return np.asarray(np.rad2deg(turn(quaternions[1:], quaternions[:-1])) * fps)


def _percentiles(histogram: np.ndarray) -> dict[str, float]:
    count = histogram.sum()
    if not count:
        return {"speed_mean_deg_s": 0.0, "speed_p95_deg_s": 0.0}
    middles = (_BINS[1:] + _BINS[:-1]) / 2.0
    p95 = middles[int(np.searchsorted(np.cumsum(histogram), 0.95 * count))]
    return {"speed_mean_deg_s": float(histogram @ middles / count), "speed_p95_deg_s": float(p95)}


def _mean_figures(found: list[tuple[float, dict[str, float]]]) -> dict[str, float]:
    if not found:
        return {}
    weights = np.array([seconds for seconds, _ in found])
    return {key: float(weights @ np.array([f[key] for _, f in found]) / weights.sum()) for key in found[0][1]}


def turn(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle between unit quaternions, rad. [..., 4] -> [...]."""
    return 2.0 * np.arccos(np.clip(np.abs(np.einsum("...k,...k->...", a, b)), 0.0, 1.0))
