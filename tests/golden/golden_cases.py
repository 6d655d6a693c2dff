"""The cases of the golden outputs: what is run, and how closely it must come out as it did.

Each case makes a table of named outputs: arrays, numbers or texts. Everything that a robot or a reader of figures gets
to see is there; times that the machine takes are not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
if (helpers := str(HERE.parent / "helpers")) not in sys.path:
    sys.path.insert(0, helpers)

import adapter  # noqa: E402
from bag_writing import BagWriter, int16_audio, joint_state, trajectory  # noqa: E402
from golden_store import ROWS, Outputs  # noqa: E402

NUMERIC = 1e-5
"""For what goes through BLAS, onnxruntime or vector units: these round differently on another CPU."""
TINY = 1e-12
"""The same in double precision, where little is computed."""
BAGS = HERE / "bags"
SPEECH_BEGINS = 0.4
RETARGETED = ("demo", "hands", "grippers", "platform")
LEARNED = ("speechcat", "diffsheg")
TIMINGS = {"ahead": 0.01, "blended": 0.002}
"""Where windows begin, other than by default in the past -> control cycle of the controllers, s."""
TWO_JOINTS = """<robot name="two">
  <joint name="shoulder" type="revolute"><limit lower="-1" upper="1" velocity="2" effort="1"/></joint>
  <joint name="elbow" type="revolute"><limit lower="0" upper="2" velocity="2" effort="1"/></joint>
</robot>"""


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        make: its outputs.
        about: what it is, in a line.
        atol: by which numbers may differ from the frozen ones; 0 = equal to the last bit.
        rows: so many are kept of longer tables.
        needs: optional package without which it cannot run.
    """

    make: Callable[[], Outputs]
    about: str
    atol: float = 0.0
    rows: int = ROWS
    needs: str = ""


def _text(plain: Any) -> str:
    """Plain data as text, a line for each entry."""
    return json.dumps(plain, indent=1, default=list)


def _prefixed(name: str, outputs: Mapping[str, Any]) -> Outputs:
    return {f"{name}/{key}": value for key, value in outputs.items()}


def _flat(name: str, plain: Any) -> Outputs:
    """Nested plain data as numbers and texts by path."""
    if isinstance(plain, Mapping):
        return {k: v for key, value in plain.items() for k, v in _flat(f"{name}/{key}", value).items()}
    if isinstance(plain, list | tuple):
        return {k: v for i, value in enumerate(plain) for k, v in _flat(f"{name}/{i}", value).items()}
    return {name: float(plain) if isinstance(plain, float | int) and not isinstance(plain, bool) else str(plain)}


# --- speech to motion -------------------------------------------------------------------------------------------------


def speech_features() -> Outputs:
    """Two seconds in messages of 32 ms."""
    return dict(adapter.features(adapter.speech(2.0, SPEECH_BEGINS), adapter.CHUNK))


def generated(name: str, seeds: tuple[int, ...], seconds: float) -> Outputs:
    """Motion of a generator for several seeds."""
    found: Outputs = {}
    for seed in seeds:
        motion, counts = adapter.stream(adapter.speech(seconds, SPEECH_BEGINS), seed, generator__name=name)
        found |= _prefixed(f"seed_{seed}", adapter.motion_arrays(motion) | {"counts": np.array(counts)})
    return found


# --- the pipeline -----------------------------------------------------------------------------------------------------


@cache
def demo_run() -> adapter.OfflineRun:
    """Six seconds on the demo humanoid."""
    return adapter.offline("demo", adapter.speech(6.0))


def windows_of(run: adapter.OfflineRun) -> Outputs:
    """Every window that was sent, the windows of a controller behind each other, and what came with them."""
    found: Outputs = {"sent": _nanoseconds(run.sent), "played": _nanoseconds([time for time, _ in run.frames])}
    for name, windows in run.windows.items():
        rows = {key: np.concatenate([getattr(w, key) for w in windows]) for key in ("position", "velocity")}
        rows["acceleration"] = np.concatenate([w.acceleration for w in windows])
        rows["time_from_start"] = np.concatenate([w.time_from_start for w in windows])[:, None]
        rows |= {key: _nanoseconds([getattr(w, key) for w in windows]) for key in ("stamp", "send_by")}
        rows["points"] = np.array([len(w.position) for w in windows])
        rows["joints"] = np.array(sorted({", ".join(w.joint_names) for w in windows}))
        found |= _prefixed(name, rows)
    found["commanded"] = run.joints.position
    return found | {"told": _text(adapter.totals(run))}


def _nanoseconds(seconds: Sequence[float]) -> np.ndarray:
    """Times as they are sent, whole numbers."""
    return np.round(np.array(seconds) * 1e9).astype(np.int64)


def trajectories(begin: str, seconds: float, **values: Any) -> Outputs:
    """Windows of the first seconds of the demo's speech."""
    samples = adapter.speech(seconds)
    return windows_of(adapter.offline("demo", samples, begin.upper(), TIMINGS.get(begin, 0.01), **values))


# --- robots -----------------------------------------------------------------------------------------------------------


@cache
def four_seconds() -> adapter.MotionFrames:
    """Motion by rule, for robots to follow."""
    return adapter.stream(adapter.speech(4.3, SPEECH_BEGINS), 3)[0]


@cache
def wild_motion() -> adapter.MotionFrames:
    """Three seconds in which every joint of the upper body swings far: arms meet each other, the body and limits."""
    rng, t = np.random.default_rng(14), np.arange(90)[:, None, None] / 30
    swing = rng.uniform(-1.0, 1.0, (55, 3)) * np.array(adapter.SWINGS)[:, None]
    pace, phase = rng.uniform(1.5, 5.0, (2, 55, 3))
    poses = swing * np.sin(pace * t + phase)
    for joint, sign in (("left_elbow", -1.0), ("right_elbow", 1.0)):  # hands in front of the chest
        poses[:, adapter.JOINT_INDEX[joint], 1] += 1.5 * sign
    return adapter.MotionFrames(poses, 30.0)


def retargeted(name: str) -> Outputs:
    """Both motions on a robot."""
    made = adapter.robot(name)[1]
    talk, wild = (adapter.retargeted(made, motion) for motion in (four_seconds(), wild_motion()))
    return talk | _prefixed("wild", {key: value for key, value in wild.items() if key not in ("names", "rest")})


def robot_tables(name: str) -> Outputs:
    """Joint limits and joint map of a robot."""
    tables, plain = adapter.robot_tables(*adapter.robot(name))
    return {**tables, "about": _text(plain)}


# --- bags and figures -------------------------------------------------------------------------------------------------


def committed_bags() -> Outputs:
    """What is read from the bags of this folder, and the verdicts on them."""
    found: Outputs = {}
    for path in sorted(p for p in BAGS.iterdir() if p.is_dir()):
        found |= _prefixed(path.name, adapter.bag_content(path))
        found |= _flat(f"{path.name}/promise", adapter.promise(path, TWO_JOINTS))
        found |= _flat(f"{path.name}/tracking", adapter.tracking(path))
    return found


def wave(t: np.ndarray) -> tuple[np.ndarray, ...]:
    """A smooth motion of two joints [N, 2] and its derivatives."""
    x = np.asarray(t, float)[:, None] * np.array([2.0, 3.0])
    speed = np.array([2.0, 3.0])
    middle = np.array([0.0, 1.0])
    return middle + 0.3 * np.sin(x), 0.3 * speed * np.cos(x), -0.3 * speed**2 * np.sin(x)


def write_wave(path: Path, fault: str = "", late: float = 0.0) -> None:
    """A bag of windows on the wave and joint states that are `late`, s; `fault` is in its windows from the tenth on."""
    names = ("shoulder", "elbow")
    events: list[tuple[float, str, Any]] = []
    for i in range(30):
        begin = 1.0 + 0.1 * i
        times = np.append(np.arange(0.0, 0.2 + 1e-9, 0.05), 0.6)
        p, v, a = wave(begin + times)
        p[-1], v[-1], a[-1] = p[-2] + 0.2 * v[-2], 0.0, 0.0
        if i >= 10:
            p = p + (0.0011 if fault == "jump" and i == 10 else 0.0)
            a = a + (9.0 if fault == "acceleration" else 0.0)
            v = v * (1.3 if fault == "velocity" else 1.0)
            v[-1] = 0.001 if fault == "tail" else 0.0
        sent = begin + (0.02 if fault == "late" and i >= 10 else -0.03)
        events.append((sent, "/arm/joint_trajectory", trajectory(names, begin, times, p, v, a)))
    for k in range(800):
        t = 0.9 + k / 250
        events.append((t + 5e-4, "/joint_states", joint_state(names, t, wave(np.array([t - late]))[0][0])))
    _write(path, events)


def judged_waves() -> Outputs:
    """Verdicts on bags that keep the promise, and that break it in each way."""
    found: Outputs = {}
    limits = {"shoulder": 5.0, "elbow": 5.0}
    with TemporaryDirectory() as folder:
        for fault in ("", "late", "jump", "velocity", "acceleration", "tail"):
            path = Path(folder) / (fault or "good")
            write_wave(path, fault, late=0.004 if fault == "late" else 0.0)
            found |= _flat(f"{path.name}/promise", adapter.promise(path, TWO_JOINTS, limits))
            found |= _flat(f"{path.name}/tracking", adapter.tracking(path))
    return found


def write_run(path: Path) -> None:
    """The demo humanoid's run as a bag: windows 2 ms after they were sent, joint states that are 3 ms late, speech."""
    run, size = demo_run(), adapter.CHUNK
    events: list[tuple[float, str, Any]] = []
    for name, windows in run.windows.items():
        for sent, w in zip(run.sent, windows, strict=True):
            rows = (w.time_from_start, w.position, w.velocity, w.acceleration)
            events.append((sent + 0.002, f"/{name}/joint_trajectory", trajectory(w.joint_names, w.stamp, *rows)))
    for t, q in zip(run.joints.time, run.joints.position, strict=True):
        events.append((t + 0.0035, "/joint_states", joint_state(run.joints.joint_names, t + 0.003, q)))
    samples = (32767 * adapter.speech(6.0)).astype(np.int16)
    for first in range(0, len(samples), size):
        part = samples[first : first + size]
        events.append((101.0 + (first + len(part)) / adapter.RATE, "/audio", int16_audio(part)))
    _write(path, events)


def _write(path: Path, events: list[tuple[float, str, Any]]) -> None:
    with BagWriter(path) as writer:
        for received, topic, message in sorted(events, key=lambda e: e[0]):
            writer.write(topic, message, received)


def judged_run() -> Outputs:
    """The demo humanoid's run, recorded and judged: the promise, what controllers execute, tracking, content."""
    urdf, arms = adapter.urdf_of(adapter.robot("demo")[1])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        write_run(path)
        found = _flat("promise", adapter.promise(path, urdf, arms=arms, link_speed=1.5, rates=(50.0,)))
        return found | _flat("tracking", adapter.tracking(path)) | _prefixed("content", adapter.bag_content(path))


@cache
def evaluated() -> adapter.Material:
    """Eight seconds of speech on the demo humanoid, to be measured."""
    return adapter.evaluated("demo", adapter.speech(8.0), seed=1)


def metrics() -> Outputs:
    """Every metric of `evaluate` for one motion."""
    return dict(adapter.figures(evaluated()))


CASES: dict[str, Case] = {
    "features": Case(speech_features, "mel bands, energy, onsets and pitch of two seconds", NUMERIC),
    "motion_prosody": Case(partial(generated, "prosody", (0, 7), 5.0), "motion by rule", NUMERIC, rows=14),
    **{
        f"motion_{name}": Case(
            partial(generated, name, (0, 7), 4.0), f"motion of the {name} starter model", NUMERIC, 14, "onnxruntime"
        )
        for name in LEARNED
    },
    "trajectories": Case(lambda: windows_of(demo_run()), "windows of six seconds, as by default", NUMERIC, rows=32),
    **{
        f"trajectories_{begin}": Case(
            partial(trajectories, begin, 3.0), f"windows of three seconds that begin {begin}", NUMERIC, rows=30
        )
        for begin in TIMINGS
    },
    "trajectories_delay": Case(
        partial(trajectories, "", 3.0, sync__mode="delay"), "windows of three seconds, audio delayed", NUMERIC, rows=30
    ),
    **{
        f"retarget_{name}": Case(partial(retargeted, name), f"motion by rule on the robot {name}", NUMERIC, rows=25)
        for name in RETARGETED
    },
    **{
        f"robot_{name}": Case(partial(robot_tables, name), f"joint limits and joint map of the robot {name}", TINY)
        for name in RETARGETED
    },
    "bags": Case(committed_bags, "content of the bags of this folder, and verdicts on them"),
    "bags_waves": Case(judged_waves, "verdicts on bags that keep or break the promise"),
    "bags_run": Case(judged_run, "the six seconds recorded and judged", NUMERIC),
    "metrics": Case(metrics, "every metric of one motion", NUMERIC),
    "latents": Case(
        lambda: dict(adapter.latents(evaluated())), "the motion in the bundled autoencoder", 5e-5, needs="torch"
    ),
}
