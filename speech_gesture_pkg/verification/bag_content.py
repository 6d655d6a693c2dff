"""What a recorded bag shows: the human motion, the robot's joints, the sound, on one clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE, AudioChunk
from speech_gesture_pkg.audio.formats import AudioFormat
from speech_gesture_pkg.audio.message_shapes import AUDIO_INFO
from speech_gesture_pkg.bags.messages import check_span, stamp_seconds
from speech_gesture_pkg.bags.reader import Bag, BagTopic
from speech_gesture_pkg.motion.frames import PHASES, MotionFrames
from speech_gesture_pkg.motion.parts import ARKIT_INDEX, ARKIT_NAMES
from speech_gesture_pkg.motion.skeleton import JOINT_NAMES
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.verification.bag_audio import BagAudio, find_audio_topic
from speech_gesture_pkg.verification.bag_joints import joint_positions

SMPLX = "sensor_msgs/msg/MultiDOFJointState"
JOINT_STATE = "sensor_msgs/msg/JointState"
MARKERS = "visualization_msgs/msg/MarkerArray"
DESCRIPTION = "std_msgs/msg/String"
ABOUT_TOPIC = "/live_run"
"""On it a run through the node reports, as JSON, how much silence it put before and after the speech."""
FPS = 30.0
BACK = 0.05
"""Stamps that go back by more than this are a clock that was set, s."""
AHEAD = 5.0
"""Stamps that run ahead of reception by more than this from one message to the next are one, too, s."""
_SHORTEST = 1e-3
"""Length of a quaternion that is one."""
_LARGEST = 1e6
"""Nothing that a run reports about itself is more."""


@dataclass
class BagContent:
    """Attributes are None where the bag holds nothing of the kind. Times are those of the bag's clock, s.

    Attributes:
        motion: SMPL-X frames from `~/smplx`, with face and phase.
        joints: measured joint motion from `joint_states`.
        audio: the speech, mono 16 kHz; unstamped messages are placed so that none comes before it was received.
        audio_topic: where it is from; '' if the bag has none.
        urdf: from `robot_description`.
        counts: messages by topic.
        damage: what is wrong with a bag that was read as far as it goes; '' for a whole one.
        warnings: sentences on what was left out or is not as it should be.
        about: what a run of `evaluate` through the node says about itself (`ABOUT_TOPIC`); empty for other bags.
    """

    motion: MotionFrames | None = None
    joints: RobotTrajectory | None = None
    audio: AudioChunk | None = None
    audio_topic: str = ""
    urdf: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    damage: str = ""
    warnings: list[str] = field(default_factory=list)
    about: dict[str, float] = field(default_factory=dict)


@dataclass
class _Series:
    """Messages of one kind, reduced to what is needed: reception, stamp, value."""

    received: list[float] = field(default_factory=list)
    stamps: list[float] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, received: float, stamp: Any, value: Any) -> None:
        self.received.append(received)
        self.stamps.append(stamp_seconds(stamp) or received)
        self.values.append(value)

    def jumps(self) -> list[float]:
        """Times of reception at which the stamps jump."""
        if len(self.stamps) < 2:
            return []
        step, waited = np.diff(self.stamps), np.diff(self.received)
        index = np.flatnonzero((step < -BACK) | (step > waited + AHEAD))
        return [self.received[i + 1] for i in index]

    def between(self, begin: float, end: float) -> _Series:
        """What was received in that time."""
        keep = [i for i, t in enumerate(self.received) if begin <= t < end]
        return _Series(*([column[i] for i in keep] for column in (self.received, self.stamps, self.values)))


def read_content(
    path: str | Path,
    sample_rate: int = SAMPLE_RATE,
    channels: int = 1,
    sample_format: str = "S16LE",
    audio_topic: str = "",
) -> BagContent:
    """Read a bag.

    Args:
        path: rosbag2 folder, .mcap or .db3 file.
        sample_rate, channels, sample_format: of audio messages that do not say.
        audio_topic: the topic with the speech; '' finds it.

    Raises:
        InputError: no bag, one without messages, or one with several audio topics.
    """
    with Bag(path) as bag:
        content = BagContent(counts={t.name: t.count for t in bag.topics})
        content.audio_topic = find_audio_topic(path, bag.topics, audio_topic)
        reading = _Reading(bag, content.audio_topic, AudioFormat(sample_rate, channels, sample_format))
        reading.read()
        content.damage = bag.damage
    pieces = reading.pieces()
    begin, end = max(pieces, key=lambda p: p[1] - p[0])
    if len(pieces) > 1:
        content.warnings.append(
            f"the clock of bag {path} was set {len(pieces) - 1} times (a loop or a restart): what was received before "
            f"and after its longest piece of {end - begin:.1f} s is left out"
        )
    smplx, faces, phases = (s.between(begin, end) for s in (reading.smplx, reading.faces, reading.phases))
    content.motion = _motion(smplx, faces, phases)
    if reading.left_out:
        content.warnings.append(f"{reading.left_out} messages of human motion or face are not whole and finite")
    content.joints = _joints(reading.states, begin, end, content.warnings)
    content.urdf, content.about = reading.urdf, reading.about
    if content.audio_topic:
        audio = reading.sound(begin, end)
        content.audio = _without_silence(audio.sound(), reading.about)
        content.warnings += audio.warnings(content.audio_topic)
    return content


class _Reading:
    """One pass over a bag; keeps little of each message."""

    def __init__(self, bag: Bag, audio_topic: str, declared: AudioFormat) -> None:
        self.smplx, self.faces, self.phases = _Series(), _Series(), _Series()
        self.states: dict[str, _Series] = {}
        self.urdf = ""
        self.about: dict[str, float] = {}
        self.left_out = 0
        self._bag, self._audio_topic, self._declared = bag, audio_topic, declared
        self._sounds: list[tuple[float, Any]] = []
        self._infos: dict[str, Any] = {}
        self._takers: dict[str, Callable[[BagTopic, float, Any], None]] = {
            SMPLX: self._take_smplx,
            JOINT_STATE: self._take_joint_state,
            MARKERS: self._take_markers,
            DESCRIPTION: self._take_description,
            AUDIO_INFO: self._take_info,
        }

    def read(self) -> None:
        """The pass."""
        topics = {t.name: t for t in self._bag.topics}
        wanted = [t for t, k in topics.items() if k.type_name in self._takers and not t.endswith("/reference")]
        if self._audio_topic:
            wanted.append(self._audio_topic)
        if not wanted:
            return
        for time_ns, topic, message in self._bag.decoded(wanted):
            if topic == self._audio_topic:
                self._sounds.append((time_ns * 1e-9, message))
            else:
                self._takers[topics[topic].type_name](topics[topic], time_ns * 1e-9, message)

    def pieces(self) -> list[tuple[float, float]]:
        """Times of reception between which no clock was set."""
        jumps = sorted({t for s in (self.smplx, *self.states.values()) for t in s.jumps()})
        merged = [t for i, t in enumerate(jumps) if i == 0 or t - jumps[i - 1] > 1.0]
        if not merged:
            return [(-np.inf, np.inf)]
        ends = [self._bag.start_ns * 1e-9, *merged, self._bag.end_ns * 1e-9 + 1e-3]
        return list(pairwise(ends))

    def sound(self, begin: float, end: float) -> BagAudio:
        """The speech that was received in that time."""
        audio = BagAudio(self._format())
        for received, message in self._sounds:
            if begin <= received < end:
                audio.add(message, received)
        return audio

    def _format(self) -> AudioFormat:
        """As `AudioInfo` beside the audio says, else as declared."""
        folder = self._audio_topic.rpartition("/")[0]
        beside = [m for topic, m in self._infos.items() if topic.rpartition("/")[0] == folder]
        info = next(iter(beside or self._infos.values()), None)
        if info is None:
            return self._declared
        return AudioFormat.from_audio_info(info.sample_rate, info.channels, info.sample_format, info.coding_format)

    def _take_smplx(self, _: BagTopic, received: float, message: Any) -> None:
        names = list(message.joint_names)
        if "pelvis" not in names:
            return
        frame = _frame(names, message.transforms)
        if frame is None:
            self.left_out += 1
        else:
            self.smplx.add(received, message.header.stamp, frame)

    def _take_joint_state(self, topic: BagTopic, received: float, message: Any) -> None:
        names = tuple(message.name)
        if ARKIT_NAMES[0] in names:
            weights = np.zeros(len(ARKIT_NAMES))
            for name, value in zip(names, message.position, strict=False):
                if name in ARKIT_INDEX:
                    weights[ARKIT_INDEX[name]] = value
            if np.isfinite(weights).all():
                self.faces.add(received, message.header.stamp, weights)
            else:
                self.left_out += 1
        elif names:
            series = self.states.setdefault(topic.name, _Series())
            series.add(received, message.header.stamp, (names, message.position))

    def _take_markers(self, _: BagTopic, received: float, message: Any) -> None:
        for marker in message.markers:
            if marker.ns == "gesture_phase":
                if marker.text in PHASES:
                    self.phases.add(received, marker.header.stamp, PHASES.index(marker.text))
                return

    def _take_description(self, topic: BagTopic, received: float, message: Any) -> None:
        if topic.name == ABOUT_TOPIC:
            self.about = _numbers(message.data)
        elif "<robot" in message.data and not self.urdf:
            self.urdf = message.data

    def _take_info(self, topic: BagTopic, received: float, message: Any) -> None:
        if all(hasattr(message, f) for f in ("sample_rate", "channels", "sample_format", "coding_format")):
            self._infos[topic.name] = message


def _frame(names: list[str], transforms: list[Any]) -> tuple[np.ndarray, tuple[float, float, float]] | None:
    """Quaternions [55, 4] (x, y, z, w) and the root's place, m; None if it is not whole and finite."""
    if not set(JOINT_NAMES) <= set(names) or len(transforms) != len(names):
        return None
    order = [names.index(n) for n in JOINT_NAMES]
    turns = [transforms[j].rotation for j in order]
    root = transforms[order[0]].translation
    quaternions, place = np.array([[r.x, r.y, r.z, r.w] for r in turns]), (root.x, root.y, root.z)
    lengths = np.linalg.norm(quaternions, axis=1)
    return (quaternions, place) if np.isfinite([*lengths, *place]).all() and lengths.min() > _SHORTEST else None


def _numbers(text: str) -> dict[str, float]:
    """The finite numbers of a JSON object; none of anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    items = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in items if isinstance(value, (int, float)) and abs(value) < _LARGEST}


def _without_silence(audio: AudioChunk | None, about: dict[str, float]) -> AudioChunk | None:
    """The speech alone, where a run put silence before and after it."""
    if audio is None or not about:
        return audio
    before, after = (round(max(about.get(f"silence_{end}", 0.0), 0.0) * SAMPLE_RATE) for end in ("before", "after"))
    samples = audio.samples[before : max(len(audio.samples) - after, before)]
    return AudioChunk(samples, audio.start + before / SAMPLE_RATE)


def _joints(states: dict[str, _Series], begin: float, end: float, warnings: list[str]) -> RobotTrajectory | None:
    """Of the topic `joint_states`, else of the one with most messages; derivatives are central differences."""
    if not states:
        return None
    called = [n for n in states if n.endswith("/joint_states")]
    topic = max(called or states, key=lambda n: len(states[n].stamps))
    series = states[topic].between(begin, end)
    measured, problem = joint_positions(series.stamps, series.values)
    if problem:
        warnings.append(f"{topic}: {problem}")
    if measured is None:
        return None
    velocity = np.gradient(measured.position, measured.time, axis=0)
    acceleration = np.gradient(velocity, measured.time, axis=0)
    fps = float(1.0 / np.median(np.diff(measured.time)))
    return RobotTrajectory(measured.names, measured.time, measured.position, velocity, acceleration, fps)


def _motion(smplx: _Series, faces: _Series, phases: _Series) -> MotionFrames | None:
    if not smplx.stamps:
        return None
    stamps = np.array(smplx.stamps)
    index = np.round((stamps - stamps[0]) * FPS).astype(int)
    count = int(index.max()) + 1
    check_span("the motion", count / FPS)
    poses = np.zeros((count, len(JOINT_NAMES), 3))
    roots = np.zeros((count, 3))
    known = np.zeros(count, bool)
    for i, (turns, root) in zip(index, smplx.values, strict=True):
        if i >= 0:
            poses[i] = Rotation.from_quat(turns).as_rotvec()
            roots[i] = root
            known[i] = True
    held = np.maximum.accumulate(np.where(known, np.arange(count), 0))
    face = np.zeros((count, len(ARKIT_NAMES)))
    phase = np.zeros(count, np.uint8)
    for target, series in ((face, faces), (phase, phases)):
        for stamp, value in zip(series.stamps, series.values, strict=True):
            i = round((stamp - stamps[0]) * FPS)
            if 0 <= i < count:
                target[i] = value
    return MotionFrames(
        poses[held], FPS, start=float(stamps[0]), translation=roots[held], face=face[held], phase=phase[held]
    )
