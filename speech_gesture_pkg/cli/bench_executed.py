"""bench --executed: what controllers of each distribution make of the node's windows, in each of their cycles."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.cli.common import config_of
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.pipeline.build import Robot, load_robot
from speech_gesture_pkg.pipeline.offline import OfflineRun, run_offline
from speech_gesture_pkg.resources import robot_file
from speech_gesture_pkg.sim.controller import ControllerSettings, SimController
from speech_gesture_pkg.sim.rules import Goal, rules_of
from speech_gesture_pkg.trajectory.composer import Window
from speech_gesture_pkg.trajectory.layout import default_controllers
from speech_gesture_pkg.trajectory.window_begin import Begin, Timing
from speech_gesture_pkg.verification.quintic import SampledTrajectory

RATES = (1000, 500, 100, 50)
CASES = (
    ("humble", True, Begin.PAST),
    ("jazzy, kilted", True, Begin.PAST),
    ("newest, allow_trajectory_replacement false", False, Begin.PAST),
    ("newest, allow_trajectory_replacement true", True, Begin.BLENDED),
    ("jazzy, kilted; trajectory.begin ahead", True, Begin.AHEAD),
    ("newest, allow_trajectory_replacement true; trajectory.begin ahead", True, Begin.AHEAD),
)
"""Rules, `allow_trajectory_replacement`, where windows begin: first what the node chooses, then what it did before."""
LATENCY = (0.0005, 0.003)
"""A window is on its way for so long, s."""
SETTLED = 2.0
"""Seconds at the start that are not compared: the controllers' own way to the first point."""


@dataclass
class _Sums:
    """Worst figures over joints of one case at one rate."""

    error: float = 0.0
    cycle: float = 0.0
    short: float = 0.0

    def add(self, executed: np.ndarray, reference: np.ndarray, rate: float) -> None:
        """Positions [N, J] of each cycle."""
        self.error = max(self.error, float(np.abs(executed - reference).max()))
        for name, over in (("cycle", 1), ("short", max(1, round(0.01 * rate)))):
            had, should = (_bend(x, over).max(0) for x in (executed, reference))
            moves = should > 1e-3 * should.max()
            setattr(self, name, max(getattr(self, name), float((had[moves] / should[moves]).max())))


def _bend(x: np.ndarray, step: int) -> np.ndarray:
    return np.abs(x[2 * step :] - 2 * x[step:-step] + x[: -2 * step])


def executed_figures(options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each case and rate: largest error from what was commanded (rad; a cycle late counts as in time), and
    accelerations over a cycle and over 10 ms, executed over commanded."""
    config = config_of(options).with_values({"robot.urdf": str(robot_file("demo"))})
    robot = load_robot(config)
    sound = [read_audio(path) for path in options.executed]
    rate = sound[0].sample_rate
    samples = np.concatenate([s.samples for s in sound if s.sample_rate == rate])
    audio = replace(sound[0], samples=samples)
    rows, runs = [], {}
    for name, replacement, begin in CASES:
        for hertz in RATES:
            timing = Timing(begin, 1.0 / hertz) if begin is Begin.BLENDED else Timing(begin)
            if timing not in runs:
                runs = {timing: _run(config, robot, audio, timing)}
            sums = _compare(runs[timing], name.split(",")[0].split(";")[0], replacement, float(hertz))
            rows.append(
                {
                    "rules": name,
                    "begin": begin.name.lower(),
                    "rate_hz": hertz,
                    "error_rad": sums.error,
                    "cycle": sums.cycle,
                    "over_10_ms": sums.short,
                }
            )
    return rows


def _run(config: GestureConfig, robot: Robot, audio: AudioChunk, timing: Timing) -> OfflineRun:
    names = default_controllers(robot.retargeter.groups)
    return run_offline(config, robot, audio, timing=dict.fromkeys(names, timing))


def _compare(run: OfflineRun, distro: str, replacement: bool, rate: float) -> _Sums:
    sums, rng = _Sums(), np.random.default_rng(0)
    rules = rules_of(distro)
    for windows in run.windows.values():
        names, epoch = windows[0].joint_names, round(run.sent[0]) - 1.0
        settings = ControllerSettings(True, update_rate=rate, replacement=replacement)
        sim = SimController(names, rules, settings, windows[0].position[0], run.sent[0] - epoch)
        first = sim.time
        sim.trace = []
        for window, sent in zip(windows, run.sent, strict=True):
            curve = (x.tolist() for x in (window.position, window.velocity, window.acceleration))
            goal = Goal(names, window.stamp - epoch, window.time_from_start, *curve)
            refused = sim.receive(goal, sent - epoch + float(rng.uniform(*LATENCY)))
            assert refused is None, refused
        sim.advance(windows[-1].end - epoch)
        executed = np.concatenate(sim.trace)
        times = first + (1.0 + np.arange(len(executed))) / rate
        late = 0.0 if rules.commands_ahead else 1.0 / rate
        inside = times > first + SETTLED
        reference = np.concatenate(list(_commanded(windows, run.sent, times[inside] + epoch - late)))
        sums.add(executed[inside][: len(reference)], reference, rate)
    return sums


def _commanded(windows: list[Window], sent: list[float], times: np.ndarray) -> Iterator[np.ndarray]:
    """What the windows say together: each from its sending or its beginning on. Positions [n, J], piece by piece."""
    begins = [max(w.stamp, s) for w, s in zip(windows, sent, strict=True)]
    for window, begin, end in zip(windows, begins, [*begins[1:], np.inf], strict=True):
        at = times[(times >= begin) & (times < end)]
        if len(at):
            curve = (window.position, window.velocity, window.acceleration)
            yield SampledTrajectory(window.stamp + window.time_from_start, *curve).at(at)[0]


def executed_table(rows: list[dict[str, Any]]) -> str:
    """As a Markdown table, the rates of a case in one row."""
    lines = [
        "| rules | windows begin | largest error, rad | acceleration over a cycle | over 10 ms |",
        "|---|---|---|---|---|",
    ]
    for name, _, _ in CASES:
        mine = [r for r in rows if r["rules"] == name]
        begin = mine[0]["begin"]
        error = ", ".join(f"{r['error_rad']:.0e}" for r in mine)
        cycle, short = (", ".join(f"x{r[key]:.2f}" for r in mine) for key in ("cycle", "over_10_ms"))
        lines.append(f"| {name} | {begin} | {error} | {cycle} | {short} |")
    return "\n".join(lines)
