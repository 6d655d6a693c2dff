"""The `speech-gesture` command as a user meets it: help, speed, one sentence and the right exit code for bad input."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from speech_gesture_pkg.cli.main import VERBS, main
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.npz import save_motion
from speech_gesture_pkg.motion.skeleton import NUM_JOINTS


def command(*arguments, **kwargs):
    return subprocess.Popen(
        [sys.executable, "-m", "speech_gesture_pkg.cli.main", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **kwargs,
    )


@pytest.fixture
def files(tmp_path, demo_urdf):
    """Good and bad input by name."""
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is no sound")
    soundfile.write(tmp_path / "zero.wav", np.zeros(0), 16000)
    wave = 0.3 * np.sin(2 * np.pi * 220 * np.arange(22050) / 44100)
    soundfile.write(tmp_path / "s8.wav", np.stack([wave, wave], 1), 44100, subtype="PCM_U8")
    (tmp_path / "bare.urdf").write_text(re.sub(r"<limit [^>]*>", "", demo_urdf.read_text()))
    (tmp_path / "bad.yaml").write_text("style: [")
    (tmp_path / "list.yaml").write_text("- style")
    (tmp_path / "unknown.yaml").write_text("/**: {ros__parameters: {style: {amplitud: 1.0}}}")
    (tmp_path / "file").touch()
    return tmp_path


BAD = [
    ("generate {}/none.wav", 3, "audio file {}/none.wav does not exist"),
    ("generate {}/empty.wav", 3, "empty.wav is empty"),
    ("generate {}/zero.wav", 3, "zero.wav holds no samples"),
    ("generate {}/text.wav", 3, "text.wav is not a readable audio file"),
    ("generate {}", 3, "is a folder"),
    ("generate {}/s8.wav --generator foo", 4, "generator 'foo' is unknown; it must be one of: prosody"),
    ("generate {}/s8.wav --set style.amplitud=1", 4, "'style.amplitud' is unknown; did you mean style.amplitude"),
    ("generate {}/s8.wav --set style.amplitude=9", 4, "style.amplitude is 9.0; it must be in [0.0, 2.0]"),
    ("generate {}/s8.wav --set style.amplitude", 4, "is malformed; it must look like --set style.amplitude=1.5"),
    ("generate {}/s8.wav --set style.amplitude=[", 4, "is malformed; it must look like --set style.amplitude=1.5"),
    ("generate {}/s8.wav --config {}/none.yaml", 4, "parameter file {}/none.yaml does not exist"),
    ("generate {}/s8.wav --config {}/bad.yaml", 4, "bad.yaml cannot be read as YAML"),
    ("generate {}/s8.wav --config {}/list.yaml", 4, "list.yaml holds list; it must hold a mapping of parameters"),
    ("generate {}/s8.wav --config {}/unknown.yaml", 4, "'style.amplitud' is unknown"),
    ("generate {}/s8.wav -o {}", 6, "the name must end in .npz or .bvh"),
    ("generate {}/s8.wav -o {}/file/x.npz", 6, "cannot write to {}/file: "),
    ("generate {}/s8.wav -o {}/x.txt", 6, "the name must end in .npz or .bvh"),
    ("retarget {}/none.npz", 3, "file {}/none.npz does not exist"),
    ("retarget {}/text.wav", 3, "text.wav is no npz archive"),
    ("retarget {}/good.npz --urdf {}/none.urdf", 5, "none.urdf does not exist"),
    ("retarget {}/good.npz --urdf {}/text.wav", 5, "is not well-formed XML"),
    ("retarget {}/good.npz --robot robby", 4, "robot 'robby' is unknown; it must be one of: demo"),
    ("robot check {}/bare.urdf", 5, "joints 'waist_yaw', "),
    ("robot check {}/none.urdf", 5, "none.urdf does not exist"),
    ("view {}/none.npz", 3, "file {}/none.npz does not exist"),
    ("view {}/text.wav", 3, "text.wav cannot be shown; give a motion or trajectory .npz"),
    ("view {}/none", 3, "bag {}/none does not exist"),
    ("view {}/good.npz --png {}/x.jpg", 6, "the name must end in .png"),
    ("check {}/none", 3, "bag {}/none does not exist"),
    ("check {}", 3, "is not a readable bag"),
    ("check {}/text.wav", 3, "text.wav is no bag"),
    ("demo --audio {}/none.wav", 3, "audio file {}/none.wav does not exist"),
    ("demo --urdf {}/bare.urdf --out {}/out", 5, "joints 'waist_yaw', "),
    ("demo --generator foo --out {}/out", 4, "generator 'foo' is unknown"),
    ("demo --out {}/file", 6, "cannot write to {}/file: "),
    ("demo --config {}/bad.yaml", 4, "bad.yaml cannot be read as YAML"),
    ("run --config {}/none.yaml", 4, "parameter file {}/none.yaml does not exist"),
    ("run --set foo", 4, "--set 'foo' is malformed"),
]


@pytest.mark.parametrize(("line", "code", "sentence"), BAD, ids=[b[0].replace("{}/", "") for b in BAD])
def test_bad_input_is_one_sentence(files, capsys, line, code, sentence):
    save_motion(files / "good.npz", MotionFrames(np.zeros((30, NUM_JOINTS, 3)), 30.0))
    assert main(line.replace("{}", str(files)).split()) == code
    out, err = capsys.readouterr()
    assert sentence.replace("{}", str(files)) in err
    assert err.startswith(f"speech-gesture {line.split()[0]}: ")
    assert len(err.splitlines()) == 1
    assert not out


def test_usage(capsys):
    for line, sentence in (("", "required: VERB"), ("dance", "invalid choice: 'dance'"), ("robot", "required: action")):
        with pytest.raises(SystemExit) as ended:
            main(line.split())
        assert ended.value.code == 2
        assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_help_needs_no_ros(verb, capsys):
    """Help works, and says what the verb does, without rclpy."""
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    text = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert VERBS[verb][1:].split(":")[0] in text
    assert "--json" in text or verb == "robot"


def test_light_imports():
    """Help comes at once, generate needs neither ROS nor torch, and the package itself is nothing to import."""
    code = (
        "import sys, time; t = time.process_time(); import speech_gesture_pkg; print(time.process_time() - t);"
        "t = time.process_time(); import speech_gesture_pkg.cli.generate; print(time.process_time() - t);"
        "print([m for m in ('rclpy', 'torch', 'viser', 'matplotlib', 'pinocchio') if m in sys.modules])"
    )
    package, verb, heavy = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert float(package) < 0.3
    assert float(verb) < 1.0
    assert "rclpy" not in heavy
    assert "torch" not in heavy


def test_without_ros(tmp_path, demo_urdf):
    """A verb that needs ROS says what to install."""
    stub = tmp_path / "rclpy"
    stub.mkdir()
    (stub / "__init__.py").write_text("raise ImportError('no ROS here')")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    for line in (f"demo --headless --out {tmp_path}/out", "record", f"replay {demo_urdf}", "run"):
        process = command(*line.split(), env=environment)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 7
        assert "this needs ROS 2: source your distribution's setup file" in err
        assert len(err.splitlines()) == 1


def test_a_missing_python_package_is_named(monkeypatch, capsys):
    import speech_gesture_pkg.cli.parameters as verb

    def lacking(_):
        raise ModuleNotFoundError("No module named 'viser'", name="viser")

    monkeypatch.setattr(verb, "run", lacking)
    assert main(["parameters"]) == 7
    assert "needs the Python package viser; pip install 'speech_gesture_pkg[demo]'" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(tmp_path, number):
    """A long file is interrupted: 130, one sentence, nothing half-written."""
    noise = np.random.default_rng(0).normal(size=16000 * 600) * 0.1
    soundfile.write(tmp_path / "long.wav", noise, 16000)
    process = command("generate", tmp_path / "long.wav", "-o", tmp_path / "long.npz", "-v")
    assert "600.0 s of speech; generator prosody" in process.stderr.readline()  # now it begins
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "speech-gesture generate: interrupted" in err
    assert "Traceback" not in err
    assert not (tmp_path / "long.npz").exists()


def test_closed_pipe():
    process = command("parameters")
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(20) == 1
    assert "Traceback" not in err


def test_json_is_the_only_output(files, capsys):
    assert main(["generate", str(files / "s8.wav"), "-o", str(files / "s8.npz"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["frames"] == 15  # half a second of 8-bit stereo at 44.1 kHz
