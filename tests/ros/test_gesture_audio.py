"""What comes on the audio topic: types, faults, two speakers, sync modes."""

from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from gesture_rig import BEST_EFFORT, Speaker, Watch, stand_in_stamped_audio, told
from sensor_msgs.msg import CompressedImage, MultiDOFJointState
from std_msgs.msg import Float32MultiArray, Int16MultiArray, UInt8MultiArray

from speech_gesture_pkg.pipeline import diagnostic_keys
from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey
from speech_gesture_pkg.ros.clock import seconds, time_from_seconds

TOPIC = "/audio"


def dropped(watch: Watch, reason: str) -> int:
    return int(watch.values.get(diagnostic_keys.dropped(reason), 0))


@pytest.mark.slow
def test_types_come_and_go_and_bad_audio_is_named(probe, start, demo_urdf):
    """One run: late publisher; mp3 and odd bytes; float with NaN; then good speech of each type."""
    start("sim_robot_node")
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf)
    watch = Watch(probe)
    probe.wait(lambda: watch.values.get(DiagnosticKey.LIFECYCLE) == "active", 15.0)
    assert "listening" not in gesture.output

    out = probe.node.create_publisher(UInt8MultiArray, TOPIC, BEST_EFFORT)
    mp3 = [UInt8MultiArray(data=head + bytes(413)) for head in (b"ID3\x04", b"\xff\xfb\x90\x64")]
    wave = ("[ERROR]", "dropped", "mp3", "set coding_format", "to wave")
    said = probe.say(out, mp3, lambda: told(gesture.output, *wave))
    reports = len(watch.diagnostics)
    probe.wait(lambda: len(watch.diagnostics) > reports + 1)  # all that was said is counted
    count = dropped(watch, "unusable audio")
    assert 2 <= count <= 2 * said
    out.publish(UInt8MultiArray(data=bytes(641)))
    probe.wait(lambda: dropped(watch, "unusable audio") == count + 1)
    frames = int(watch.values[DiagnosticKey.FRAMES])
    probe.wait(lambda: int(watch.values[DiagnosticKey.FRAMES]) > frames)  # and idle motion goes on
    probe.node.destroy_publisher(out)

    out = probe.node.create_publisher(Float32MultiArray, TOPIC, BEST_EFFORT)
    probe.wait(lambda: "(std_msgs/msg/Float32MultiArray)" in gesture.output)
    nan = Float32MultiArray(data=np.full(512, np.nan, np.float32).tolist())
    said = probe.say(out, [nan], lambda: told(gesture.output, "[WARN]", "dropped", "NaN"))
    probe.wait(lambda: dropped(watch, "audio not finite"))
    assert dropped(watch, "audio not finite") <= said
    probe.node.destroy_publisher(out)

    for kind, message in (
        (Float32MultiArray, lambda x, _: Float32MultiArray(data=(x / np.float32(32768)).tolist())),
        (UInt8MultiArray, lambda x, _: UInt8MultiArray(data=x.tobytes())),
        (Int16MultiArray, lambda x, _: Int16MultiArray(data=x.tolist())),
    ):
        speaker = Speaker(probe, TOPIC, kind, message)
        watch.until_state("gesturing")
        speaker.stop()
        watch.until_state("idle")
    assert (dropped(watch, "unusable audio"), dropped(watch, "audio not finite")) == (3, 1)
    assert watch.values[DiagnosticKey.FAULTS] == "0"
    assert gesture.stop() == 0
    assert "Traceback" not in gesture.output


def test_delay_mode_sends_the_audio_on_when_its_gesture_happens(probe, start, demo_urdf, pulse):
    start("sim_robot_node")
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf, sync__mode="delay")
    watch = Watch(probe)
    sent, heard = {}, {}

    def numbered(samples, begin):
        chunk = samples.copy()
        chunk[0] = len(sent)
        sent[len(sent)] = begin
        return Int16MultiArray(data=chunk.tolist())

    def on_audio(message):
        heard[message.data[0]] = probe.node.get_clock().now().nanoseconds * 1e-9

    probe.node.create_subscription(Int16MultiArray, "/speech_gesture/audio_out", on_audio, BEST_EFFORT)
    Speaker(probe, message=numbered)
    watch.until_state("gesturing")
    count, began = len(heard), time.monotonic()
    probe.wait(lambda: len(heard) > count + 60)
    offset = float(watch.values[DiagnosticKey.OFFSET]) * 1e-3
    late = np.array([heard[i] - sent[i] for i in list(heard)[-50:]])
    # a machine that holds the node up makes it add delay, of whole frames
    assert 0.15 < offset < 0.6 or "later from now on" in gesture.output
    assert np.median(late) == pytest.approx(offset, abs=0.03 + pulse.stall(began))
    assert list(heard) == sorted(heard)
    assert gesture.stop() == 0


def test_stamp_mode_aims_at_the_stamp(probe, start, demo_urdf, tmp_path, monkeypatch, pulse):
    """ros-drivers' AudioDataStamped is header + bytes; a message of that shape stands in where it is not installed."""
    kind = stand_in_stamped_audio(tmp_path, monkeypatch)
    start("sim_robot_node")
    params = {"autostart": True, "robot__urdf": demo_urdf, "sync__mode": "stamp", "audio__message_type": kind}
    gesture = start("gesture_node", **params)
    watch = Watch(probe)
    smplx = probe.collect(MultiDOFJointState, "/speech_gesture/smplx")
    ahead, begun = 0.6, []

    def stamped(samples, begin):
        begun.append(begin + ahead)
        message = CompressedImage(data=samples.tobytes())
        message.header.stamp = time_from_seconds(begin + ahead)
        return message

    speaker = Speaker(probe, kind=CompressedImage, message=stamped)
    watch.until_state("gesturing")
    probe.wait(lambda: len(begun) > 90)
    if "later from now on" in gesture.output:
        pytest.skip("this machine is too busy to aim at stamps")
    # play time minus stamp; the trajectory's grid rounds it to half a frame
    assert abs(float(watch.values[DiagnosticKey.OFFSET])) <= 17.0
    end = time.monotonic() + 0.3
    probe.wait(lambda: time.monotonic() > end)
    newest = seconds(smplx[-1].header.stamp)
    # frames exist up to the look-ahead before the end of what was said, and not beyond it
    assert begun[-1] - 0.45 - pulse.stall() < newest < begun[-1] + 0.05
    speaker.stop()
    assert gesture.stop() == 0
