"""The verbs that need no ROS, with good input: what they write and print."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest
import soundfile
import yaml

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.cli.run import ros_arguments
from speech_gesture_pkg.config import GestureConfig, parameters
from speech_gesture_pkg.config_files import load_yaml
from speech_gesture_pkg.motion.npz import load_motion
from speech_gesture_pkg.resources import DEMO_AUDIO, resource
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.verification.motion_guarantees import urdf_limits

SECONDS = 4.0


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """speech.wav, motion.npz, motion.bvh and trajectory.npz, made by the verbs themselves."""
    folder = tmp_path_factory.mktemp("commands")
    speech = read_audio(resource(DEMO_AUDIO)).samples[: int(16000 * SECONDS)]
    soundfile.write(folder / "speech.wav", speech, 16000)
    assert main(f"generate {folder}/speech.wav -o {folder}/motion.npz --bvh {folder}/motion.bvh".split()) == 0
    assert main(f"retarget {folder}/motion.npz -o {folder}/trajectory.npz".split()) == 0
    return folder


def test_generate(made, capsys):
    motion = load_motion(made / "motion.npz")
    assert len(motion) == 120
    assert motion.fps == 30.0
    with np.load(made / "motion.npz") as data:
        assert data["poses"].shape == (120, 165)
    lines = (made / "motion.bvh").read_text().splitlines()
    assert lines[0] == "HIERARCHY"
    assert "Frames: 120" in lines
    assert main(f"generate {made}/speech.wav -o {made}/alone.bvh --seed 3".split()) == 0
    assert "120 frames at 30 fps (4.0 s of speech)" in capsys.readouterr().out
    assert not (made / "alone.npz").exists()


def test_generate_takes_parameters_in_order(made, capsys):
    """--config, then --seed, then --set; the same choice gives the same motion."""
    (made / "still.yaml").write_text("style: {amplitude: 0}\ngenerator: {seed: 7}\n")

    def poses(options):
        assert main(f"generate {made}/speech.wav -o {made}/x.npz {options}".split()) == 0
        capsys.readouterr()
        return load_motion(made / "x.npz").poses

    still = poses(f"--config {made}/still.yaml")
    np.testing.assert_array_equal(still, poses("--seed 7 --set style.amplitude=0"))
    np.testing.assert_array_equal(poses("--seed 7"), poses(f"--config {made}/still.yaml --set style.amplitude=1.0"))
    assert np.abs(poses("--seed 7") - still).max() > 0.1


def test_retarget_keeps_the_limits(made, demo_urdf):
    trajectory = RobotTrajectory.load(made / "trajectory.npz")
    limits = urdf_limits(demo_urdf.read_text())
    lower, upper, speed = (np.array([limits[j][k] for j in trajectory.joint_names]) for k in range(3))
    assert ((trajectory.position >= lower) & (trajectory.position <= upper)).all()
    assert (np.abs(trajectory.velocity) <= speed).all()
    assert np.ptp(trajectory.position, axis=0).max() > 0.3


def test_robot_check(made, demo_urdf, capsys):
    assert main(f"robot check {demo_urdf} --png {made}/robot.png --yaml {made}/map.yaml".split()) == 0
    out = capsys.readouterr().out
    assert out.startswith("demo_humanoid\n")
    assert all(name in out for name in ("left_shoulder_pitch", "neck_yaw", "right_pinky_2", "jaw"))
    assert f"wrote {made}/robot.png" in out
    assert (made / "robot.png").read_bytes()[:4] == b"\x89PNG"
    assert isinstance(yaml.safe_load((made / "map.yaml").read_text()), dict)
    assert main(f"robot check {demo_urdf} --json".split()) == 0
    result = json.loads(capsys.readouterr().out)
    assert len(result["groups"]["left_arm"]) == 7
    assert main(f"retarget {made}/motion.npz -o {made}/t.npz --urdf {demo_urdf} --json".split()) == 0
    assert json.loads(capsys.readouterr().out)["joints"] == 47


def test_view_to_files(made, demo_urdf, capsys):
    for name in ("motion", "trajectory"):
        assert main(f"view {made}/{name}.npz --png {made}/{name}.png --count 3".split()) == 0
        assert (made / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    assert capsys.readouterr().out.split() == [f"{made}/motion.png", f"{made}/trajectory.png"]


def test_view_to_video(made):
    assert main(f"view {made}/motion.npz --audio {made}/speech.wav --video {made}/motion.mp4".split()) == 0
    assert (made / "motion.mp4").read_bytes()[4:8] == b"ftyp"


def test_bench_without_ros(made, capsys):
    assert main(f"bench --no-ros --json --repeat 1 --audio {made}/speech.wav".split()) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["machine"]["cores"] >= 1
    assert result["import"]["package_s"] < 0.3
    assert result["pipeline"]["real_time_factor"] > 1.0
    assert result["pipeline"]["seconds"] == pytest.approx(SECONDS)
    assert "live" not in result


def test_parameters(made, capsys):
    assert main(["parameters", "--yaml"]) == 0
    (made / "all.yaml").write_text(capsys.readouterr().out)
    values = load_yaml(str(made / "all.yaml"))
    assert GestureConfig().with_values(values) == GestureConfig()
    assert set(values) == {p.name for p in parameters()}
    assert main(["parameters"]) == 0
    assert "| `style.amplitude` | `1.0` | 0 to 2 |" in capsys.readouterr().out


def test_run_passes_its_options_as_ros_arguments(made):
    (made / "node.yaml").write_text(
        "/**: {ros__parameters: {style: {amplitude: 0.5}, controllers: {names: [a], a: {joints: [x, y]}}}}"
    )
    options = argparse.Namespace(
        config=str(made / "node.yaml"),
        urdf="my robot.urdf",
        generator=None,
        sync="delay",
        use_sim_time=True,
        audio_topic="/tts",
        set=["style.parts=[body, face]", "output.face=false"],
    )
    arguments = ros_arguments(options)
    assert arguments[0] == "--ros-args"
    assert arguments[-2:] == ["-r", "audio:=/tts"]
    given = dict(a.split(":=", 1) for a in arguments if ":=" in a and not a.startswith("audio"))
    assert {name: yaml.safe_load(text) for name, text in given.items()} == {
        "autostart": True,
        "style.amplitude": 0.5,
        "controllers.names": ["a"],
        "controllers.a.joints": ["x", "y"],
        "robot.urdf": "my robot.urdf",
        "sync.mode": "delay",
        "use_sim_time": True,
        "style.parts": ["body", "face"],
        "output.face": False,
    }
