"""bench: how well, how smoothly and how fast each robot follows the same human motion. One row a robot."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from speech_gesture_pkg.body.files import load_motion
from speech_gesture_pkg.body.motion import MotionFrames, resample
from speech_gesture_pkg.body.skeleton import NUM_JOINTS
from speech_gesture_pkg.errors import InputError, RobotError
from speech_gesture_pkg.retarget.mapping import map_robot
from speech_gesture_pkg.retarget.retargeter import Retargeter, RetargetSettings
from speech_gesture_pkg.retarget.robot import RobotModel
from speech_gesture_pkg.retarget.solver import Weights

FPS = 30.0
REACHABLE = np.radians(2.0)
"""A frame's target is reachable if the arm bones, given all the time they want, get this near."""
_PROBE = 15
"""Every so many frames the reachability is examined: it costs a hundred times a step."""
_TERMS = (("upper arm", "upper_arm"), ("forearm", "forearm"), ("palm", "palm"), ("head", "head"))


def read_motions(path: str | Path) -> list[MotionFrames]:
    """Clips of a motion file at 30 fps: a BEAT2 npz, or an npz with many `<clip>.poses` [T, K, 3].

    The latter names the SMPL-X joint of each of its K columns in `smplx55_index` [K]; axis-angle, rad, 30 fps.

    Raises:
        InputError: neither of the two.
    """
    try:
        with np.load(path) as data:
            if "smplx55_index" not in data.files:
                return [resample(load_motion(path), FPS)]
            clips = []
            for key in (k for k in data.files if k.endswith(".poses")):
                poses = np.zeros((len(data[key]), NUM_JOINTS, 3))
                poses[:, data["smplx55_index"]] = data[key]
                clips.append(MotionFrames(poses, FPS))
            return clips
    except (OSError, ValueError, KeyError) as e:
        raise InputError(f"motion file {path} cannot be read: {e}") from e


def robots_table(urdfs: Mapping[str, str | Path], motions: Sequence[MotionFrames]) -> str:
    """Markdown table of `robot_figures`; a robot that cannot be served gets its sentence instead.

    Args:
        urdfs: label -> URDF file.
        motions: clips at 30 fps.
    """
    heads = ["robot", "joints", "load s", "ms p50 / p99"]
    heads += [f"{name} deg mean / p95 (reachable)" for name, _ in _TERMS]
    heads += ["reachable %", "jerk rms", "colliding %", "over limits"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for label, path in urdfs.items():
        try:
            figures = robot_figures(path, motions)
        except RobotError as e:
            lines.append(f"| {label} | refused: {e} |")
            continue
        lines.append(f"| {label} | {_row(figures)} |")
    return "\n".join(lines)


def robot_figures(urdf: str | Path, motions: Sequence[MotionFrames]) -> dict[str, float]:
    """Retarget all clips frame by frame, as live, and measure.

    Returns:
        "joints" (solved), "load_s", "p50_ms", "p99_ms"; per term "<term>_mean", "_p95" over all frames and
        "_mean_reachable", "_p95_reachable" (deg, arms pooled; absent where the robot lacks the part); "reachable" and
        "colliding" (% of frames); "jerk" (rms over arms, head and waist, rad/s^3); "violations" (numbers of positions,
        velocities and accelerations beyond the limits).
    """
    began = time.perf_counter()
    robot = RobotModel.from_file(urdf)
    mapping = map_robot(robot)
    retargeter = Retargeter(robot, mapping)
    load = time.perf_counter() - began
    free = Retargeter(robot, mapping, RetargetSettings(collision=False, weights=Weights(palm=0.01)))
    places = {n: i for i, n in enumerate(retargeter.joint_names)}
    solved = [places[n] for g in ("left_arm", "right_arm", "head", "torso") for n in mapping.groups.get(g, ())]
    spent: list[float] = []
    errors: dict[str, list[np.ndarray]] = {}
    reached: list[np.ndarray] = []
    probed: list[np.ndarray] = []
    jerks, gaps, violations, frames = [], [], 0, 0
    for motion in motions:
        start = retargeter.solve_pose(motion[:1])
        q = _stream(retargeter, motion, start, spent)
        for name, error in retargeter.tracking_errors(motion, q).items():
            errors.setdefault(name, []).append(error)
        probe = np.arange(0, len(q), _PROBE)
        probed.append(probe + frames)
        reached.append(np.array([_reachable(free, motion[k : k + 1], q[k]) for k in probe], bool))
        jerks.append(np.diff(q[:, solved], 3, axis=0) * FPS**3)
        gaps.append(retargeter.collision.distance(q))
        violations += _violations(retargeter, q)
        frames += len(q)
    whole = {name: np.degrees(np.concatenate(e)) for name, e in errors.items()}
    good = np.concatenate(probed)[np.concatenate(reached)]
    figures = {
        "joints": float(len(solved)),
        "load_s": load,
        "p50_ms": 1e3 * float(np.median(spent)),
        "p99_ms": 1e3 * float(np.percentile(spent, 99)),
        "reachable": 100.0 * float(np.concatenate(reached).mean()),
        "jerk": float(np.sqrt((np.concatenate(jerks) ** 2).mean())) if solved else 0.0,
        "colliding": 100.0 * float((np.concatenate(gaps) < 0).mean()),
        "violations": float(violations),
    }
    for _, term in _TERMS:
        own = [e for name, e in whole.items() if name.endswith(term)]
        if own:
            figures |= {f"{term}_mean": float(np.mean(own)), f"{term}_p95": float(np.percentile(own, 95))}
            if len(good):
                part = np.array(own)[:, good]
                figures[f"{term}_mean_reachable"] = float(part.mean())
                figures[f"{term}_p95_reachable"] = float(np.percentile(part, 95))
    return figures


def _stream(retargeter: Retargeter, motion: MotionFrames, start: np.ndarray, spent: list[float]) -> np.ndarray:
    """Positions [T, J], one frame at a time; seconds of each step are added to `spent`."""
    state, rows = retargeter.start(start), []
    for k in range(len(motion)):
        frame = motion[k : k + 1]
        began = time.perf_counter()
        q, state = retargeter.step(frame, state)
        spent.append(time.perf_counter() - began)
        rows.append(q[0])
    return np.array(rows)


def _reachable(retargeter: Retargeter, frame: MotionFrames, q: np.ndarray) -> bool:
    best = retargeter.solve_pose(frame, q, 30)
    errors = retargeter.tracking_errors(frame, best[None])
    return all(e[0] < REACHABLE for name, e in errors.items() if name.endswith("arm"))


def _violations(retargeter: Retargeter, q: np.ndarray) -> int:
    """How many positions, velocities and accelerations of `q` [T, J] are beyond the robot's limits."""
    robot = retargeter.robot
    slots = [robot.joint_index[n] for n in retargeter.joint_names]
    speed, bend = np.diff(q, axis=0) * FPS, np.diff(q, 2, axis=0) * FPS**2
    over = (q < robot.lower[slots] - 1e-9).sum() + (q > robot.upper[slots] + 1e-9).sum()
    over += (np.abs(speed) > robot.velocity[slots] * (1 + 1e-6)).sum()
    over += (np.abs(bend) > retargeter.acceleration * (1 + 1e-6) + 1e-6).sum()
    return int(over)


def _row(figures: Mapping[str, float]) -> str:
    cells = [
        f"{figures['joints']:.0f}",
        f"{figures['load_s']:.2f}",
        f"{figures['p50_ms']:.2f} / {figures['p99_ms']:.2f}",
    ]
    for _, term in _TERMS:
        if f"{term}_mean" not in figures:
            cells.append("-")
            continue
        cell = f"{figures[f'{term}_mean']:.1f} / {figures[f'{term}_p95']:.1f}"
        if f"{term}_mean_reachable" in figures:
            cell += f" ({figures[f'{term}_mean_reachable']:.1f} / {figures[f'{term}_p95_reachable']:.1f})"
        cells.append(cell)
    cells += [
        f"{figures['reachable']:.0f}",
        f"{figures['jerk']:.0f}",
        f"{figures['colliding']:.2f}",
        f"{figures['violations']:.0f}",
    ]
    return " | ".join(cells)
