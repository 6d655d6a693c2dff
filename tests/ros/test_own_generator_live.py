"""docs/extending/generator.md and audio_type.md in the real node, beside the simulated robot."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from gesture_rig import Speaker, Watch, told
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(autouse=True)
def examples_on_the_path(monkeypatch):
    """As the pages say: PYTHONPATH=examples."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(EXAMPLES), *filter(None, [os.environ.get("PYTHONPATH")])]))


@pytest.mark.slow
def test_the_node_runs_a_generator_of_ones_own(probe, start, demo_urdf, own_generator_model):
    start("sim_robot_node")
    own = {"generator__name": "own_generator:LstmGenerator", "generator__model": own_generator_model}
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf, **own)
    watch, speaker = Watch(probe), Speaker(probe)
    windows = probe.collect(JointTrajectory, "/right_arm_controller/joint_trajectory")
    watch.until_state("gesturing")
    probe.wait(watch.moving, 20.0)
    assert windows
    assert watch.values["generator"] == "lstm"
    assert watch.values["faults"] == "0"
    assert watch.span(3.0) > 0.2, "rad; the arm's joints move"
    speaker.stop()
    assert gesture.stop() == 0
    assert "Traceback" not in gesture.output


def test_a_generator_that_is_not_there_fails_configure_in_a_sentence(start, demo_urdf):
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf, generator__name="own_generator:Nobody")
    assert gesture.process.wait(20.0) == 4
    assert told(gesture.output, "generator 'own_generator:Nobody'", "the module own_generator has no Nobody")


@pytest.mark.slow
def test_the_node_reads_an_audio_type_of_ones_own(probe, start, demo_urdf):
    start("sim_robot_node")
    kind = "own_audio_type:JSON_AUDIO"
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf, audio__message_type=kind)
    watch = Watch(probe)

    def message(samples, _):
        return String(data=json.dumps({"rate": 16000, "pcm": base64.b64encode(samples.tobytes()).decode()}))

    speaker = Speaker(probe, kind=String, message=message)
    probe.wait(watch.moving, 20.0)
    speaker.stop()
    out = probe.node.create_publisher(String, "audio", 10)
    refused = ("own_audio_type:JSON_AUDIO cannot read a message", "KeyError: 'rate'")
    probe.say(out, [String(data="{}")], lambda: told(gesture.output, *refused))
    assert gesture.stop() == 0
    assert "Traceback" not in gesture.output


@pytest.mark.slow
def test_the_tts_example_makes_the_robot_gesture(probe, start, demo_urdf):
    start("sim_robot_node")
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf)
    watch = Watch(probe)
    probe.wait(lambda: watch.values.get("lifecycle") == "active", 15.0)
    wav = EXAMPLES.parent / "models" / "audio" / "demo_speech.wav"
    command = [sys.executable, str(EXAMPLES / "tts_publisher.py"), str(wav)]
    tts = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        probe.wait(watch.moving, 20.0)
        probe.wait(lambda: tts.poll() is not None, 30.0)
        assert tts.returncode == 0
        assert "everything is said" in tts.communicate()[1]
    finally:
        tts.kill()
        tts.wait()
    assert gesture.stop() == 0
