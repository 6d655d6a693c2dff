"""docs/extending/metric.md: the metric is computed, and evaluated beside the built-in ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

from own_metric import HANDS_RAISED
from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.lab.metrics.registry import measure
from speech_gesture_pkg.lab.metrics.sample import MetricInput
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.npz import save_motion
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX

NAME = "own_metric:HANDS_RAISED"


def raised(frames: int) -> MotionFrames:
    """100 frames; in the first `frames` of them the left forearm points up, then down."""
    poses = np.zeros((100, 55, 3))
    poses[:, JOINT_INDEX["left_elbow"], 2] = np.where(np.arange(100) < frames, 1.5, -1.5)
    poses[:, JOINT_INDEX["right_elbow"], 2] = 1.5
    return MotionFrames(poses, 30.0)


def test_the_figure_is_the_share_of_frames():
    assert HANDS_RAISED.compute(MetricInput(raised(25))) == pytest.approx(25.0)
    found = measure(NAME, MetricInput(raised(40)))
    assert (found.name, found.value, found.unit) == (NAME, pytest.approx(40.0), "%")


def test_evaluate_reports_it(tmp_path, capsys):
    save_motion(tmp_path / "in" / "one.npz", raised(30))
    out = tmp_path / "out"
    command = ["evaluate", str(tmp_path / "in"), "--out", str(out), "--workers", "1", "--latents", "none"]
    assert main([*command, "--metrics", NAME, "vel"]) == 0
    assert NAME in capsys.readouterr().out
    results = json.loads((out / "results.json").read_text())
    assert results["systems"]["motion"]["metrics"][NAME]["mean"] == pytest.approx(30.0)
    assert results["metrics"][NAME]["unit"] == "%"
    assert NAME in results["records"][0]["hashes"], "another version of its code is evaluated again"
    assert (out / "report.html").is_file() or list(out.glob("*.html"))


def test_a_wrong_name_is_a_sentence(tmp_path, capsys):
    save_motion(tmp_path / "one.npz", raised(30))
    assert main(["evaluate", str(tmp_path / "one.npz"), "--out", str(tmp_path / "o"), "--metrics", "own_metric:X"]) == 4
    assert "the module own_metric has no X; it has: " in capsys.readouterr().err
