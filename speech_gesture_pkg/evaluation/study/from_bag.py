"""Material from a bag: what was recorded, and the same sound through the pipeline again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from speech_gesture_pkg.assembly import Robot
from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.body.motion import MotionFrames
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.evaluation.bag import read_bag, stamp_seconds
from speech_gesture_pkg.evaluation.bag_content import SMPLX, BagContent, read_content
from speech_gesture_pkg.evaluation.metrics.take import Take
from speech_gesture_pkg.evaluation.promise import TRAJECTORY, sampled
from speech_gesture_pkg.evaluation.quintic import SampledTrajectory
from speech_gesture_pkg.evaluation.study.commanded import commanded
from speech_gesture_pkg.evaluation.study.material import EMPTY, Material, cut, speech_features, with_robot
from speech_gesture_pkg.evaluation.study.robot_body import RobotBody
from speech_gesture_pkg.evaluation.tracking import check_tracking
from speech_gesture_pkg.runtime.bags import Bag
from speech_gesture_pkg.trajectory.robot_trajectory import RobotTrajectory

DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"
KINDS = (TRAJECTORY, DIAGNOSTICS, SMPLX)
SOON = 0.25
"""A window so long after the last audio message is idle motion, not an answer to it, s."""


@dataclass
class Recording:
    """A bag, read.

    Attributes:
        content: motion, joints, audio and URDF.
        windows: trajectory topic -> its windows in the order of sending; bag clock less `epoch`.
        joints: topic -> joint names.
        sent: reception of each window, same clock; by topic.
        heard: reception of each audio message, same clock.
        epoch: s.
        diagnostics: the gesture node's last figures while it was active.
        offsets: reception (same clock), and by how much the motion followed its sound then, s.
        stamps: play times of the human's frames, same clock.
        warnings: sentences on what could not be read.
    """

    content: BagContent
    windows: dict[str, list[SampledTrajectory]] = field(default_factory=lambda: defaultdict(list))
    joints: dict[str, list[str]] = field(default_factory=dict)
    sent: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    heard: list[float] = field(default_factory=list)
    epoch: float = 0.0
    diagnostics: dict[str, str] = field(default_factory=dict)
    offsets: list[tuple[float, float]] = field(default_factory=list)
    stamps: list[float] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def figure(self, name: str) -> float:
        """A number of the diagnostics; NaN if it is not there."""
        try:
            return float(self.diagnostics.get(name, "nan"))
        except ValueError:
            return float("nan")


def read_recording(path: Path, config: GestureConfig, audio_topic: str = "") -> Recording:
    """Read everything that evaluation uses. Raises InputError for no bag, or one with nothing to judge."""
    audio = config.audio
    content = read_content(path, audio.sample_rate, audio.channels, audio.sample_format, audio_topic)
    found = Recording(content, warnings=list(content.warnings))
    if content.damage:
        found.warnings.append(content.damage)
    bad = 0
    with Bag(path) as bag:
        wanted = tuple(t.name for t in bag.topics if t.type_name in KINDS or t.name == content.audio_topic)
    for message in read_bag(path, topics=wanted) if wanted else ():
        kind, received = message.type_name, message.received
        if not found.epoch:
            found.epoch = float(round(received))
        if kind == TRAJECTORY and message.data.points:
            try:
                window = sampled(message, int(found.epoch) * 10**9)
            except InputError:
                bad += 1
                continue
            joints = found.joints.setdefault(message.topic, list(message.data.joint_names))
            if joints == list(message.data.joint_names) and np.isfinite(window.position).all():
                found.windows[message.topic].append(window)
                found.sent[message.topic].append(received - found.epoch)
        elif kind == DIAGNOSTICS:
            for status in message.data.status:
                values = {v.key: v.value for v in status.values}
                if values.get("frames", "0") != "0":
                    found.diagnostics = values
                    if np.isfinite(offset := found.figure("motion after sound [ms]") / 1e3):
                        found.offsets.append((received - found.epoch, offset))
        elif kind == SMPLX and "pelvis" in message.data.joint_names:
            found.stamps.append(stamp_seconds(message.data.header.stamp) - found.epoch)
        elif message.topic == content.audio_topic:
            found.heard.append(received - found.epoch)
    if bad:
        found.warnings.append(f"{bad} trajectory messages lack positions, velocities or accelerations")
    if content.motion is None and not found.windows and content.joints is None:
        raise InputError(
            f"bag {path} holds neither SMPL-X motion nor joint trajectories nor joint states: nothing to evaluate"
            + ("; --rerun makes motion from its audio" if content.audio is not None else "")
        )
    return found


def recorded_material(
    path: Path, recording: Recording, config: GestureConfig, robot: Robot, body: RobotBody
) -> Material:
    """What the bag shows, on the clock of its sound (on its own where it has none)."""
    content = recording.content
    warnings = list(recording.warnings)
    audio, origin = content.audio, recording.epoch
    if audio is None:
        warnings.append("the bag has no audio that can be read: nothing is judged against speech")
        starts = [content.motion.start] if content.motion is not None else [origin]
        origin = starts[0]
    else:
        origin = audio.start
        audio = AudioChunk(audio.samples, 0.0)
    motion, offset = EMPTY, 0.0
    if content.motion is not None:
        if not recording.offsets:
            warnings.append("the bag does not say how long after its sound the motion was played: judged as played")
        drawn, offset = _as_drawn(content.motion, recording, warnings)
        drawn = replace(drawn, start=drawn.start - origin)
        motion = cut(drawn, 0.0, audio.duration) if audio is not None else drawn
    take = Take(motion, speech=speech_features(audio) if audio is not None else None)
    material = Material(take, audio, offset, timings=_timings(recording, audio), warnings=warnings)
    if content.motion is None:
        material.excuses["*motion"] = "the bag holds no SMPL-X motion (topic ~/smplx)"
    trajectory = _trajectory(recording, origin)
    if trajectory is None:
        material.excuses["*robot"] = "the bag holds no joint trajectories and no joint states"
        return material
    shown = _shown(content.motion, origin) if content.motion is not None else None
    return with_robot(material, robot, body, trajectory, config, shown, _more(path, recording, material))


def _as_drawn(motion: MotionFrames, recording: Recording, warnings: list[str]) -> tuple[MotionFrames, float]:
    """The played motion on the clock of its sound, and how much later it was played (the median), s.

    A node that finds itself late puts its motion off. The diagnostics (1 Hz) say by how much, the frames say when: at
    the widest gap between two of them since the last diagnostics.
    """
    steps = [(-np.inf, recording.offsets[0][1] if recording.offsets else 0.0)]
    stamps = np.array(recording.stamps)
    for (before, old), (after, new) in pairwise(recording.offsets):
        near = np.flatnonzero((stamps[1:] > before) & (stamps[1:] < after + new))
        if abs(new - old) > 1e-3 and len(near):
            widest = near[int(np.argmin(np.abs(np.diff(stamps)[near] - 1.0 / motion.fps - (new - old))))]
            steps.append((float(stamps[widest + 1]), new))
    times, offsets = (np.array(x) for x in zip(*steps, strict=True))
    played = motion.times - recording.epoch
    sound = played - offsets[np.searchsorted(times, played + 1e-6, side="right") - 1]
    if len(set(np.round(offsets, 3))) > 1:
        warnings.append(
            f"the node was late and put its motion off: it followed its sound by {1e3 * offsets[0]:.0f} ms at first, "
            f"{1e3 * offsets[-1]:.0f} ms at the end"
        )
    grid = sound[0] + np.arange(int((sound.max() - sound[0]) * motion.fps + 1e-6) + 1) / motion.fps
    nearest = np.clip(np.searchsorted(np.maximum.accumulate(sound), grid - 0.5 / motion.fps), 0, len(sound) - 1)
    keys = ("poses", "translation", "expression", "face", "phase", "valid")
    moved = replace(motion, start=float(grid[0]) + recording.epoch, **{k: getattr(motion, k)[nearest] for k in keys})
    return moved, float(np.median(played - sound))


def _trajectory(recording: Recording, origin: float) -> RobotTrajectory | None:
    """Commanded motion; measured joints if nothing was commanded."""
    if recording.windows:
        motion = commanded(recording.windows, recording.joints)
        return replace(motion, time=motion.time + (recording.epoch - origin))
    measured = recording.content.joints
    if measured is None:
        return None
    recording.warnings.append("nothing was commanded; the measured joints are judged")
    return replace(measured, time=measured.time - origin)


def _shown(motion: MotionFrames, origin: float) -> tuple[np.ndarray, MotionFrames]:
    return motion.times - origin, motion


def _more(path: Path, recording: Recording, material: Material) -> dict[str, object]:
    """Latency, lead, speed and tracking."""
    more: dict[str, object] = {}
    if recording.windows:
        topic = min(recording.windows)
        sent = np.array(recording.sent[topic])
        more["lead"] = np.array([w.times[0] for w in recording.windows[topic]]) - sent
        if (answers := _answers(recording.heard, sent)).size:
            more["latency"] = answers
    factor = recording.figure("real-time factor")
    if np.isfinite(factor):
        more |= {"audio_seconds": factor, "busy_seconds": 1.0}
    try:
        tracking = check_tracking(path)
        more |= {"tracking_error": tracking.error, "tracking_delay": tracking.delay}
    except InputError as e:
        material.excuses |= {n: str(e) for n in ("robot_tracking_error", "robot_tracking_delay")}
    return more


def _answers(heard: Sequence[float], sent: np.ndarray) -> np.ndarray:
    """Time from the last audio message before each window to that window, while audio comes, s."""
    arrived = np.sort(np.array(heard))
    index = np.searchsorted(arrived, sent, side="right") - 1
    since = sent[index >= 0] - arrived[index[index >= 0]]
    return since[since < SOON]


def _timings(recording: Recording, audio: AudioChunk | None) -> dict[str, float]:
    figures = {
        "audio_s": audio.duration if audio is not None else float("nan"),
        "real_time_factor": recording.figure("real-time factor"),
        "latency_p50_ms": recording.figure("latency p50 [ms]"),
        "latency_p99_ms": recording.figure("latency p99 [ms]"),
        "limited_percent": recording.figure("limited [%]"),
        "late_frames": recording.figure("late frames"),
    }
    return {k: v for k, v in figures.items() if np.isfinite(v)}
