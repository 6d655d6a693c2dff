"""bench --robots: how well, how smoothly and how fast robots follow the same human motion. One row a robot."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.limits import limit_violations
from benchmarks.tracking import TERMS, robot_figures, whole_poses
from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.cli.common import config_of, progress
from speech_gesture_pkg.cli.generate import generate
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import ConfigError, SpeechGestureError
from speech_gesture_pkg.motion.folder import read_motions
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.pipeline.build import layout_of, load_robot
from speech_gesture_pkg.pipeline.offline import run_offline
from speech_gesture_pkg.resources import DEMO_AUDIO, resource, robot_path
from speech_gesture_pkg.robot.joint_map.robot_map import limbs_and_hands
from speech_gesture_pkg.verification.self_collision import SelfCollision

_SHAPE_FRAMES = 6000
"""Poses that are tested with the URDF's shapes: 10 a second of ten minutes."""
REFERENCES = ("pink",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the measurement."""
    parser.add_argument("robots", nargs="+", metavar="NAME_OR_URDF", help="robots of the table")
    parser.add_argument("--motion", nargs="+", metavar="NPZ", help="human motion (default: made from the bundled clip)")
    parser.add_argument(
        "--speech", nargs="+", metavar="WAV", help="speech that the whole system speaks with each robot"
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="of --speech at most (default: %(default)g)")
    parser.add_argument("--against", choices=REFERENCES, help="a reference solver on the same frames")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Figures of every robot: {"frames", "robots": {name: {"tracking", "system", "pink"} or {"refused"}}}."""
    motions = motions_of(options)
    speech = speech_of(options.speech, options.minutes) if options.speech else None
    if options.against:
        from benchmarks.pink import need_pink

        need_pink()
    rows: dict[str, Any] = {}
    for name in options.robots:
        path = robot_path(name)
        try:
            bar = progress(motions, name)
            rows[name] = robot_figures(path, bar, options.against)
            if speech is not None:
                config = config_of(options, **{"robot.urdf": str(path)})
                rows[name]["system"] = system_figures(config, progress(speech, f"{name} speaking"))
        except SpeechGestureError as e:
            rows[name] = {"refused": str(e)}
    return {"frames": sum(map(len, motions)), "robots": rows}


def motions_of(options: argparse.Namespace) -> list[MotionFrames]:
    """The human motion: of the files, else made from the bundled speech clip."""
    if options.motion:
        return [m for path in options.motion for m in read_motions(path) if len(m) > 3]
    return [generate(read_audio(options.audio or resource(DEMO_AUDIO)), config_of(options), "making motion")]


def speech_of(files: Sequence[str], minutes: float) -> list[AudioChunk]:
    """Files up to so many minutes in all; the last one is cut."""
    if not minutes > 0:
        raise ConfigError(f"--minutes is {minutes:g}; it must be positive")
    found, left = [], 60.0 * minutes
    for path in files:
        audio = read_audio(path)
        count = min(len(audio.samples), round(left * audio.sample_rate))
        found.append(AudioChunk(audio.samples[:count], audio.start))
        left -= count / audio.sample_rate
        if left < 0.5:
            break
    return found


def system_figures(config: GestureConfig, speech: Any) -> dict[str, Any]:
    """What the whole system commands while it speaks, looked at by other means than its own (`self_collision`).

    Args:
        config: with `robot.urdf`.
        speech: utterances, one run each.

    Returns:
        "seconds", "poses"; "violations" by kind over all commanded samples; "collision", as `CollisionReport`;
        "capsules_percent": poses that touch by the robot's own capsules, at full rate.
    """
    robot = load_robot(config)
    layout = layout_of(robot, {}, config)
    capsule_joints = robot.retargeter.joint_names
    names: tuple[str, ...] = layout.joint_names
    pieces, violations, seconds = [], {"position": 0, "velocity": 0, "acceleration": 0}, 0.0
    for audio in speech:
        run = run_offline(config, robot, audio)
        if run.joints is None:
            continue
        times, q = run.joints.time, run.joints.position
        for kind, count in limit_violations(robot.model.urdf, names, times, q, layout.limits.acceleration).items():
            violations[kind] += count
        pieces.append(q)
        seconds += run.seconds
    q = np.concatenate(pieces)
    limbs, hands = limbs_and_hands(robot.map)
    columns = [names.index(n) for n in capsule_joints]
    chosen = np.unique(np.linspace(0, len(q) - 1, min(len(q), _SHAPE_FRAMES)).round().astype(int))
    posed, poses = whole_poses(robot.retargeter, q[chosen][:, columns])
    found = SelfCollision(robot.model.source, posed, limbs, hands).report(posed, poses)
    touching = robot.retargeter.collision.distance(q[:, columns]) < 0
    return {
        "seconds": seconds,
        "poses": len(q),
        "violations": violations,
        "collision": asdict(found) | {"percent": found.percent, "percent_within": found.percent_within},
        "capsules_percent": 100.0 * float(touching.mean()),
    }


def table(result: Mapping[str, Any]) -> str:
    """Markdown tables of `measure`; a robot that cannot be served gets its sentence instead."""
    heads = ["robot", "joints", "load s", "ms p50 / p99"]
    heads += [f"{name} deg mean / p95 (reachable)" for name, _ in TERMS]
    heads += ["reachable %", "jerk rms rad/s^3", "colliding % capsules / shapes", "over limits"]
    lines = [
        f"{result['frames']} frames, {result['frames'] / 1800:.1f} min",
        "",
        _line(heads),
        "|" + "---|" * len(heads),
    ]
    for name, figures in result["robots"].items():
        if "refused" in figures:
            lines.append(f"| {name} | refused: {figures['refused']} |")
            continue
        lines.append(_line([name, *_cells(figures["tracking"])]))
        if "pink" in figures:
            lines.append(_line([f"{name}, Pink", *_cells(figures["pink"])]))
    spoken = {n: f["system"] for n, f in result["robots"].items() if "system" in f}
    if spoken:
        heads = ["whole system", "minutes", "commanded poses", "colliding % shapes (poses tested)", "within a limb %"]
        heads += ["colliding % capsules", "over position / velocity / acceleration limits", "most frequent contacts"]
        lines += ["", _line(heads), "|" + "---|" * len(heads)]
        lines += [_line([name, *_system_cells(figures)]) for name, figures in spoken.items()]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _system_cells(figures: Mapping[str, Any]) -> list[str]:
    found, over = figures["collision"], figures["violations"]
    worst = "; ".join(f"{pair} {count}" for pair, count in list(found["worst"].items())[:2]) or "-"
    return [
        f"{figures['seconds'] / 60:.1f}",
        str(figures["poses"]),
        f"{found['percent']:.2f} ({found['frames']}, {found['shapes']})",
        f"{found['percent_within']:.2f}",
        f"{figures['capsules_percent']:.2f}",
        f"{over['position']} / {over['velocity']} / {over['acceleration']}",
        worst,
    ]


def _cells(figures: Mapping[str, Any]) -> list[str]:
    cells = [f"{figures['joints']:.0f}", f"{figures['load_s']:.2f}"]
    cells.append(f"{figures['p50_ms']:.2f} / {figures['p99_ms']:.2f}")
    for _, term in TERMS:
        if f"{term}_mean" not in figures:
            cells.append("-")
            continue
        cell = f"{figures[f'{term}_mean']:.1f} / {figures[f'{term}_p95']:.1f}"
        if f"{term}_mean_reachable" in figures:
            cell += f" ({figures[f'{term}_mean_reachable']:.1f} / {figures[f'{term}_p95_reachable']:.1f})"
        cells.append(cell)
    cells.append(f"{figures['reachable']:.0f}" if "reachable" in figures else "-")
    cells.append(f"{figures['jerk']:.0f}")
    cells.append(f"{figures['colliding']:.2f} / {figures['colliding_shapes']:.2f}")
    cells.append(f"{figures['violations']:.0f}")
    return cells
