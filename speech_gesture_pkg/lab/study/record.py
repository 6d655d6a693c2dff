"""The record of one job: every figure, worst moments, curves and poses for a page; plain data for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from speech_gesture_pkg.lab.metrics.beats import central_speed
from speech_gesture_pkg.lab.metrics.registry import METRICS, measure_all
from speech_gesture_pkg.lab.metrics.result import Measurement, NotComputable
from speech_gesture_pkg.lab.metrics.robot import joint_use, latency_histogram
from speech_gesture_pkg.lab.metrics.sample import STANDARD_FPS
from speech_gesture_pkg.lab.metrics.spec import Need
from speech_gesture_pkg.lab.study.sample import EvaluationSample, has_body
from speech_gesture_pkg.lab.study.worst_moments import limit_use, worst_moments
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX

SCHEMA = 1
CURVE_RATE = 5.0
"""Samples per second of the curves."""
POSES = 6
"""Poses of a record: evenly spread over the speech."""
BODY = 22


def measured(sample: EvaluationSample, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Metric -> value (None if there is none), unit, why and stamp."""
    found = {}
    for m in measure_all(sample.take, names):
        entry = plain(m)
        if entry["why"]:
            entry["why"] = _why_no_figure(sample, m.name) or entry["why"]
        found[m.name] = entry
    return found


def plain(m: Measurement) -> dict[str, Any]:
    """A measurement as JSON."""
    if isinstance(m.value, NotComputable):
        return {"value": None, "unit": m.unit, "why": m.value.reason, "stamp": m.stamp}
    if not math.isfinite(m.value):
        return {"value": None, "unit": m.unit, "why": "the figure is not a finite number", "stamp": m.stamp}
    return {"value": m.value, "unit": m.unit, "why": None, "stamp": m.stamp}


def _why_no_figure(sample: EvaluationSample, name: str) -> str:
    if name in sample.no_figure:
        return sample.no_figure[name]
    robot = Need.ROBOT in METRICS[name].needs
    if robot and sample.take.robot is None:
        return sample.no_figure.get("*robot", "")
    return "" if robot else sample.no_figure.get("*motion", "")


def described(sample: EvaluationSample) -> dict[str, Any]:
    """Timings, events, warnings, the fall-back's share, worst moments, curves, poses."""
    return {
        "offset_s": sample.offset,
        "timings": {k: _finite(v) for k, v in sample.timings.items()},
        "events": sample.events,
        "warnings": sample.warnings,
        "fallback_share": sample.fallback_share,
        "worst": worst_moments(sample),
        "curves": curves(sample),
        "poses": poses(sample),
        **robot_use(sample),
    }


def robot_use(sample: EvaluationSample) -> dict[str, Any]:
    """`joints` (use of each joint's range and speed) and `latency_ms` (histogram), as far as they are known."""
    robot = sample.take.robot
    found: dict[str, Any] = {}
    if robot is None:
        return found
    t = robot.trajectory
    if t is not None and robot.lower is not None and robot.upper is not None and robot.velocity is not None:
        found["joints"] = joint_use(t.joint_names, t.position, t.velocity, robot.lower, robot.upper, robot.velocity)
    if robot.latency is not None and len(robot.latency):
        found["latency_ms"] = latency_histogram(robot.latency)
    return found


def curves(sample: EvaluationSample) -> dict[str, Any]:
    """Loudness, hand speeds, clearance and limit use at 5 Hz (the largest, or for clearance the least, per sample)."""
    take, trajectory = sample.take, sample.trajectory
    begin, end = _span(sample)
    count = max(int((end - begin) * CURVE_RATE), 1)
    result: dict[str, Any] = {"rate_hz": CURVE_RATE, "start_s": round(begin, 4)}
    result |= dict.fromkeys(("loudness_db", "human_hand_speed", "robot_hand_speed", "clearance", "limit_use"))

    def binned(times: np.ndarray, values: np.ndarray, largest: bool = True) -> list[float | None]:
        worst = np.full(count, -np.inf if largest else np.inf)
        index = ((times - begin) * CURVE_RATE).astype(int)
        inside = (times >= begin) & (index < count)
        (np.maximum if largest else np.minimum).at(worst, index[inside], values[inside])
        return [round(float(v), 4) if np.isfinite(v) else None for v in worst]

    if take.speech is not None:
        result["loudness_db"] = binned(take.speech.times, take.speech.energy_db)
    if has_body(take.motion):
        times = take.motion.start + np.arange(len(take.played)) / STANDARD_FPS
        result["human_hand_speed"] = binned(times, central_speed(take.wrists, STANDARD_FPS).max(axis=1))
    if trajectory is not None and sample.limbs is not None and sample.limbs.hands.shape[1]:
        speed = central_speed(sample.limbs.hands, trajectory.fps).max(axis=1)
        result["robot_hand_speed"] = binned(trajectory.time, speed)
    if trajectory is not None and take.robot is not None and take.robot.clearance is not None:
        result["clearance"] = binned(trajectory.time[::2], take.robot.clearance, largest=False)
    if (use := limit_use(sample)) is not None and trajectory is not None:
        result["limit_use"] = binned(trajectory.time, use.max(axis=1))
    return result


def _span(sample: EvaluationSample) -> tuple[float, float]:
    if sample.audio is not None:
        return 0.0, sample.audio.duration
    motion, trajectory = sample.take.motion, sample.trajectory
    if len(motion):
        return motion.start, motion.end
    return (float(trajectory.time[0]), float(trajectory.time[-1])) if trajectory is not None else (0.0, 0.0)


def poses(sample: EvaluationSample) -> dict[str, Any]:
    """Body joint positions of some frames, and the robot's joints when it showed them."""
    take, trajectory = sample.take, sample.trajectory
    begin, end = _span(sample)
    times = begin + (np.arange(POSES) + 0.5) * (end - begin) / POSES
    result: dict[str, Any] = {"times_s": [round(float(t), 3) for t in times], "positions": None, "robot": None}
    if has_body(take.motion):
        index = np.clip(np.round((times - take.motion.start) * STANDARD_FPS), 0, len(take.played) - 1).astype(int)
        body = take.positions[index][:, :BODY] - take.rest[JOINT_INDEX["pelvis"]]
        result["positions"] = np.round(body, 3).tolist()
    if trajectory is not None:
        shown = np.clip((times + sample.offset - trajectory.time[0]) * trajectory.fps, 0, len(trajectory.time) - 1)
        position = trajectory.position[shown.astype(int)]
        result["robot"] = {"joint_names": list(trajectory.joint_names), "position": np.round(position, 4).tolist()}
    return result


def arrays_of(sample: EvaluationSample) -> dict[str, np.ndarray]:
    """What is kept beside the record, at 30 Hz: the human's wrists [T, 2, 3], m, and the commanded motion."""
    take, trajectory = sample.take, sample.trajectory
    kept: dict[str, np.ndarray] = {}
    if has_body(take.motion):
        kept = {"human_start": np.array(take.motion.start), "human_wrists": take.wrists.astype(np.float32)}
    if trajectory is None:
        return kept
    step = max(round(trajectory.fps / STANDARD_FPS), 1)
    return kept | {
        "joint_names": np.array(trajectory.joint_names),
        "commanded_time": trajectory.time[::step],
        "commanded_position": trajectory.position[::step].astype(np.float32),
    }


def values_of(record: Mapping[str, Any]) -> dict[str, float]:
    """Metric -> number, of those that have one."""
    return {n: m["value"] for n, m in record["metrics"].items() if m["value"] is not None}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
