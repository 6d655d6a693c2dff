"""Nodes on machines as they come: no home, folders that cannot be written, files for all nodes, ASCII terminals."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from ros_rig import ROOT

NODE = [sys.executable, "-m", "speech_gesture_pkg.ros.gesture_node", "--ros-args", "-p", "autostart:=true"]
LOG = ("ROS_LOG_DIR", "ROS_HOME")


def run(command, without=(), **environment):
    kept = {k: v for k, v in os.environ.items() if k not in without}
    done = subprocess.run(command, env=kept | environment, capture_output=True, cwd=ROOT, timeout=120)
    output = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert "Traceback" not in output
    return done.returncode, output


@pytest.mark.parametrize(
    ("without", "environment", "says"),
    [
        ((*LOG, "HOME"), {}, "neither HOME nor ROS_LOG_DIR is set: log files go to "),
        (LOG, {"HOME": "/proc/nobody"}, "/proc/nobody/.ros/log cannot be written"),
        ((), {"ROS_LOG_DIR": "/proc"}, "/proc cannot be written"),
    ],
)
def test_without_a_home_the_node_runs_and_says_where_it_logs(without, environment, says, tmp_path):
    code, output = run([*NODE, "-p", f"robot.urdf:={tmp_path}/none.urdf"], without, **environment)
    assert code == 5
    assert says in output
    assert "none.urdf does not exist" in output


def test_without_any_folder_for_logs_one_sentence_says_so(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import tempfile\ndef full(*a, **k):\n    raise OSError(28, 'no space')\ntempfile.mkdtemp = full\n"
    )
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    code, output = run(NODE, (*LOG, "HOME"), PYTHONPATH=path)
    assert code == 4
    assert "ROS has no folder for its log files" in output
    assert "set ROS_LOG_DIR" in output


def test_a_file_for_all_nodes_gives_the_robot_too(demo_urdf, tmp_path):
    """`/**` with the URDF's text and other nodes' parameters, as many robots have it."""
    values = {"robot_description": demo_urdf.read_text(), "update_rate": 500, "arm.type": "JTC"}
    (tmp_path / "robot.yaml").write_text(json.dumps({"/**": {"ros__parameters": values}}))
    # no such generator: configuring ends there, after the parameters
    command = [*NODE, "-p", "generator.name:=prosody", "-p", "robot.map_file:=none.yaml"]
    code, output = run([*command, "--params-file", f"{tmp_path}/robot.yaml"])
    assert "ignored, no parameters of this node: " in output
    assert "update_rate" in output
    assert "arm.type" in output
    assert (code, "robot.map_file none.yaml does not exist" in output) == (4, True), "the URDF was read before"
    values["robot_description"] = 3
    (tmp_path / "robot.yaml").write_text(json.dumps({"/**": {"ros__parameters": values}}))
    code, output = run([*command, "--params-file", f"{tmp_path}/robot.yaml"])
    assert (code, "robot_description is 3; it must be the text of a URDF" in output) == (4, True)


@pytest.mark.parametrize(
    "terminal",
    [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
)
def test_names_that_the_terminal_cannot_show_do_no_harm(terminal, tmp_path):
    folder = tmp_path / "Roboter_ä"
    code, output = run([*NODE, "-p", f"robot.urdf:={folder}/ö.urdf"], **terminal)
    assert (code, "ö.urdf does not exist" in output) == (5, True) or "needs a UTF-8 locale" in output
    assert code in (4, 5)
    generate = [sys.executable, "-m", "speech_gesture_pkg", "generate", f"{ROOT}/models/audio/demo_speech.wav"]
    code, output = run([*generate, "-o", f"{folder}/bewegung_ü.npz"], **terminal)
    assert code == 0, output
    assert (folder / "bewegung_ü.npz").is_file()
    code, output = run([sys.executable, "-m", "speech_gesture_pkg", "retarget", f"{folder}/ß.npz"], **terminal)
    assert code == 3
    assert ".npz does not exist" in output
