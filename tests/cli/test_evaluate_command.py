"""`speech-gesture evaluate`, from files to results."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
from bag_writing import BagWriter, int16_audio, joint_state, trajectory

from speech_gesture_pkg.audio.files import write_wav
from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.lab.metrics.registry import METRICS
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.npz import save_motion

RATE = 16000


def speech(seconds: float, seed: int = 0) -> np.ndarray:
    """Syllables: a voiced tone that swells three times a second."""
    t = np.arange(int(seconds * RATE)) / RATE
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.4 * t + seed)
    tone = sum(np.sin(2 * np.pi * k * np.cumsum(pitch) / RATE) / k for k in range(1, 8))
    return (0.2 * tone * np.clip(np.sin(2 * np.pi * 3.0 * t), 0, 1) ** 0.5).astype(np.float32)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two files of speech with ground truth, one that is no audio; evaluated once."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(0)
    for i, name in enumerate(("one", "two")):
        write_wav(folder / f"{name}.wav", speech(3.5, i))
        walk = np.cumsum(rng.normal(0, 0.01, (105, 55, 3)), axis=0)
        save_motion(folder / f"{name}.npz", MotionFrames(walk, 30.0, face=rng.uniform(0, 1, (105, 52))))
    (folder / "bad.wav").write_text("no audio")
    out = folder.parent / "out"
    arguments = ["evaluate", str(folder), "--offline", "--out", str(out), "--no-report", "--workers", "1"]
    arguments += ["--samples", "2", "--generator", "prosody"]
    return folder, out, arguments, main(arguments)


def loaded(out) -> dict:
    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is no JSON")

    return json.loads((out / "results.json").read_text(), parse_constant=refuse)


def test_a_failed_file_is_listed_and_the_rest_goes_on(study):
    _, out, _, code = study
    results = loaded(out)
    assert code == 1
    assert results["counts"]["records"] == 4
    assert results["counts"]["failed"] == 1
    (failure,) = results["failures"]
    assert failure["name"] == "bad"
    assert "not a readable audio file" in failure["sentence"]
    assert {n: s["records"] for n, s in results["systems"].items()} == {"prosody": 2, "real": 2}


def test_every_metric_has_a_number_or_a_sentence(study):
    for record in loaded(study[1])["records"]:
        assert set(record["metrics"]) == set(METRICS)
        for name, m in record["metrics"].items():
            assert (m["value"] is None) == bool(m["why"]), name
            assert m["unit"] == METRICS[name].unit
    prosody = next(r for r in loaded(study[1])["records"] if r["system"] == "prosody")["metrics"]
    for name in ("l2_talkshow", "diversity_thesis", "pcm", "vsd", "robot_jerk_rms", "robot_direction_error"):
        assert prosody[name]["value"] is not None, prosody[name]["why"]
    assert prosody["robot_position_over_limit"]["value"] == 0.0
    assert prosody["robot_collision"]["value"] == 0.0
    assert "clock was simulated" in prosody["robot_latency_p50"]["why"]
    assert "2 true motions" in prosody["pcm"]["stamp"]


def test_what_a_page_needs_is_there(study):
    results = loaded(study[1])
    assert re.fullmatch(r"[0-9a-f]{64}", results["corpus"]["sha256"])
    assert results["settings"]["mode"] == "offline"
    assert results["corpus"]["seconds"] == pytest.approx(7.0)
    assert results["systems"]["prosody"]["corpus"]["fmd"]["why"] == "no trained autoencoder was given (--latents)"
    assert results["systems"]["prosody"]["corpus"]["diversity_diffsheg"]["value"] > 0
    record = next(r for r in results["records"] if r["system"] == "prosody")
    assert np.shape(record["poses"]["positions"]) == (6, 22, 3)
    assert len(record["curves"]["robot_hand_speed"]) == len(record["curves"]["loudness_db"]) == 17
    assert {m["what"] for m in record["worst"]} >= {"limit", "clearance", "direction"}
    with np.load(study[1] / "records" / f"{record['key']}.npz") as arrays:
        assert arrays["commanded_position"].shape == (len(arrays["commanded_time"]), len(arrays["joint_names"]))


def test_the_table_has_one_row_a_record(study):
    with (study[1] / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    by_name = {(r["name"], r["system"]): r for r in rows}
    record = next(r for r in loaded(study[1])["records"] if (r["name"], r["system"]) == ("one", "prosody"))
    cell = by_name["one", "prosody"]["vsd [m/frame]"]
    assert float(cell) == pytest.approx(record["metrics"]["vsd"]["value"], rel=1e-8)
    assert by_name["one", "prosody"]["robot_latency_p50 [s]"] == ""
    assert by_name["bad", "prosody"]["failure"] != ""


def test_a_second_run_does_only_what_is_left(study, capsys):
    folder, out, arguments, _ = study
    before = loaded(out)["records"]
    write_wav(folder / "bad.wav", speech(2.0))
    assert main(arguments) == 0
    told = capsys.readouterr()
    assert "4 of 5 are done already" in told.err
    results = loaded(out)
    assert results["counts"]["skipped_done"] == 4
    assert [r for r in results["records"] if r["name"] != "bad"] == before


def test_runs_are_compared(study, tmp_path, capsys):
    out = study[1]
    assert main(["evaluate", "--compare", str(out), "--out", str(tmp_path), "--no-report"]) == 3
    assert "holds one system" in capsys.readouterr().err
    code = main(["evaluate", "--compare", str(out), str(out / "results.json"), "--out", str(tmp_path), "--no-report"])
    assert code == 3
    again = tmp_path / "again"
    inputs = [str(study[0] / "one.wav"), "--offline", "--out", str(again), "--no-report", "--workers", "1"]
    inputs += ["--generator", "prosody"]
    assert main(["evaluate", *inputs, "--metrics", "vsd"]) == 0
    capsys.readouterr()
    arguments = ["evaluate", "--compare", str(out), str(again), "--out", str(tmp_path), "--no-report", "--json"]
    assert main(arguments) == 3
    assert "--common" in capsys.readouterr().err
    assert main([*arguments, "--common"]) == 0
    row = json.loads(capsys.readouterr().out)["rows"][0]
    assert row["verdict"] == "not compared"


def test_a_bag_is_judged_as_recorded(tmp_path, capsys):
    """Two joints swing, well inside their limits; the joint states follow exactly."""
    names = ["neck_yaw", "waist_yaw"]

    def swing(t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        q = 0.3 * np.sin(3 * t)
        return tuple(np.repeat(x[:, None], 2, 1) for x in (q, 0.9 * np.cos(3 * t), -2.7 * np.sin(3 * t)))

    samples = (speech(4.0) * 32767).astype(np.int16)
    with BagWriter(tmp_path / "bag") as bag:
        times = np.arange(0.0, 4.0, 0.01)
        events = [(float(t), "/joint_states", joint_state(names, t, swing(np.array([t]))[0][0])) for t in times]
        for begin in np.arange(0.0, 3.9, 0.1):
            points = begin + 0.05 + np.arange(13) / 30
            position, velocity, acceleration = swing(points)
            velocity[-1] = acceleration[-1] = 0.0
            message = trajectory(names, begin + 0.05, np.arange(13) / 30, position, velocity, acceleration)
            events.append((float(begin), "/arms_controller/joint_trajectory", message))
        for k in range(0, len(samples), 1600):
            events.append(((k + 1600) / RATE, "/audio", int16_audio(samples[k : k + 1600])))
        for at, topic, message in sorted(events, key=lambda e: e[0]):
            bag.write(topic, message, at)
    out = tmp_path / "out"
    assert main(["evaluate", str(tmp_path / "bag"), "--out", str(out), "--no-report"]) == 0
    (record,) = loaded(out)["records"]
    m = record["metrics"]
    assert record["system"] == "recorded"
    assert m["robot_late_windows"]["value"] == 0.0
    assert m["robot_tracking_error"]["value"] < 1e-4
    assert m["robot_position_over_limit"]["value"] == 0.0
    assert m["robot_collision"]["value"] is not None
    assert m["robot_latency_p50"]["value"] < 0.1
    assert "no SMPL-X motion" in m["vsd"]["why"]
    assert record["audio"]["seconds"] == pytest.approx(4.0, abs=0.01)


def test_bad_options_are_one_sentence(tmp_path, capsys):
    write_wav(tmp_path / "a.wav", speech(1.0))
    for arguments, code, sentence in (
        (["--metrics", "vsdd"], 4, "did you mean vsd"),
        (["--generator", "nobody"], 4, "nobody"),
        (["--seeds", "0"], 4, "at least 1"),
        (["--set", "style.amplitude=9"], 4, "style.amplitude"),
        (["--latents", str(tmp_path / "none.safetensors")], 3, "none.safetensors"),
        (["--limit", "-1"], 4, "--limit is -1"),
        (["--truth", str(tmp_path / "none")], 3, "does not exist"),
    ):
        inputs = [str(tmp_path / "a.wav"), "--offline", "--out", str(tmp_path / "out"), "--no-report", *arguments]
        assert main(["evaluate", *inputs]) == code
        told = capsys.readouterr().err
        assert sentence in told
        assert len(told.strip().splitlines()) == 1
    assert main(["evaluate"]) == 3
    (tmp_path / "b.wav").write_text("no audio")
    assert main(["evaluate", str(tmp_path / "b.wav"), "--offline", "--out", str(tmp_path / "out")]) == 3
    assert "nothing could be evaluated" in capsys.readouterr().err


def test_the_list_of_metrics(capsys):
    assert main(["evaluate", "--list-metrics"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in METRICS)
