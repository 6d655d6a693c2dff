"""The examples that need no ROS, run as a user runs them."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from speech_gesture_pkg.audio.files import read_audio, write_wav
from speech_gesture_pkg.motion.npz import load_motion
from speech_gesture_pkg.resources import DEMO_AUDIO, resource

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def wav(tmp_path_factory):
    """Five seconds of speech."""
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    write_wav(path, read_audio(resource(DEMO_AUDIO)).samples[: 5 * 16000])
    return path


def example(name: str, *arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_speech_to_robot_writes_joint_positions(wav, tmp_path):
    done = example("speech_to_robot.py", wav, tmp_path / "joints.csv")
    assert done.returncode == 0, done.stderr
    with (tmp_path / "joints.csv").open() as file:
        header, *rows = csv.reader(file)
    table = np.array(rows, float)
    assert header[0] == "time"
    assert "right_elbow_pitch" in header or len(header) > 20
    assert (np.diff(table[:, 0]) > 0).all()
    assert table[-1, 0] > 5.0
    assert (np.ptp(table[:, 1:], axis=0) > 0.05).sum() > 5, "gestures move the robot"
    assert len((EXAMPLES / "speech_to_robot.py").read_text().splitlines()) <= 40


def test_a_wrong_name_is_one_sentence(wav, tmp_path):
    done = example("speech_to_robot.py", wav, tmp_path / "joints.csv", "robby")
    assert done.returncode == 1
    assert done.stderr.startswith("robot 'robby' is unknown; it must be one of: demo")


def test_stream_a_generator_saves_motion(wav, tmp_path):
    done = example("stream_a_generator.py", wav, tmp_path / "motion.npz")
    assert done.returncode == 0, done.stderr
    motion = load_motion(tmp_path / "motion.npz")
    assert 4.5 < motion.end - motion.start <= 5.0
    assert np.ptp(motion.poses, axis=0).max() > 0.1
