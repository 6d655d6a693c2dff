"""Speech through the real node, file after file: one bag each, the same motion each time, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import soundfile
from bag_writing import BagWriter, audio_message

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from ros_rig import PATIENCE, poll
from test_demo import nodes_of

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.cli.live_run import LiveSettings, run_live
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.lab.study.agreement import agreement
from speech_gesture_pkg.lab.study.from_audio import offline_sample
from speech_gesture_pkg.lab.study.from_bag import read_recording, recorded_sample
from speech_gesture_pkg.lab.study.record import arrays_of
from speech_gesture_pkg.lab.study.robot_body import RobotBody
from speech_gesture_pkg.pipeline.build import load_robot
from speech_gesture_pkg.resources import DEMO_AUDIO, resource
from speech_gesture_pkg.verification.bag_content import read_content
from speech_gesture_pkg.verification.motion_guarantees import check_guarantees

SECONDS = 3.0
RATE = 16000


@pytest.fixture(scope="module")
def speech():
    samples = read_audio(resource(DEMO_AUDIO)).samples
    loud = int(np.argmax(np.abs(samples) > 0.1))
    return samples[loud - 800 : loud - 800 + round(SECONDS * RATE)]


@pytest.fixture
def config(demo_urdf):
    return GestureConfig().with_values({"robot.urdf": str(demo_urdf)})


@pytest.mark.slow
def test_files_and_a_bag_become_bags(tmp_path, speech, config, demo_urdf):
    """A wav twice, a foreign bag of a type that is not installed here, a file that is none."""
    soundfile.write(tmp_path / "hello.wav", speech, RATE)
    (tmp_path / "again").mkdir()
    soundfile.write(tmp_path / "again" / "hello.flac", speech, RATE)
    whole = np.round(speech * 32768).astype(np.int16)
    with BagWriter(tmp_path / "robot") as writer:
        for i in range(0, len(whole), 512):
            part = whole[i : i + 512]
            writer.write("/voice", audio_message("AudioBuffer", part, 2.0 + i / RATE), 2.0 + (i + len(part)) / RATE)
    (tmp_path / "text.wav").write_text("no sound")
    items = [tmp_path / n for n in ("text.wav", "hello.wav", "again/hello.flac", "robot")]
    told = []
    settings = LiveSettings()
    found = dict(run_live(items, config, tmp_path / "out", lambda done, all_: told.append((done, all_)), settings))
    assert nodes_of(str(tmp_path)) == []
    assert set(found) == set(items)
    assert "text.wav is no readable audio file" in str(found.pop(items[0]))
    assert [found[p].name for p in items[1:]] == ["hello", "hello_2", "robot"]
    assert told[-1] == (pytest.approx(3 * SECONDS, abs=0.1), pytest.approx(3 * SECONDS, abs=0.1))
    motions = {}
    for path, bag in found.items():
        content = read_content(bag)
        assert content.damage == ""
        assert content.audio is not None
        np.testing.assert_allclose(content.audio.samples, whole / 32768, atol=1e-4)  # without the silence round it
        assert content.urdf
        motions[path] = content
        report = check_guarantees(bag, demo_urdf.read_text())
        assert len(report.moving) > 12
    # the generator begins at the same sample each time: while they speak, both hold frames that are equal
    first, second = (motions[p].motion.poses for p in items[1:3])
    same = [k for k in range(20, len(first)) if np.abs(second - first[k]).max(axis=(1, 2)).min() < 1e-4]
    assert len(same) > 0.6 * SECONDS * 30
    for path in items[1:3]:
        live_and_offline_agree(config, path, found[path])


def live_and_offline_agree(config, path, bag):
    """Within the stated tolerance, from the first sample of the speech on; a node that was late says so."""
    robot = load_robot(config)
    body = RobotBody(robot)
    offline = offline_sample(config, robot, body, read_audio(path))
    live = recorded_sample(bag, read_recording(bag, config), config, robot, body)
    found = agreement(arrays_of(offline), arrays_of(live), 0.0, SECONDS)
    assert found.agrees or live.warnings, found


@pytest.mark.slow
def test_ctrl_c_leaves_nothing(tmp_path, speech, demo_urdf):
    soundfile.write(tmp_path / "long.wav", np.tile(speech, 10), RATE)
    code = f"""
        from pathlib import Path
        from speech_gesture_pkg.cli.live_run import run_live
        from speech_gesture_pkg.config import GestureConfig
        config = GestureConfig().with_values({{"robot.urdf": {str(demo_urdf)!r}}})
        list(run_live([Path({str(tmp_path / "long.wav")!r})], config, Path({str(tmp_path / "out")!r})))
    """
    program = [sys.executable, "-c", textwrap.dedent(code)]
    run = subprocess.Popen(program, env=os.environ | {"TMPDIR": str(tmp_path)}, stderr=subprocess.PIPE, text=True)
    try:
        poll(lambda: (tmp_path / "out" / "long").is_dir(), 30.0)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=PATIENCE * 15.0)
    finally:
        if run.poll() is None:
            run.kill()
    assert "KeyboardInterrupt" in err.splitlines()[-1]
    poll(lambda: not nodes_of(str(tmp_path)), 10.0)
    assert read_content(tmp_path / "out" / "long").damage == ""


def test_settings_are_checked(tmp_path, config):
    for wrong, sentence in (({"workers": 0}, "workers is 0"), ({"rate": 99.0}, r"rate is 99.0; it must be in")):
        with pytest.raises(ConfigError, match=sentence):
            LiveSettings(**wrong)
    assert list(run_live([], config, tmp_path / "out")) == []
