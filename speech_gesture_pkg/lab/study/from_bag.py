"""Samples from a bag: what was recorded, and the same sound through the pipeline again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.bags.messages import read_bag, stamp_seconds
from speech_gesture_pkg.bags.reader import Bag
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.sample import MetricInput
from speech_gesture_pkg.lab.study.commanded import commanded
from speech_gesture_pkg.lab.study.robot_body import RobotBody
from speech_gesture_pkg.lab.study.sample import EMPTY, EvaluationSample, cut, speech_features, with_robot
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.pipeline.build import Robot
from speech_gesture_pkg.pipeline.diagnostic_keys import WINDOW_TOO_LATE, DiagnosticKey, dropped
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.verification.bag_content import SMPLX, BagContent, read_content
from speech_gesture_pkg.verification.bag_windows import TRAJECTORY, Windows
from speech_gesture_pkg.verification.quintic import SampledTrajectory
from speech_gesture_pkg.verification.tracking import check_tracking

DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"
KINDS = (TRAJECTORY, DIAGNOSTICS, SMPLX)
SOON = 0.25
"""A window so long after the last audio message is idle motion, not an answer to it, s."""
SETTLED = 0.1
"""So long after the first audio message the diagnostics speak of the motion that belongs to it, s."""
UNSENT = dropped(WINDOW_TOO_LATE)
"""Label of the diagnostics."""
STALL = 0.2
"""Silence put into speech that is worth a warning, s: a node takes audio that stays away for 0.25 s for silence."""


@dataclass
class BagRecording:
    """A bag, read.

    Attributes:
        content: motion, joints, audio and URDF.
        windows: trajectory topic -> its windows in the order of sending; bag clock less `epoch`.
        joints: topic -> joint names.
        sent: reception of each window, same clock; by topic.
        audio_received: reception of each audio message, same clock.
        epoch: s.
        diagnostics: the gesture node's last figures while it was active.
        offsets: reception (same clock), and by how much the motion followed its sound then, s.
        silences: reception, and how much silence the node had put in where audio stayed away, s.
        unsent: reception, and how many windows the node had not sent because it was too late for them.
        fallback: reception, and whether the fall-back was in charge.
        stamps: play times of the human's frames, same clock.
        warnings: sentences on what could not be read.
    """

    content: BagContent
    windows: dict[str, list[SampledTrajectory]] = field(default_factory=lambda: defaultdict(list))
    joints: dict[str, list[str]] = field(default_factory=dict)
    sent: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    audio_received: list[float] = field(default_factory=list)
    epoch: float = 0.0
    diagnostics: dict[str, str] = field(default_factory=dict)
    offsets: list[tuple[float, float]] = field(default_factory=list)
    silences: list[tuple[float, float]] = field(default_factory=list)
    unsent: list[tuple[float, float]] = field(default_factory=list)
    fallback: list[tuple[float, bool]] = field(default_factory=list)
    stamps: list[float] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def figure(self, name: str, absent: float = float("nan")) -> float:
        """A number of the diagnostics; `absent` if it is not there."""
        try:
            return float(self.diagnostics.get(name, absent))
        except ValueError:
            return absent


def read_recording(path: Path, config: GestureConfig, audio_topic: str = "") -> BagRecording:
    """Read everything that evaluation uses. Raises InputError for no bag, or one with nothing to judge."""
    audio = config.audio
    content = read_content(path, audio.sample_rate, audio.channels, audio.sample_format, audio_topic)
    found = BagRecording(content, warnings=list(content.warnings))
    if content.damage:
        found.warnings.append(content.damage)
    windows = Windows()
    with Bag(path) as bag:
        wanted = tuple(t.name for t in bag.topics if t.type_name in KINDS or t.name == content.audio_topic)
    for message in read_bag(path, topics=wanted) if wanted else ():
        kind, received = message.type_name, message.received
        if not found.epoch:
            found.epoch = float(round(received))
            windows.epoch = int(found.epoch) * 10**9
        if kind == TRAJECTORY:
            windows.add(message)
        elif kind == DIAGNOSTICS:
            for status in message.data.status:
                values = {v.key: v.value for v in status.values}
                if values.get(DiagnosticKey.FRAMES, "0") != "0":
                    found.diagnostics = values
                    if np.isfinite(offset := found.figure(DiagnosticKey.OFFSET) / 1e3):
                        found.offsets.append((received - found.epoch, offset))
                    if np.isfinite(silence := found.figure(DiagnosticKey.SILENCE)):
                        found.silences.append((received - found.epoch, silence))
                    active = values.get(DiagnosticKey.FALLBACK) == "active"
                    found.fallback.append((received - found.epoch, active))
                    found.unsent.append((received - found.epoch, found.figure(UNSENT, 0.0)))
        elif kind == SMPLX and "pelvis" in message.data.joint_names:
            found.stamps.append(stamp_seconds(message.data.header.stamp) - found.epoch)
        elif message.topic == content.audio_topic:
            found.audio_received.append(received - found.epoch)
    windows.settle()
    found.windows, found.joints, found.sent = windows.sent, windows.joints, windows.received
    if windows.left_out:
        found.warnings.append(
            f"{windows.left_out} trajectory messages are left out: fewer than two points with finite position, "
            "velocity and acceleration, or a stamp of another clock"
        )
    if content.motion is None and not found.windows and content.joints is None:
        raise InputError(
            f"bag {path} holds neither SMPL-X motion nor joint trajectories nor joint states: nothing to evaluate"
            + ("; --rerun makes motion from its audio" if content.audio is not None else "")
        )
    return found


def recorded_sample(
    path: Path, recording: BagRecording, config: GestureConfig, robot: Robot, body: RobotBody
) -> EvaluationSample:
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
        drawn = replace(drawn, start=_counted(drawn.start - origin, drawn.fps, content.about))
        motion = cut(drawn, 0.0, audio.duration) if audio is not None else drawn
    warnings += _stalls(recording)
    take = MetricInput(motion, speech=speech_features(audio) if audio is not None else None)
    sample = EvaluationSample(take, audio, offset, timings=_timings(recording, audio), warnings=warnings)
    sample.fallback_share = _fallback_share(recording)
    if sample.fallback_share > 0.0:
        name = recording.diagnostics.get(DiagnosticKey.GENERATOR, "another generator")
        warnings.append(f"the fall-back ({name}) was in charge for {100 * sample.fallback_share:.0f} % of the speech")
    if content.motion is None:
        sample.no_figure["*motion"] = "the bag holds no SMPL-X motion (topic ~/smplx)"
    trajectory = _trajectory(recording, origin)
    if trajectory is None:
        sample.no_figure["*robot"] = "the bag holds no joint trajectories and no joint states"
        return sample
    shown = _shown(content.motion, origin) if content.motion is not None else None
    return with_robot(sample, robot, body, trajectory, config, shown, _more(path, recording, sample))


def _as_drawn(motion: MotionFrames, recording: BagRecording, warnings: list[str]) -> tuple[MotionFrames, float]:
    """The played motion on the clock of its sound, and how much later it was played (the median), s.

    A node that finds itself late puts its motion off. The diagnostics (1 Hz) say by how much, the frames say when: at
    the widest gap between two of them since the last diagnostics.
    """
    known = _offsets(recording)
    steps = [(-np.inf, known[0][1] if known else 0.0)]
    stamps = np.array(recording.stamps)
    for (before, old), (after, new) in pairwise(known):
        near = np.flatnonzero((stamps[1:] > before) & (stamps[1:] < after + new))
        if abs(new - old) > 1e-3 and len(near):
            widest = near[int(np.argmin(np.abs(np.diff(stamps)[near] - 1.0 / motion.fps - (new - old))))]
            steps.append((float(stamps[widest + 1]), new))
    times, offsets = (np.array(x) for x in zip(*steps, strict=True))

    def sound_time(played: np.ndarray) -> np.ndarray:
        return played - offsets[np.searchsorted(times, played + 1e-6, side="right") - 1]

    played = motion.times - recording.epoch
    sound = sound_time(played)
    warnings += _left_out(sound_time(stamps), recording, motion.fps)
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


def _offsets(recording: BagRecording) -> list[tuple[float, float]]:
    """What the diagnostics say of the motion to this sound: before it came they speak of what was before it."""
    first = recording.audio_received[0] + SETTLED if recording.audio_received else -np.inf
    return [known for known in recording.offsets if known[0] >= first] or recording.offsets[-1:]


def _counted(start: float, fps: float, about: Mapping[str, Any]) -> float:
    """Time of the first frame after the first sample of the speech, s.

    Receptions give it to a few milliseconds. In a run of `evaluate` the generator began with the first sample that was
    recorded: its frames are counted from there.
    """
    if "silence_before" not in about:
        return start
    begin = -float(about["silence_before"])
    return begin + round((start - begin) * fps) / fps


def _left_out(sound: np.ndarray, recording: BagRecording, fps: float) -> list[str]:
    """A sentence on frames of the speech that were not played, if any; `sound`: when each one's sound was, s."""
    audio = recording.content.audio
    if audio is None or len(sound) < 2:
        return []
    begin = audio.start - recording.epoch
    steps = np.diff(sound)[(sound[1:] > begin) & (sound[:-1] < begin + audio.duration)]
    missing = int(np.maximum(np.round(steps * fps) - 1.0, 0.0).sum())
    share = 100.0 * missing / (audio.duration * fps)
    return [f"{missing} frames of the speech ({share:.1f} %) came too late and were left out"] if missing else []


def _stalls(recording: BagRecording) -> list[str]:
    """Sentences on what a busy machine did to the motion that belongs to this sound, if anything."""
    sentences = []
    silence, unsent = _growth(recording, recording.silences), round(_growth(recording, recording.unsent))
    if silence >= STALL:
        sentences.append(f"audio stayed away from the node: it put {silence:.2f} s of silence into the speech")
    if unsent:
        sentences.append(f"{unsent} trajectory windows were too late to be sent: the robot braked for a moment")
    return sentences


def _fallback_share(recording: BagRecording) -> float:
    """Share of the diagnostics that were sent while the sound came in and say that the fall-back is in charge."""
    received = recording.audio_received or [-np.inf, np.inf]
    during = [active for time, active in recording.fallback if received[0] <= time <= received[-1] + SETTLED]
    return float(np.mean(during)) if during else 0.0


def _growth(recording: BagRecording, counted: Sequence[tuple[float, float]]) -> float:
    """By how much a figure of the diagnostics grew while the sound came in."""
    if not recording.audio_received:
        return 0.0
    first, last = recording.audio_received[0], recording.audio_received[-1] + SETTLED
    before = [value for time, value in counted if time < first]
    during = [value for time, value in counted if first <= time <= last]
    known = (before[-1:] or during[:1]) + during[-1:]
    return known[-1] - known[0] if known else 0.0


def _trajectory(recording: BagRecording, origin: float) -> RobotTrajectory | None:
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


def _more(path: Path, recording: BagRecording, sample: EvaluationSample) -> dict[str, object]:
    """Latency, lead, speed and tracking."""
    more: dict[str, object] = {}
    if recording.windows:
        topic = min(recording.windows)
        sent = np.array(recording.sent[topic])
        more["lead"] = np.array([w.times[0] for w in recording.windows[topic]]) - sent
        if (answers := _answers(recording.audio_received, sent)).size:
            more["latency"] = answers
    factor = recording.figure(DiagnosticKey.REAL_TIME_FACTOR)
    if np.isfinite(factor):
        more |= {"audio_seconds": factor, "busy_seconds": 1.0}
    try:
        tracking = check_tracking(path)
        more |= {"tracking_error": tracking.error, "tracking_delay": tracking.delay}
    except InputError as e:
        sample.no_figure |= {n: str(e) for n in ("robot_tracking_error", "robot_tracking_delay")}
    return more


def _answers(received: Sequence[float], sent: np.ndarray) -> np.ndarray:
    """Time from the last audio message before each window to that window, while audio comes, s."""
    arrived = np.sort(np.array(received))
    index = np.searchsorted(arrived, sent, side="right") - 1
    since = sent[index >= 0] - arrived[index[index >= 0]]
    return since[since < SOON]


def _timings(recording: BagRecording, audio: AudioChunk | None) -> dict[str, float]:
    figures = {
        "audio_s": audio.duration if audio is not None else float("nan"),
        "real_time_factor": recording.figure(DiagnosticKey.REAL_TIME_FACTOR),
        "latency_p50_ms": recording.figure(DiagnosticKey.LATENCY_P50),
        "latency_p99_ms": recording.figure(DiagnosticKey.LATENCY_P99),
        "limited_percent": recording.figure(DiagnosticKey.LIMITED),
        "late_frames": recording.figure(DiagnosticKey.LATE_FRAMES),
    }
    return {k: v for k, v in figures.items() if np.isfinite(v)}
