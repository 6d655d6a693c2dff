"""speech-gesture bench --soak: the real nodes for minutes or hours, on looped speech, with a fault every now and then.

The gesture node, the simulated robot and the speech player run in processes of their own. This process passes their
messages on (see `benchmarks.soak_graph`), does the faults and checks the motion guarantees all the time. Exit code 0
if the guarantees were kept, the robot stood still where it must, and the node came back after every fault.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.soak_faults import FAULTS, Fault, sequence
from benchmarks.soak_figures import Outcomes, controllers_text, judge, page
from benchmarks.soak_guarantees import GuaranteeThread
from benchmarks.soak_meters import Meters
from speech_gesture_pkg.cli.common import (
    changed_values,
    config_of,
    need_ros,
    report,
    urdf_of,
    writable_folder,
)
from speech_gesture_pkg.cli.processes import NodeProcess, isolated_environment, stop_all
from speech_gesture_pkg.errors import ConfigError, SpeechGestureError, one_of
from speech_gesture_pkg.pipeline.build import calmed, layout_of, load_robot
from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey
from speech_gesture_pkg.resources import DEMO_AUDIO, resource
from speech_gesture_pkg.robot.joint_map.robot_map import limbs_and_hands
from speech_gesture_pkg.trajectory.window_begin import PAST
from speech_gesture_pkg.verification.self_collision import SelfCollision

SLICE = 0.02
"""Between two looks at the robot, s."""
POSE_S = 0.5
"""Between two poses that are tested for self-collision, s."""
START_WITHIN = 120.0
"""The first normal motion comes within so long, s."""
STOP_WITHIN = 8.0
"""A robot that must stop stands still so long after the fault began, s."""
BACK_WITHIN = 40.0
"""Normal motion goes on so long after a fault has ended, s."""
NORMAL = ("gesturing", "idle")
"""States of normal motion; `resting` is one, too, if the speech has been silent."""
NEAR = 0.01
"""A window that begins nearer to the measured pose than this begins there, rad."""
AUDIO_FORMAT = "F32LE"
"""Byte audio of floats: it can be cut within a sample, and it can hold NaN."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the soak test."""
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: %(default)g)")
    parser.add_argument("--fault-every", type=float, default=20.0, help="seconds between faults (default: %(default)g)")
    parser.add_argument("--faults", help="only these kinds, separated by commas (default: all)")
    parser.add_argument("--out", default="soak_out", help="folder for the report (default: %(default)s)")


def run(options: argparse.Namespace) -> int:
    """Run it, write `soak.json`, `soak.md` and `faults.jsonl`, print the page. 0 if all is well."""
    if not (options.minutes > 0 and options.fault_every >= 1.0):
        raise ConfigError("--minutes must be above 0 and --fault-every at least 1")
    kinds = _kinds(options.faults)
    out = writable_folder(options.out)
    need_ros()
    seed = random.randrange(2**31) if options.seed is None else options.seed
    with tempfile.TemporaryDirectory(prefix="speech_gesture_soak_") as folder:
        ros = isolated_environment(Path(folder))
        os.environ.update({k: v for k, v in ros.items() if k.startswith(("ROS_", "FASTDDS_"))})
        soak = Soak(options, seed, ros, out)
        try:
            soak.begin()
            soak.run(kinds, 60.0 * options.minutes, options.fault_every)
        except KeyboardInterrupt:
            soak.ended_early = True
        except SpeechGestureError as e:
            soak.problem(str(e))
        result = soak.end()
    text = page(result)
    (out / "soak.json").write_text(json.dumps(result, indent=2, default=str), encoding="utf-8")
    (out / "soak.md").write_text(text, encoding="utf-8")
    report(options, result, text)
    return 1 if result["wrong"] else 0


def _kinds(names: str | None) -> Sequence[Fault]:
    if not names:
        return FAULTS
    table = {f.name: f for f in FAULTS}
    for name in names.split(","):
        if name not in table:
            raise ConfigError(one_of("kind of fault", name, table))
    return [table[n] for n in names.split(",")]


class Soak:
    """One run. Faults work on its attributes (see `soak_faults.Bed`)."""

    def __init__(self, options: argparse.Namespace, seed: int, ros: dict[str, str], out: Path) -> None:
        from benchmarks.soak_graph import SoakGraph

        urdf = urdf_of(options)
        values = {"robot.urdf": str(urdf), "audio.sample_format": AUDIO_FORMAT, "controllers.names": ()}
        config = config_of(options, **values)
        robot = load_robot(config)
        layout = layout_of(robot, {}, config)
        self._names = {n: [layout.joint_names[i] for i in c] for n, c in layout.controllers.items()}
        self.joints: Mapping[str, Sequence[str]] = {
            f"/{n}/joint_trajectory": joints for n, joints in self._names.items()
        }
        self.ended_early = False
        self._options, self._seed, self._ros, self._urdf, self._config = options, seed, ros, urdf, config
        self._audio = Path(options.audio) if options.audio else resource(DEMO_AUDIO)
        self._problems: list[str] = []
        self._log = (out / "faults.jsonl").open("w", encoding="utf-8")
        limits = layout.limits
        speed = calmed(config, robot.map.profile).safety.max_link_speed
        commanded = [j for joints in self._names.values() for j in joints]
        self._guarantees = GuaranteeThread(
            urdf,
            dict(zip(limits.joint_names, limits.acceleration.tolist(), strict=True)),
            [arm.joints for arm in robot.map.arms.values()],
            speed,
            SelfCollision(urdf, commanded, *limbs_and_hands(robot.map)),
        )
        self._guarantees.start()
        self.graph: Any = SoakGraph(list(self.joints), self._on_window)
        self._processes: list[NodeProcess] = []
        self._outcomes = Outcomes()
        self._meters: Meters | None = None
        self._begun = time.monotonic()
        self._due = {"pose": 0.0, "told": 0.0}
        self._ends: dict[str, float] = {}
        self._rests: dict[str, np.ndarray] = {}
        self._anew = self._kinds = 0

    # --- the nodes ------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start the nodes and wait until the robot gestures."""
        sim = {"urdf": str(self._urdf), "controllers": list(self._names), "--remap": "joint_states:=joint_states_raw"}
        self.robot = self._start("sim_robot_node", sim | {f"{n}.joints": j for n, j in self._names.items()})
        parameters = {**changed_values(self._config), "controllers.names": list(self._names), "autostart": True}
        self.gesture = self._start("gesture_node", parameters)
        self.start_player()
        deadline = time.monotonic() + START_WITHIN
        while self.graph.values.get(DiagnosticKey.STATE) not in NORMAL:
            self._tick(SLICE)
            if time.monotonic() > deadline:
                raise SpeechGestureError(f"the gesture node did not begin: {self.gesture.last_words()}")
        self._begun = time.monotonic()
        self._meters = Meters(self.graph, self.gesture.pid)

    def start_player(self) -> None:
        """A new speech player, after the old one has ended."""
        self._processes = [p for p in self._processes if p.module != "wav_player_node"]
        self.player = self._start(
            "wav_player_node",
            {
                "file": str(self._audio),
                "loop": True,
                "message_type": "std_msgs/msg/UInt8MultiArray",
                "sample_format": AUDIO_FORMAT,
                "--remap": "audio:=audio_raw",
            },
        )

    def _start(self, module: str, parameters: dict[str, Any]) -> NodeProcess:
        self._processes.append(NodeProcess(module, parameters, self._ros))
        return self._processes[-1]

    def problem(self, sentence: str) -> None:
        """Something is wrong that no fault should cause."""
        self._problems.append(f"at {self._now():.0f} s: {sentence}")

    def held(self, process: NodeProcess, begin: float, end: float) -> None:
        """A process was stopped on purpose (Unix time, s)."""
        if self._meters is not None and process is self.gesture:
            self._meters.hold_ups.stopped(begin, end)

    def end(self) -> dict[str, Any]:
        """Stop everything; the figures."""
        from speech_gesture_pkg.cli.common import machine

        seconds = self._now()
        measured = self._meters.figures(seconds) if self._meters is not None else {}
        stop_all(self._processes)
        self.graph.close()
        guarantees = self._guarantees.close()
        self._log.close()
        said = {p.module: p.output() for p in self._processes}
        result: dict[str, Any] = {
            "machine": machine(),
            "minutes": seconds / 60.0,
            "seed": self._seed,
            "fault_every_s": self._options.fault_every,
            "generator": self._config.generator.name,
            "robot": self._urdf.stem,
            "ended_early": self.ended_early,
            "guarantees": guarantees.as_dict(),
            "poses": self._guarantees.poses,
            "begun_anew": self._anew,
            "unchecked": self._guarantees.unchecked,
            "least_lead_ms": 1e3 * self.graph.lead,
            **measured,
            "kinds": self._outcomes.rows(),
            "problems": self._problems,
            "log_lines": len(said.get("gesture_node", "").splitlines()),
            "controllers": controllers_text(said.get("sim_robot_node", "")),
        }
        return result | {"wrong": judge(result)}

    # --- the run --------------------------------------------------------------------------------------------------

    def run(self, kinds: Sequence[Fault], seconds: float, every: float) -> None:
        """Faults, one after the other, for so long."""
        self._kinds = len(kinds)
        pauses = random.Random(self._seed + 1)
        due = every / 2.0
        for fault, rng in sequence(self._seed, kinds):
            while self._now() < min(due, seconds):
                self._tick(SLICE)
            if self._now() >= seconds:
                return
            self._inject(fault, rng)
            due = max(due + every * pauses.uniform(0.75, 1.25), self._now() + every / 4.0)

    def _inject(self, fault: Fault, rng: random.Random) -> None:
        assert self._meters is not None
        begin = self._now()
        self._meters.fault()
        states: list[str] = []
        still: float | None = None
        steps = fault.run(self, rng)
        ended: float | None = None
        wake = begin
        back: float | None = None
        try:
            while back is None and self._now() < begin + 60.0 + BACK_WITHIN:
                if ended is None and self._now() >= wake:
                    try:
                        wake = self._now() + next(steps)
                    except StopIteration:
                        ended = self._now()
                        self.graph.values = {}
                self._tick(min(SLICE, max(wake - self._now(), 1e-3)) if ended is None else SLICE)
                state = self.graph.values.get(DiagnosticKey.STATE, "")
                if state and state not in states:
                    states.append(state)
                if fault.stops and still is None and self._meters.stands():
                    still = self._now() - begin
                if ended is not None and self._normal(state):
                    back = self._now() - ended
                if ended is not None and self._now() - ended > BACK_WITHIN:
                    break
        finally:
            steps.close()
            self._meters.clean(self._now())
        self._judge(fault, begin, states, still, ended, back)

    def _judge(
        self,
        fault: Fault,
        begin: float,
        states: list[str],
        still: float | None,
        ended: float | None,
        back: float | None,
    ) -> None:
        kind = self._outcomes.kinds[fault.name]
        kind.count += 1
        kind.states.update(states)
        failed = False
        if fault.stops:
            if still is not None:
                kind.still.append(still)
            if still is None or still > STOP_WITHIN:
                failed = True
                self.problem(f"{fault.name}: the robot did not stand still within {STOP_WITHIN:g} s ({still})")
        if back is not None:
            kind.back.append(back)
        else:
            failed = True
            self.problem(f"{fault.name}: no normal motion within {BACK_WITHIN:g} s after its end (states {states})")
        kind.failed += failed
        if self._meters is not None and len(self._outcomes.kinds) == self._kinds:
            memory = self._meters.memory
            memory.all_seen = min(memory.all_seen, self._now())
        told = {"kind": fault.name, "at_s": begin, "lasted_s": (ended or self._now()) - begin, "states": states}
        found = self._guarantees.report()
        told |= {"still_after_s": still, "back_after_s": back, "broken": dict(found.broken), "latest": found.latest}
        self._log.write(json.dumps(told) + "\n")
        self._log.flush()

    def _normal(self, state: str) -> bool:
        return state in (*NORMAL, "resting") and state == self.graph.values.get(DiagnosticKey.STATE)

    def _now(self) -> float:
        return time.monotonic() - self._begun

    def _tick(self, seconds: float) -> None:
        """Let messages pass for so long, then look at everything."""
        self.graph.spin(seconds)
        for process in self._processes:
            if process.module != "wav_player_node":
                process.check()
                if not process.running():
                    raise SpeechGestureError(f"{process.module} ended: {process.last_words()}")
        now = time.monotonic()
        if now > self._due["pose"] and len(self.graph.position):
            self._due["pose"] = now + POSE_S
            self._guarantees.pose(self.graph.joint_names, self.graph.position)
        if self._meters is not None:
            self._meters.look(self._now())
        if sys.stderr.isatty() and now > self._due["told"]:
            self._due["told"] = now + 1.0
            self._progress()

    def _on_window(self, message: Any) -> None:
        """A window of the gesture node. After somebody else's, or where the robot stands elsewhere than it was sent
        to, it begins from there."""
        if self._resumes(message) and (message.topic in self.graph.foreign or self._from_elsewhere(message)):
            self.graph.foreign.discard(message.topic)
            self._guarantees.moved(message.topic, self.graph.joint_names, self.graph.position)
        begin, self._ends[message.topic] = _span(message.data)
        if message.data.points:
            self._rests[message.topic] = np.array(message.data.points[-1].positions)
        new = begin if begin > message.received else begin + PAST + self._config.trajectory.lead
        if message.received >= new and self._meters is not None:
            self._meters.hold_ups.late(new, message.received)
        self._guarantees.window(message)

    def _from_elsewhere(self, message: Any) -> bool:
        """Whether the node begins anew where the robot measurably stands, and not where its own motion had ended."""
        points, rest = message.data.points, self._rests.get(message.topic)
        if not points or rest is None or self._meters is None or not self._meters.stands():
            return False
        first = np.array(points[0].positions)
        known = dict(zip(self.graph.joint_names, self.graph.position.tolist(), strict=True))
        here = np.array([known[n] for n in message.data.joint_names])
        anew = bool(np.abs(first - rest).max() > NEAR and np.abs(first - here).max() < NEAR)
        self._anew += anew
        return anew

    def _resumes(self, message: Any) -> bool:
        """Whether the gesture node's own motion had ended before this window."""
        return _span(message.data)[0] > self._ends.get(message.topic, 0.0)

    def _progress(self) -> None:
        minutes, faults = self._now() / 60.0, sum(k.count for k in self._outcomes.kinds.values())
        found = self._guarantees.report()
        memory = self._meters.memory.rss if self._meters else []
        rss = f"{memory[-1]:.1f} MB" if memory else ""
        text = (
            f"{minutes:5.1f} of {self._options.minutes:g} min, {faults} faults, {found.messages} windows, "
            f"{sum(found.broken.values())} broken, {rss}, {self.graph.values.get(DiagnosticKey.STATE, '')}"
        )
        print(f"\r{text:<110}", end="", file=sys.stderr, flush=True)


def _span(data: Any) -> tuple[float, float]:
    """When a trajectory message begins and ends, s."""
    stamp = data.header.stamp
    last = data.points[-1].time_from_start if data.points else None
    begin = stamp.sec + stamp.nanosec * 1e-9
    return begin, begin + (last.sec + last.nanosec * 1e-9 if last else 0.0)
