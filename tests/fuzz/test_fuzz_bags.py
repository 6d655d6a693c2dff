"""Bags: MCAP and sqlite3, whole folders or single files, with bytes changed anywhere."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
from bag_writing import BagWriter, T, audio_info, audio_message, joint_state, marker, smplx, trajectory
from mutation import spoilt_bytes, spoilt_text
from rosbags.rosbag2 import StoragePlugin

from speech_gesture_pkg.bags.reader import Bag
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.lab.study.commanded import commanded
from speech_gesture_pkg.lab.study.from_bag import read_recording
from speech_gesture_pkg.motion.parts import ARKIT_NAMES
from speech_gesture_pkg.motion.skeleton import JOINT_NAMES
from speech_gesture_pkg.verification.motion_guarantees import check_guarantees
from speech_gesture_pkg.verification.tracking import check_tracking

LIMITS = '<parent link="base"/><child link="{0}"/><limit lower="-2" upper="2" velocity="3" effort="1"/>'
JOINTS = "".join(
    f'<link name="{n}"/><joint name="{n}_elbow" type="revolute">{LIMITS.format(n)}</joint>' for n in ("left", "right")
)
URDF = f'<robot name="r"><link name="base"/>{JOINTS}</robot>'


def whole_bag(folder: Path, **options) -> Path:
    """Two thirds of a second of everything."""
    names = ["left_elbow", "right_elbow"]
    with BagWriter(folder, **options) as writer:
        for k in range(20):
            t = 1.0 + 0.033 * k
            writer.write("/joint_states", joint_state(names, t, [0.1 * k, 0.2]), t)
            points = np.zeros((3, 2))
            writer.write("/arm/joint_trajectory", trajectory(names, t + 0.04, [0, 0.1, 0.2], points, points, points), t)
            writer.write("/audio", audio_message("Int16MultiArray", np.arange(64, dtype=np.int16), t), t)
            if k > 2:
                continue
            writer.write("/speech_gesture/smplx", smplx(np.zeros((55, 3)), np.zeros(3), t, list(JOINT_NAMES)), t)
            writer.write("/speech_gesture/face", joint_state(ARKIT_NAMES, t, np.zeros(52)), t)
            writer.write("/speech_gesture/markers", marker("stroke", t), t)
        writer.write("/audio_info", audio_info(), 1.0)
        writer.write("/robot_description", T["std_msgs/msg/String"]("<robot/>"), 1.0)
        writer.write("/live_run", T["std_msgs/msg/String"]('{"silence_before": 0.01, "silence_after": 0}'), 1.0)
    return folder


def spoil(rng: random.Random, to: Path, original: dict[str, bytes]) -> Path:
    """A copy with one file changed, or with files missing."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir()
    victim = rng.choice(list(original))
    for name, data in original.items():
        if name == victim:
            if name.endswith(".yaml"):
                tokens = (
                    "topics_with_message_count",
                    "relative_file_paths",
                    "../x.mcap",
                    "/dev/zero",
                    "- ",
                    "*a",
                    "&a ",
                    "files",
                )
                data = spoilt_text(rng, data.decode(), tokens).encode("utf-8", "replace")
            else:
                data = spoilt_bytes(rng, [data])
            if rng.random() < 0.05:
                continue
        (to / name).write_bytes(data)
    single = [n for n in original if not n.endswith(".yaml")]
    return to / single[0] if rng.random() < (0.8 if victim in single else 0.3) else to


def read_messages(bag: Path) -> None:
    with Bag(bag) as found:
        assert found.count >= 0
        assert np.isfinite(found.duration_s)
        for time_ns, topic, _ in found.decoded():
            assert isinstance(time_ns, int)
            assert topic


def evaluate(bag: Path) -> None:
    recording = read_recording(bag, GestureConfig())
    content = recording.content
    if content.motion is not None:
        assert np.isfinite(content.motion.poses).all()
        assert np.isfinite(content.motion.face).all()
    if content.audio is not None:
        assert np.isfinite(content.audio.samples).all()
    if recording.windows:
        assert np.isfinite(commanded(recording.windows, recording.joints).position).all()


def check(bag: Path) -> None:
    report = check_guarantees(bag, URDF)
    assert np.isfinite([*report.worst.values()]).all()


def track(bag: Path) -> None:
    assert np.isfinite(check_tracking(bag).error)


READERS = (read_messages, evaluate, evaluate, check, track)


def _fuzz(fuzz, kind: str, *bags: Path) -> None:
    originals = [{f.name: f.read_bytes() for f in sorted(bag.iterdir())} for bag in bags]

    def use(rng: random.Random) -> None:
        found = spoil(rng, fuzz.folder / "bag", rng.choice(originals))
        rng.choice(READERS)(found)

    fuzz.run(kind, lambda rng: rng, use)


def test_mcap(fuzz):
    _fuzz(fuzz, "bags_mcap", whole_bag(fuzz.folder / "whole"))


def test_sqlite3(fuzz):
    golden = Path(__file__).parents[1] / "golden" / "bags" / "old_sqlite3"
    _fuzz(fuzz, "bags_db3", golden, whole_bag(fuzz.folder / "whole", plugin=StoragePlugin.SQLITE3))
