"""`evaluate` with parts of one's own that go wrong, and with some metrics only."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from speech_gesture_pkg.audio.files import read_audio, write_wav
from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.features.extractor import SpeechFeatureExtractor
from speech_gesture_pkg.lab.metrics.registry import METRICS, measure
from speech_gesture_pkg.lab.metrics.result import NotComputable
from speech_gesture_pkg.lab.metrics.sample import MetricInput, RobotMetricInput
from speech_gesture_pkg.lab.study.plan import metric_names
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.npz import save_motion
from speech_gesture_pkg.resources import DEMO_AUDIO, resource

METRIC = """
from speech_gesture_pkg.lab.metrics.spec import Better, Metric, Need

def figure(take):
    return {figure}

OWN = Metric("own", figure, "", Better.REAL, "mine", {needs})
"""
GENERATOR = """
class Bad:
    name, fps, hop_frames, lookahead_s, sample_rate = "bad", 30.0, 1, 0.0, 16_000
    def start(self, seed=0, speaker=None, style=None):
        return 0
    def step(self, audio, state, style=None):
        return 1 / 0
"""


@pytest.fixture
def own(mine):
    """Makes a metric of one's own; it leaves the registry with the test."""
    before = dict(METRICS)
    yield lambda figure, needs="frozenset()": f"{mine(METRIC.format(figure=figure, needs=needs))}:OWN"
    METRICS.clear()
    METRICS.update(before)


@pytest.fixture
def motion() -> MotionFrames:
    return MotionFrames(0.1 * np.random.default_rng(0).normal(size=(90, 55, 3)), 30.0)


def evaluate(out, *arguments: object) -> dict:
    assert main(["evaluate", *map(str, arguments), "--out", str(out), "--workers", "1"]) == 0
    return json.loads((out / "results.json").read_text())


@pytest.mark.parametrize(
    ("figure", "sentence"),
    [
        ("[][2]", "failed (IndexError: list index out of range, at {}.py:5)"),
        ("take.positions", "gave an object of type ndarray of shape (90, 55, 3); it must return one number ({}.py:4)"),
        ("'much'", "gave an object of type str; it must return one number ({}.py:4)"),
        ("None", "gave an object of type NoneType; it must return one number ({}.py:4)"),
    ],
)
def test_a_metric_that_fails_costs_its_own_figure(own, motion, tmp_path, capsys, figure, sentence):
    name = own(figure)
    save_motion(tmp_path / "in" / "one.npz", motion)
    results = evaluate(tmp_path / "out", tmp_path / "in", "--metrics", name, "vel", "--no-report")
    path = tmp_path / name.partition(":")[0]
    assert results["records"][0]["metrics"][name]["why"] == f"metric '{name}' {sentence.format(path)}"
    assert results["systems"]["motion"]["metrics"]["vel"]["mean"] > 0.0
    assert sentence.format(path) in capsys.readouterr().out


def test_what_a_metric_needs_must_be_there(own, motion):
    speech = SpeechFeatureExtractor()
    features = speech.step(np.zeros(48_000, np.float32), speech.start())[0]
    has = {
        "TRUTH": {"truth": motion},
        "AUDIO": {"speech": features},
        "SAMPLES": {"samples": (motion,)},
        "ROBOT": {"robot": RobotMetricInput()},
        "FACE": {},
    }
    for need, pieces in has.items():
        name = own("3", f"frozenset({{Need.{need}}})")
        assert measure(name, MetricInput(motion, **pieces)).value == 3.0
        without = replace(motion, valid=np.tile([True, True, False], (len(motion), 1)))
        found = measure(name, MetricInput(without)).value
        assert isinstance(found, NotComputable)
        assert f"metric '{name}': it needs " in found.reason


def test_only_what_was_asked_for_is_printed_and_written(motion, tmp_path, capsys):
    for k in range(2):
        save_motion(tmp_path / "in" / f"{k}.npz", motion)
    results = evaluate(tmp_path / "out", tmp_path / "in", "--metrics", "vel", "vsd")
    assert list(results["metrics"]) == ["vsd", "vel"]
    assert results["systems"]["motion"]["corpus"] == {}
    printed = capsys.readouterr().out
    assert "fgd" not in printed
    assert "no figure" not in printed
    (header, *_) = csv.reader((tmp_path / "out" / "results.csv").open())
    assert [h for h in header if "robot" in h or "fgd" in h] == []
    assert "vel [m/s]" in header
    assert "fgd" not in (tmp_path / "out" / "report.html").read_text()
    other = evaluate(tmp_path / "fgd", tmp_path / "in", "--metrics", "fgd", "vel")
    assert list(other["metrics"]) == ["vel", "fgd"]
    assert set(other["systems"]["motion"]["corpus"]) == {"fgd"}
    both = [str(tmp_path / n / "results.json") for n in ("out", "fgd")]
    assert main(["evaluate", "--compare", *both, "--out", str(tmp_path / "c"), "--no-report"]) == 0


def test_an_unknown_metric_says_how_ones_own_is_named():
    with pytest.raises(ConfigError, match=r"'hands_raised' is unknown; .* One of your own is named module:NAME$"):
        metric_names(["hands_raised"])


def test_figures_of_a_generator_that_the_fall_back_replaced_are_marked(mine, tmp_path, capsys):
    write_wav(tmp_path / "s.wav", read_audio(resource(DEMO_AUDIO)).samples[: 5 * 16000])
    name = f"{mine(GENERATOR)}:Bad"
    generators = ("--generator", name, "--generator", "prosody")
    results = evaluate(tmp_path / "out", tmp_path / "s.wav", "--offline", "--metrics", "vel", *generators)
    found = results["systems"][name]["fallback"]
    assert (found["generator"], found["records"]) == ("prosody", 1)
    assert found["share"] > 0.9
    assert results["systems"]["prosody"]["fallback"] is None
    printed = capsys.readouterr().out
    (row,) = (line for line in printed.splitlines() if line.startswith("vel "))
    assert row.count("*") == 1
    assert f"* {name}: the fall-back prosody made " in printed
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("the fall-back prosody made") >= 4, "notes and marks"
