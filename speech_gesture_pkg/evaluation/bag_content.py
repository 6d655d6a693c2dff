"""What a recorded bag shows: the human motion, the robot's joints, the sound, on one clock."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE, AudioChunk
from speech_gesture_pkg.audio.formats import AudioFormat, decode, to_mono
from speech_gesture_pkg.audio.resample import resample
from speech_gesture_pkg.body.motion import PHASES, MotionFrames
from speech_gesture_pkg.body.parts import ARKIT_INDEX, ARKIT_NAMES
from speech_gesture_pkg.body.skeleton import JOINT_NAMES
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.evaluation.bag import BagMessage, read_bag, stamp_seconds
from speech_gesture_pkg.trajectory.robot_trajectory import RobotTrajectory

SMPLX = "sensor_msgs/msg/MultiDOFJointState"
JOINT_STATE = "sensor_msgs/msg/JointState"
MARKERS = "visualization_msgs/msg/MarkerArray"
DESCRIPTION = "std_msgs/msg/String"
ARRAYS = {"std_msgs/msg/Int16MultiArray": "S16LE", "std_msgs/msg/Float32MultiArray": "F32LE"}
FPS = 30.0


@dataclass
class BagContent:
    """Attributes are None where the bag holds nothing of the kind. Times are those of the bag's clock, s.

    Attributes:
        motion: SMPL-X frames from `~/smplx`, with face and phase.
        joints: measured joint motion from `joint_states`.
        audio: mono 16 kHz; unstamped messages are placed so that the last one ends when it was received.
        urdf: from `robot_description`.
        counts: messages by topic.
    """

    motion: MotionFrames | None = None
    joints: RobotTrajectory | None = None
    audio: AudioChunk | None = None
    urdf: str = ""
    counts: dict[str, int] = field(default_factory=dict)


def read_content(path: str | Path, sample_rate: int = SAMPLE_RATE, channels: int = 1) -> BagContent:
    """Read a bag.

    Args:
        path: rosbag2 folder.
        sample_rate, channels: of audio messages that do not say.
    """
    content = BagContent()
    counts: dict[str, int] = defaultdict(int)
    by_type: dict[str, list[BagMessage]] = defaultdict(list)
    for message in read_bag(path):
        counts[message.topic] += 1
        by_type[message.type_name].append(message)
    content.counts = dict(counts)
    if not counts:
        raise InputError(f"bag {path} holds no messages")
    faces = [m for m in by_type[JOINT_STATE] if ARKIT_NAMES[0] in m.data.name]
    states = [m for m in by_type[JOINT_STATE] if m.topic.endswith("/joint_states")]
    content.motion = _motion([m for m in by_type[SMPLX] if "pelvis" in m.data.joint_names], faces, by_type[MARKERS])
    content.joints = _joints(states)
    content.urdf = next((m.data.data for m in by_type[DESCRIPTION] if "<robot" in m.data.data), "")
    for kind, encoding in ARRAYS.items():
        if by_type[kind] and content.audio is None:
            content.audio = _audio(by_type[kind], AudioFormat(sample_rate, channels, encoding))
    return content


def _motion(smplx: list[BagMessage], faces: list[BagMessage], markers: list[BagMessage]) -> MotionFrames | None:
    if not smplx:
        return None
    stamps = np.array([stamp_seconds(m.data.header.stamp) for m in smplx])
    index = np.round((stamps - stamps[0]) * FPS).astype(int)
    count = int(index.max()) + 1
    order = [list(smplx[0].data.joint_names).index(n) for n in JOINT_NAMES]
    poses = np.zeros((count, len(JOINT_NAMES), 3))
    roots = np.zeros((count, 3))
    known = np.zeros(count, bool)
    for i, message in zip(index, smplx, strict=True):
        if i < 0:
            continue
        turns = [message.data.transforms[j].rotation for j in order]
        poses[i] = Rotation.from_quat([[r.x, r.y, r.z, r.w] for r in turns]).as_rotvec()
        root = message.data.transforms[order[0]].translation
        roots[i] = (root.x, root.y, root.z)
        known[i] = True
    held = np.maximum.accumulate(np.where(known, np.arange(count), 0))
    face = np.zeros((count, len(ARKIT_NAMES)))
    for i, message in _placed(faces, stamps[0], count, lambda m: m.data.header.stamp):
        for name, value in zip(message.data.name, message.data.position, strict=False):
            if name in ARKIT_INDEX:
                face[i, ARKIT_INDEX[name]] = value
    phase = np.zeros(count, np.uint8)
    for i, message in _placed(markers, stamps[0], count, lambda m: m.data.markers[0].header.stamp):
        texts = [m.text for m in message.data.markers if m.ns == "gesture_phase"]
        if texts and texts[0] in PHASES:
            phase[i] = PHASES.index(texts[0])
    return MotionFrames(
        poses[held], FPS, start=float(stamps[0]), translation=roots[held], face=face[held], phase=phase[held]
    )


def _placed(messages: list[BagMessage], start: float, count: int, stamp: Any) -> list[tuple[int, BagMessage]]:
    """Messages with the index of their frame."""
    found = []
    for message in messages:
        i = round((stamp_seconds(stamp(message)) - start) * FPS)
        if 0 <= i < count:
            found.append((i, message))
    return found


def _joints(states: list[BagMessage]) -> RobotTrajectory | None:
    if len(states) < 2:
        return None
    names = tuple(states[0].data.name)
    states = [m for m in states if tuple(m.data.name) == names]
    times = np.array([stamp_seconds(m.data.header.stamp) for m in states])
    times, first = np.unique(times, return_index=True)
    position = np.array([states[i].data.position for i in first])
    velocity = np.gradient(position, times, axis=0)
    acceleration = np.gradient(velocity, times, axis=0)
    fps = float(1.0 / np.median(np.diff(times)))
    return RobotTrajectory(names, times, position, velocity, acceleration, fps)


def _audio(messages: list[BagMessage], fmt: AudioFormat) -> AudioChunk:
    pieces = [to_mono(decode(m.data.data, fmt)) for m in messages]
    # Reception is late by whatever the transport took; the earliest estimate of the start is the truest.
    length = np.cumsum([len(p) for p in pieces]) / fmt.sample_rate
    start = min(m.received - end for m, end in zip(messages, length, strict=True))
    return AudioChunk(resample(np.concatenate(pieces), fmt.sample_rate), float(start))
