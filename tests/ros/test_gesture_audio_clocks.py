"""Audio whose stamps, rate or packaging are not what they should be, on the real node."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from gesture_rig import BEST_EFFORT, Speaker, Watch, stand_in_stamped_audio, told
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import UInt8MultiArray

from speech_gesture_pkg.audio.files import write_wav
from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey
from speech_gesture_pkg.ros.clock import seconds, time_from_seconds


def test_stamps_five_seconds_behind_are_corrected_and_delay_mode_stays_in_time(
    probe, start, demo_urdf, tmp_path, monkeypatch, pulse
):
    """Header + bytes (`AudioDataStamped`; a message of that shape stands in where it is not installed)."""
    kind = stand_in_stamped_audio(tmp_path, monkeypatch)
    start("sim_robot_node")
    params = {"autostart": True, "robot__urdf": demo_urdf, "sync__mode": "delay", "audio__message_type": kind}
    gesture = start("gesture_node", **params)
    watch = Watch(probe)
    sent, heard = {}, {}

    def behind(samples, begin):
        sent[len(sent)] = begin
        message = CompressedImage(data=samples.tobytes(), format=str(len(sent) - 1))
        message.header.stamp = time_from_seconds(begin - 5.0)
        return message

    def on_audio(message):
        heard[int(message.format)] = seconds(message.header.stamp)

    probe.node.create_subscription(CompressedImage, "/speech_gesture/audio_out", on_audio, BEST_EFFORT)
    Speaker(probe, kind=CompressedImage, message=behind)
    watch.until_state("gesturing")
    count = len(heard)
    probe.wait(lambda: len(heard) > count + 60)
    assert told(gesture.output, "[WARN]", "its time stamps are 5.", "behind the node's clock; corrected")
    assert gesture.output.count("behind the node's clock") == 1
    assert float(watch.values[DiagnosticKey.STAMPS_BEHIND]) == pytest.approx(5.0, abs=0.1 + pulse.stall())
    # what is sent on is stamped with the time at which it is heard: that of its gesture
    offset = float(watch.values[DiagnosticKey.OFFSET]) * 1e-3
    late = np.array([heard[i] - sent[i] for i in list(heard)[-50:]])
    assert np.median(late) == pytest.approx(offset, abs=0.1 + pulse.stall())
    assert gesture.stop() == 0


def test_a_wav_header_and_a_wrong_rate_are_told(probe, start, demo_urdf, tmp_path):
    """Files streamed in pieces, of a second each, whose header says 22050 Hz, while 16000 samples a second come."""
    start("sim_robot_node")
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf)
    watch = Watch(probe)
    write_wav(tmp_path / "a.wav", np.zeros(1), 22050)
    header = bytearray((tmp_path / "a.wav").read_bytes()[:44])
    header[40:44] = b"\xff" * 4
    probe.wait(lambda: watch.values.get(DiagnosticKey.LIFECYCLE) == "active", 15.0)
    sent: list[float] = []

    def piece(samples, begin):
        sent.append(begin)  # the first messages go before there is a subscription
        return UInt8MultiArray(data=(bytes(header) if len(sent) % 30 == 1 else b"") + samples.tobytes())

    Speaker(probe, kind=UInt8MultiArray, message=piece)
    probe.wait(lambda: told(gesture.output, "[WARN]", "audio arrives at 0.7", "22050 looks like 16000"), 25.0)
    assert told(gesture.output, "[INFO]", "audio messages carry WAV files", "22050 Hz, 1 channel, S16LE")
    assert gesture.output.count("carry WAV files") == 1
    probe.wait(lambda: "22050 looks like 16000" in watch.values["message"])
    assert watch.values["level"] == "1"
    assert float(watch.values[DiagnosticKey.AUDIO_PACE]) == pytest.approx(0.726, abs=0.02)
    watch.until_state("gesturing")
    assert gesture.stop() == 0
    assert "Traceback" not in gesture.output
