"""Recorder and player as real processes: MCAP out, messages and /clock in, damaged bags."""

from __future__ import annotations

import shutil
import signal
import time
from contextlib import suppress

import numpy as np
import pytest
import soundfile

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Int16MultiArray, String
from std_srvs.srv import SetBool

from speech_gesture_pkg.bags.reader import Bag
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.ros.clock import nanoseconds
from speech_gesture_pkg.ros.player import BagPlayer, PlayOptions
from speech_gesture_pkg.ros.recorder import BagRecorder
from speech_gesture_pkg.ros.spin import Done

SECOND = 10**9
T0 = 1_700_000_000 * SECOND


def make_bag(folder, plugin=StoragePlugin.MCAP, count=20, period_ns=SECOND // 20, close=True):
    """A bag with `count` Int16 messages on /speech (data = [i] * 100) and one latched string."""
    store = get_typestore(Stores.ROS2_KILTED)
    dim, layout, data, text = (
        store.types[f"std_msgs/msg/{n}"]
        for n in ("MultiArrayDimension", "MultiArrayLayout", "Int16MultiArray", "String")
    )
    del dim
    writer = Writer(folder, version=9, storage_plugin=plugin)
    writer.open()
    speech = writer.add_connection("/speech", "std_msgs/msg/Int16MultiArray", typestore=store)
    words = writer.add_connection("/words", "std_msgs/msg/String", typestore=store)
    writer.write(words, T0, store.serialize_cdr(text("hello"), "std_msgs/msg/String"))
    for i in range(count):
        message = data(layout([], 0), np.full(100, i, np.int16))
        raw = store.serialize_cdr(message, "std_msgs/msg/Int16MultiArray")
        writer.write(speech, T0 + i * period_ns, raw)
    if close:
        writer.close()
    else:
        writer.storage.close_chunk()
        writer.storage.bio.flush()
        writer.abort()
    return folder


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_recording(probe, start, tmp_path, ending):
    wav = tmp_path / "ramp.wav"
    samples = np.arange(8000, dtype=np.int16)
    soundfile.write(wav, samples, 16000, subtype="PCM_16")
    out = tmp_path / "bag"
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    description = probe.node.create_publisher(String, "/robot_description", latched)
    description.publish(String(data="<robot/>"))
    recorder = start("recorder", out=out, topics="[audio, robot_description, nothing, '*/joint_trajectory']")
    probe.wait(description.get_subscription_count)
    player = start("wav_player_node", file=wav, start_delay=0.3)
    assert player.wait() == 0
    assert recorder.stop(ending) == 0
    assert "never published, so not in the bag: /nothing" in recorder.output
    with Bag(out) as bag:
        assert bag.damage == ""
        assert {t.name: (t.type_name, t.count, t.latched) for t in bag.topics} == {
            "/audio": ("std_msgs/msg/Int16MultiArray", 16, False),
            "/robot_description": ("std_msgs/msg/String", 1, True),
        }
        decoded = [m for _, topic, m in bag.decoded(["/audio"])]
        np.testing.assert_array_equal(np.concatenate([m.data for m in decoded]), samples)
        assert bag.duration_s > 0.4
    again = start("recorder", out=out)
    assert again.wait() == 6
    assert f"bag {out} exists already" in again.output


def test_recorder_needs_a_writable_folder(start, tmp_path):
    (tmp_path / "file").touch()
    recorder = start("recorder", out=tmp_path / "file" / "bag")
    assert recorder.wait() == 6
    assert "cannot be made" in recorder.output
    assert "Traceback" not in recorder.output


@pytest.mark.parametrize("plugin", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_replay_with_clock(probe, start, tmp_path, plugin):
    bag = make_bag(tmp_path / "bag", plugin)
    got = probe.collect(Int16MultiArray, "/other")
    clock = probe.collect(Clock, "/clock")
    player = start("player", bag=bag, rate=2.0, start=0.25, topics="[/speech]", remap="['/speech:=/other']", wait=10.0)
    assert probe.wait(lambda: len(got) == 15)
    assert [m.data[0] for m in got] == list(range(5, 20))
    assert player.wait() == 0
    times = np.array([nanoseconds(m.clock) for m in clock])
    assert (np.diff(times) >= 0).all()
    assert times[0] >= T0 + SECOND // 4
    assert times[-1] <= T0 + SECOND
    # 0.7 s of bag at double speed: 100 Hz of /clock is about 35 messages
    assert 15 <= len(np.unique(times)) <= 60


def test_pause_and_loop(probe, start, tmp_path):
    bag = make_bag(tmp_path / "bag")
    got = probe.collect(Int16MultiArray, "/speech")
    player = start("player", bag=bag, loop=True, rate=4.0, wait=10.0)
    probe.wait(lambda: len(got) > 25)
    values = np.array([m.data[0] for m in got])
    assert (np.diff(values) < 0).any()  # it began again
    assert probe.call(SetBool, "/bag_player/pause", SetBool.Request(data=True)).success
    clock = probe.collect(Clock, "/clock")
    probe.wait(lambda: len(clock) > 5)
    paused = len(got)
    assert len({nanoseconds(m.clock) for m in clock[-4:]}) == 1
    assert probe.call(SetBool, "/bag_player/pause", SetBool.Request(data=False)).message == "playing"
    probe.wait(lambda: len(got) > paused + 5)
    assert player.stop() == 0


def test_part_of_a_bag_from_a_paused_start(probe, start, tmp_path):
    bag = make_bag(tmp_path / "bag", count=60)
    got = probe.collect(Int16MultiArray, "/speech")
    words = probe.collect(String, "/words")
    player = start(
        "player", bag=bag, start=0.5, duration=0.6, exclude="[/words]", start_paused=True, wait=10.0, clock_hz=50.0
    )
    clock = probe.collect(Clock, "/clock")
    probe.wait(lambda: len(clock) > 5)
    assert not got
    assert {nanoseconds(m.clock) for m in clock} == {T0 + SECOND // 2}
    assert probe.call(SetBool, "/bag_player/pause", SetBool.Request(data=False)).success
    probe.wait(lambda: len(got) == 13)
    assert player.wait() == 0
    assert [m.data[0] for m in got] == list(range(10, 23))
    assert not words


def test_messages_are_sent_in_time(probe, tmp_path, pulse):
    """1 kHz of messages: each at its time, as far as the machine lets the process run."""
    bag = make_bag(tmp_path / "bag", count=1000, period_ns=SECOND // 1000)
    player = BagPlayer(bag, PlayOptions(wait_s=0.0), context=probe.context)
    executor = SingleThreadedExecutor(context=probe.context)
    executor.add_node(player)
    began = time.monotonic()
    with suppress(Done):
        while time.monotonic() < began + 30.0:
            executor.spin_once(timeout_sec=player.step())
    took = time.monotonic() - began
    executor.shutdown()
    timing = player.timing()
    player.close()
    player.destroy_node()
    assert player.published == 1001
    assert took == pytest.approx(1.0, abs=0.2 + pulse.stall(began))
    assert timing["late_p50_ms"] < 2.0 + 1e3 * pulse.stall(began)
    assert timing["late_p99_ms"] < 20.0 + 2e3 * pulse.stall(began)


def test_the_next_bag_begins_with_what_is_latched(probe, tmp_path):
    """One recorder, one bag after the other: each has the latched description, and only its own messages."""
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    description = probe.node.create_publisher(String, "/robot_description", latched)
    description.publish(String(data="<robot/>"))
    speech = probe.node.create_publisher(Int16MultiArray, "/audio", 10)
    recorder = BagRecorder(["/robot_description", "/audio"], tmp_path / "first", context=probe.context)
    executor = SingleThreadedExecutor(context=probe.context)
    executor.add_node(recorder)

    def wait(condition):
        probe.wait(lambda: executor.spin_once(timeout_sec=0.01) or condition())

    wait(lambda: recorder.counts.get("/robot_description") and speech.get_subscription_count())
    for name, values in (("first", (1, 2)), ("second", (3,))):
        if name == "second":
            recorder.switch(tmp_path / name)
        for value in values:
            speech.publish(Int16MultiArray(data=[value]))
        wait(lambda: recorder.counts["/audio"] == len(values))  # noqa: B023 - waited for here
    recorder.muted = {"/audio"}
    speech.publish(Int16MultiArray(data=[9]))
    recorder.close()
    executor.shutdown()
    recorder.destroy_node()
    for name, values in (("first", [1, 2]), ("second", [3])):
        with Bag(tmp_path / name) as bag:
            found = list(bag.decoded())
        assert [m.data[0] for _, topic, m in found if topic == "/audio"] == values
        assert [m.data for _, topic, m in found if topic == "/robot_description"] == ["<robot/>"]


def test_a_truncated_mcap_is_read_as_far_as_it_goes(tmp_path):
    whole = make_bag(tmp_path / "whole", count=40)
    file = whole / "whole.mcap"
    data = file.read_bytes()
    cut = tmp_path / "cut.mcap"
    chunk = data.index(b"\x06", 8)
    counts = []
    for keep in (chunk + 4000, chunk + 6000, len(data) - 20):
        cut.write_bytes(data[:keep])
        with Bag(cut) as bag:
            assert bag.damage.startswith(f"bag {cut} is damaged (")
            values = [m.data[0] for _, topic, m in bag.decoded() if topic == "/speech"]
        assert values == list(range(len(values)))
        counts.append(len(values))
    assert 0 < counts[0] < counts[1] < counts[2] == 40
    # the recorder died: no metadata.yaml, no index
    killed = make_bag(tmp_path / "killed", close=False)
    with Bag(killed) as bag:
        assert "metadata.yaml is missing" in bag.damage
        assert bag.count == 21
    shutil.rmtree(killed)


def test_bad_bags(start, tmp_path):
    nobag = tmp_path / "text.mcap"
    nobag.write_text("no bag at all, but long enough to be looked at by the reader")
    (tmp_path / "folder").mkdir()
    empty = tmp_path / "empty.mcap"
    empty.touch()
    cases = [
        (tmp_path / "missing", "does not exist"),
        (tmp_path / "folder", "it has no .mcap or .db3 file"),
        (nobag, "it does not start with the MCAP magic"),
        (empty, "it does not start with the MCAP magic"),
        (tmp_path / "bag.txt", "does not exist"),
    ]
    for path, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            Bag(path)
    (tmp_path / "junk.db3").write_bytes(b"SQLite format 3\0" + bytes(500))
    with pytest.raises(InputError, match="is not a readable bag"):
        Bag(tmp_path / "junk.db3")
    good = make_bag(tmp_path / "good", count=2)
    runs = [
        ({"bag": tmp_path / "missing"}, 3, f"bag {tmp_path / 'missing'} does not exist"),
        ({"bag": good, "topics": "[/nope]"}, 4, f"bag {good} lacks /nope; it has: /speech, /words"),
        ({"bag": good, "start": 9.0}, 4, f"start is 9.0 s; {good} lasts 0.050 s"),
        ({"bag": good, "remap": "[/speech]"}, 4, "remap '/speech' is malformed"),
        ({"bag": good, "exclude": "[/nope]"}, 4, f"bag {good} lacks /nope; it has: /speech, /words"),
        ({"bag": good, "remap": "[/a:=/b]"}, 4, "the ROS arguments cannot be used: Couldn't parse parameter"),
    ]
    for process, (_, code, sentence) in zip([start("player", **p) for p, _, _ in runs], runs, strict=True):
        assert process.wait(30.0) == code
        assert sentence in process.output
        assert "Traceback" not in process.output
