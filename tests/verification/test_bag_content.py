"""read_content: what a bag shows, put back together from its messages."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from bag_writing import EPOCH, STORE, BagWriter, T, int16_audio, joint_state, marker, smplx
from rosbags.rosbag2 import StoragePlugin, Writer

from speech_gesture_pkg.bags.reader import Bag
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.motion.parts import ARKIT_NAMES
from speech_gesture_pkg.motion.skeleton import JOINT_NAMES
from speech_gesture_pkg.verification.bag_content import read_content

FPS = 30.0


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    """One second of everything; frame 10 is missing."""
    rng = np.random.default_rng(2)
    poses = rng.uniform(-0.5, 0.5, (30, 55, 3))
    roots = rng.uniform(-1, 1, (30, 3))
    face = rng.uniform(0, 1, (30, 52))
    order = list(JOINT_NAMES[::-1])
    events = []
    for i in range(30):
        at = 5.0 + i / FPS
        if i != 10:
            events.append((at - 0.1, "/speech_gesture/smplx", smplx(poses[i], roots[i], at, order)))
        events.append((at - 0.1, "/speech_gesture/face", joint_state(ARKIT_NAMES, at, face[i])))
        events.append((at - 0.1, "/speech_gesture/markers", marker("stroke" if i >= 15 else "hold", at)))
    for i in range(101):
        at = 5.0 + i / 100
        events.append((at, "/joint_states", joint_state(("a", "b"), at, [np.sin(at), 2 * at])))
    sound = np.round(8000 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)).astype(np.int16)
    for i in range(10):
        # each message is sent when its last sample is recorded; the transport takes 2 ms, once 30 ms
        received = 5.5 + 0.1 * (i + 1) + (0.030 if i == 4 else 0.002)
        events.append((received, "/audio", int16_audio(sound[1600 * i : 1600 * (i + 1)])))
    events.append((4.0, "/robot_description", T["std_msgs/msg/String"]("<robot name='r'/>")))
    path = tmp_path_factory.mktemp("content") / "bag"
    with BagWriter(path) as writer:
        for received, topic, message in sorted(events, key=lambda e: e[0]):
            writer.write(topic, message, received)
    return path, poses, roots, face, sound


def test_motion_comes_back_with_face_and_phase(bag):
    path, poses, roots, face, _ = bag
    motion = read_content(path).motion
    assert motion is not None
    assert len(motion) == 30
    assert motion.start == pytest.approx(EPOCH + 5.0, abs=1e-6)
    present = [i for i in range(30) if i != 10]
    np.testing.assert_allclose(motion.poses[present], poses[present], atol=1e-9)
    np.testing.assert_allclose(motion.translation[present], roots[present], atol=1e-12)
    np.testing.assert_allclose(motion.poses[10], poses[9], atol=1e-9)  # a missing frame holds the one before
    np.testing.assert_allclose(motion.face[present], face[present], atol=1e-12)
    assert len(set(motion.phase[:15])) == 1
    assert motion.phase[20] != motion.phase[5]


def test_joints_come_back_with_their_speed(bag):
    joints = read_content(bag[0]).joints
    assert joints is not None
    assert joints.joint_names == ("a", "b")
    assert joints.fps == pytest.approx(100.0, rel=1e-4)
    at = joints.time - EPOCH
    np.testing.assert_allclose(joints.position[:, 0], np.sin(at), atol=1e-6)
    np.testing.assert_allclose(joints.velocity[2:-2, 1], 2.0, atol=1e-3)
    np.testing.assert_allclose(joints.velocity[2:-2, 0], np.cos(at[2:-2]), atol=1e-3)


def test_unstamped_audio_is_placed_by_when_it_was_received(bag):
    audio = read_content(bag[0]).audio
    assert audio is not None
    assert audio.duration == pytest.approx(1.0)
    # transport makes messages late, never early: the earliest estimate counts
    assert audio.start == pytest.approx(EPOCH + 5.502, abs=1e-5)
    np.testing.assert_allclose(audio.samples, bag[4] / 32768, atol=1e-6)


def test_description_and_counts(bag):
    content = read_content(bag[0])
    assert content.urdf == "<robot name='r'/>"
    assert content.counts["/audio"] == 10
    assert content.counts["/speech_gesture/smplx"] == 29


def test_a_bag_with_nothing_of_it(tmp_path):
    with BagWriter(tmp_path / "bag") as writer:
        writer.write("/words", T["std_msgs/msg/String"]("hello"), 1.0)
    content = read_content(tmp_path / "bag")
    assert content.motion is None
    assert content.joints is None
    assert content.audio is None
    assert content.urdf == ""


def test_no_bag_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        read_content(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("position", "header"),
    [("positiom", "std_msgs/Header"), ("position", "3td_msgs/Header"), ("class", "std_msgs/Header")],
)
def test_a_definition_that_lacks_fields_is_not_believed(tmp_path, position, header):
    """The bytes are as the standard says; the definition in the bag was damaged."""
    kind = "sensor_msgs/msg/JointState"
    text, _ = STORE.generate_msgdef(kind, ros_version=2)
    message = joint_state(["elbow"], 1.0, [0.25])
    text = text.replace("[] position", f"[] {position}").replace("std_msgs/Header\n", f"{header}\n")
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        spoilt = {"msgdef": text, "rihs01": STORE.hash_rihs01(kind)}
        topic = writer.add_connection("/joint_states", kind, **spoilt)
        for i in range(3):
            writer.write(topic, int((EPOCH + 1 + i) * 1e9), STORE.serialize_cdr(message, kind))
    with Bag(tmp_path / "bag") as bag:
        assert [m.position.tolist() for _, _, m in bag.decoded()] == [[0.25]] * 3


def test_human_motion_that_is_not_whole_is_left_out(tmp_path):
    def frame(i: int):
        return smplx(np.zeros((55, 3)), np.zeros(3), 1.0 + i / FPS, list(JOINT_NAMES))

    frames = [frame(i) for i in range(6)]
    frames[1].joint_names[7] = "tail"
    frames[2].transforms.pop()
    frames[3].transforms[4].rotation.x = np.nan
    frames[4].transforms[4].rotation.w = 0.0
    with BagWriter(tmp_path / "bag") as writer:
        for i, message in enumerate(frames):
            writer.write("/speech_gesture/smplx", message, 1.0 + i / FPS)
        for text in ("{", "[1]", '{"silence_before": "x", "silence_after": NaN}'):
            writer.write("/live_run", T["std_msgs/msg/String"](text), 1.3)
    content = read_content(tmp_path / "bag")
    assert len(content.motion) == 6
    assert not content.motion.poses.any()
    assert content.warnings == ["4 messages of human motion or face are not whole and finite"]
    assert content.about == {}


def test_motion_of_days_is_refused(tmp_path):
    with BagWriter(tmp_path / "bag") as writer:
        for at in (1.0, 2e5):
            writer.write("/speech_gesture/smplx", smplx(np.zeros((55, 3)), np.zeros(3), at, list(JOINT_NAMES)), at)
    with pytest.raises(InputError, match=r"the motion spans 55\.6 h by its times, more than 4 h"):
        read_content(tmp_path / "bag")


def test_a_topic_without_a_name_is_no_topic(tmp_path):
    with BagWriter(tmp_path / "bag", plugin=StoragePlugin.SQLITE3) as writer:
        writer.write("/words", T["std_msgs/msg/String"]("hello"), 1.0)
    file = next((tmp_path / "bag").glob("*.db3"))
    with closing(sqlite3.connect(file)) as data, data:
        data.execute("CREATE TABLE t AS SELECT * FROM topics")
        data.execute("DROP TABLE topics")
        data.execute("ALTER TABLE t RENAME TO topics")
        data.execute("UPDATE topics SET name = NULL")
    with pytest.raises(InputError, match="is not a readable bag"):
        Bag(file)
