"""wav_player_node as a real process: content, pace, stamps, exit codes."""

from __future__ import annotations

import time

import numpy as np
import pytest
import soundfile

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from std_msgs.msg import Float32MultiArray, Int16MultiArray, UInt8MultiArray

from speech_gesture_pkg.bags.messages import read_bag


@pytest.fixture
def tone(tmp_path):
    """0.5 s of 16 kHz mono int16, each sample different from its neighbours."""
    samples = np.round(12000 * np.sin(2 * np.pi * 220 * np.arange(8000) / 16000)).astype(np.int16)
    path = tmp_path / "tone.wav"
    soundfile.write(path, samples, 16000, subtype="PCM_16")
    return path, samples


def test_all_samples_arrive_on_time(probe, start, tone, pulse):
    path, samples = tone
    arrivals = []
    got = probe.collect(Int16MultiArray, "audio")
    probe.node.create_subscription(Int16MultiArray, "audio", lambda _: arrivals.append(time.monotonic()), 100)
    player = start("wav_player_node", file=path, chunk_s=0.02, start_delay=0.3)
    probe.wait(lambda: len(got) == 25)
    assert player.wait() == 0
    np.testing.assert_array_equal(np.concatenate([m.data for m in got]), samples)
    assert [d.size for d in got[0].layout.dim if d.label == "channels"] == [1]
    # paced by an absolute schedule: 24 periods of 20 ms, however much single messages jitter
    assert arrivals[-1] - arrivals[0] == pytest.approx(0.48, abs=0.1 + 3.0 * pulse.stall())


@pytest.mark.parametrize(
    ("kind", "message", "decode"),
    [
        ("std_msgs/msg/Float32MultiArray", Float32MultiArray, lambda m: np.asarray(m.data) * 32768),
        ("std_msgs/msg/UInt8MultiArray", UInt8MultiArray, lambda m: np.frombuffer(bytes(m.data), "<i2")),
    ],
)
def test_other_types_loop_rate_and_remapping(probe, start, tone, kind, message, decode):
    path, samples = tone
    got = probe.collect(message, "/robot/speech")
    player = start(
        "wav_player_node", "-r", "audio:=/robot/speech", file=path, message_type=kind, loop=True, rate=4.0, chunk_s=0.05
    )
    probe.wait(lambda: len(got) >= 25)
    assert player.stop() == 0
    heard = np.concatenate([decode(m) for m in got])[:20000]
    np.testing.assert_allclose(heard, np.tile(samples, 3)[:20000], atol=0.01)


def test_another_rate_and_8_bit_stereo(probe, start, tmp_path):
    path = tmp_path / "stereo.wav"
    wave = 0.5 * np.sin(2 * np.pi * 300 * np.arange(22050) / 44100)
    soundfile.write(path, np.stack([wave, wave], 1), 44100, subtype="PCM_U8")
    got = probe.collect(Int16MultiArray, "audio")
    player = start("wav_player_node", file=path, rate=5.0)
    assert player.wait() == 0
    probe.wait(lambda: sum(len(m.data) for m in got) >= 8000)
    heard = np.concatenate([m.data for m in got])[:8000]
    spectrum = np.abs(np.fft.rfft(heard / 32768.0)) / 4000
    assert spectrum.argmax() == 150  # 300 Hz in bins of 2 Hz
    assert spectrum.max() == pytest.approx(0.5, abs=0.01)


def test_exit_codes_and_sentences(start, tmp_path):
    text = tmp_path / "text.wav"
    text.write_text("this is no sound")
    (tmp_path / "empty.wav").touch()
    cases = [
        ({"file": tmp_path / "no.wav"}, 3, f"audio file {tmp_path / 'no.wav'} does not exist"),
        ({"file": text}, 3, "is not a readable audio file"),
        ({"file": tmp_path / "empty.wav"}, 3, "is empty"),
        ({}, 4, "parameter file of wav_player is missing"),
        ({"fiel": text}, 4, "parameter 'fiel' of wav_player is unknown; did you mean file?"),
        ({"file": text, "rate": 1000.0}, 4, "parameter rate is out of range; it must be in [0.01, 100.0]"),
        ({"file": text, "message_type": "std_msgs/msg/String"}, 4, "is unknown; it must be one of: std_msgs/msg/Int16"),
    ]
    processes = [start("wav_player_node", **params) for params, _, _ in cases]
    for process, (_, code, sentence) in zip(processes, cases, strict=True):
        assert process.wait(30.0) == code
        assert sentence in process.output
        assert "Traceback" not in process.output
        assert len(process.output.strip().splitlines()) == 1


def test_a_file_that_is_cut_is_played_as_far_as_it_goes(probe, start, tone):
    path, samples = tone
    path.write_bytes(path.read_bytes()[: 44 + 2 * 4800])
    got = probe.collect(Int16MultiArray, "audio")
    player = start("wav_player_node", file=path, chunk_s=0.02)
    probe.wait(lambda: len(got) == 15)
    assert player.wait() == 0
    np.testing.assert_array_equal(np.concatenate([m.data for m in got]), samples[:4800])
    assert "[WARN]" in player.output
    assert "is cut: its header tells 0.50 s: read as far as there are samples, 0.30 s" in player.output


def test_waits_for_every_node_that_is_to_listen(probe, start, tone, tmp_path):
    path, samples = tone
    got = probe.collect(Int16MultiArray, "audio")
    player = start("wav_player_node", file=path, wait_for_nodes="[probe, bag_recorder]")
    probe.wait(lambda: probe.node.count_publishers("audio"))
    end = time.monotonic() + 0.3
    probe.wait(lambda: time.monotonic() > end)
    assert not got
    recorder = start("recorder", out=tmp_path / "bag")
    assert player.wait() == 0
    assert recorder.stop() == 0
    recorded = [m.data.data for m in read_bag(tmp_path / "bag", topics=("/audio",))]
    np.testing.assert_array_equal(np.concatenate(recorded), samples)
