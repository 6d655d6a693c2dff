"""The parts of a study: what was commanded, agreement, the sanity table, comparisons, the engine."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.lab.metrics.frechet import LatentStatistics
from speech_gesture_pkg.lab.study import engine, jobs, sanity_frechet
from speech_gesture_pkg.lab.study.commanded import commanded, execution
from speech_gesture_pkg.lab.study.compare import RESULTS, compare, load_results
from speech_gesture_pkg.lab.study.embeddings import LatentFile
from speech_gesture_pkg.lab.study.inputs import Item
from speech_gesture_pkg.lab.study.jobs import StudyJob
from speech_gesture_pkg.lab.study.sanity import names_judged, sanity_table
from speech_gesture_pkg.lab.study.store import RecordStore
from speech_gesture_pkg.lab.study.summary import corpus_figures, gathered
from speech_gesture_pkg.lab.study.worker import Outcome
from speech_gesture_pkg.verification.quintic import SampledTrajectory


def cubic(times: np.ndarray, shift: float = 0.0) -> SampledTrajectory:
    """Two joints along t^3 and 1 - t^2 (exactly reproduced by quintic pieces)."""
    t = np.asarray(times, float)
    p = np.stack([t**3 + shift, 1.0 - t**2], axis=1)
    v = np.stack([3 * t**2, -2 * t], axis=1)
    return SampledTrajectory(t, p, v, np.stack([6 * t, np.full_like(t, -2.0)], axis=1))


class TestCommanded:
    def test_windows_that_agree_give_the_curve(self):
        windows = [cubic(np.linspace(s, s + 1.0, 7)) for s in (0.0, 0.21, 0.4, 0.77)]
        run = commanded({"a": windows}, {"a": ("x", "y")}, rate=50.0)
        t = run.time
        assert t[0] == 0.0
        assert t[-1] == pytest.approx(1.76)
        np.testing.assert_allclose(run.position, np.stack([t**3, 1 - t**2], axis=1), atol=1e-9)
        np.testing.assert_allclose(run.velocity, np.stack([3 * t**2, -2 * t], axis=1), atol=1e-8)
        np.testing.assert_allclose(run.acceleration[:, 1], -2.0, atol=1e-6)

    def test_the_newest_window_that_has_begun_is_executed(self):
        windows = [cubic(np.linspace(0, 1, 5)), cubic(np.linspace(0.6, 1, 5), 0.5), cubic(np.linspace(0.3, 1, 5), 0.1)]
        run = execution(windows)
        position = run.at(np.array([0.2, 0.5, 0.9]))[0][:, 0]
        np.testing.assert_allclose(position - np.array([0.2, 0.5, 0.9]) ** 3, [0.0, 0.1, 0.1], atol=1e-9)

    def test_controllers_stand_still_outside_their_windows(self):
        run = commanded(
            {"a": [cubic(np.linspace(0, 1, 5))], "b": [cubic(np.linspace(0.5, 2, 5))]},
            {"a": ("x", "y"), "b": ("u", "v")},
            rate=10.0,
        )
        assert run.joint_names == ("x", "y", "u", "v")
        np.testing.assert_allclose(run.position[-1, :2], [1.0, 0.0])
        np.testing.assert_allclose(run.position[0, 2:], [0.125, 0.75])
        assert not run.velocity[0, 2:].any()
        assert not run.velocity[-1, :2].any()

    def test_no_windows(self):
        with pytest.raises(InputError, match="no trajectory windows"):
            commanded({"a": []}, {"a": ("x",)})


def control_record(i: int, real: float, spoiled: float, metric: str, material: str = "real") -> dict:
    names = dict.fromkeys(names_judged())
    rng = np.random.default_rng(i)
    figures = {c: dict(names) for c in ("as_is", "jittered", "time_shuffled", "frozen", "mirrored_audio")}
    figures["as_is"][metric] = real + 0.01 * rng.standard_normal()
    for c in ("jittered", "time_shuffled", "mirrored_audio"):
        figures[c][metric] = spoiled + 0.01 * rng.standard_normal()
    return {"controls": {"material": material, "figures": figures}, "timings": {"audio_s": 5.0}}


class TestSanity:
    @pytest.mark.parametrize(
        ("metric", "spoiled", "verdict", "overall"),
        [
            ("strokes_on_accents", 0.1, "passes", "passes"),  # higher is better, the control is lower
            ("strokes_on_accents", 0.9, "fooled", "fails"),
            ("asd", 0.9, "passes", "passes"),  # lower is better
            ("asd", 0.1, "fooled", "fails"),
            ("jerk_rms", 0.9, "changes", "passes"),  # should be as real motion's
            ("jerk_rms", 0.5, "blind", "fails"),
        ],
    )
    def test_verdicts(self, metric, spoiled, verdict, overall):
        table = sanity_table([control_record(i, 0.5, spoiled, metric) for i in range(12)])
        (row,) = table["rows"]
        assert row["controls"]["jittered"]["verdict"] == verdict
        assert row["controls"]["frozen"]["verdict"] == "no figure"
        assert row["verdict"] == overall
        heard = row["controls"]["mirrored_audio"]["verdict"]
        assert heard == (verdict if metric == "strokes_on_accents" else None)
        assert table["failing"] == ([metric] if overall == "fails" and row["published"] else [])

    def test_few_takes_say_nothing(self):
        (row,) = sanity_table([control_record(i, 0.5, 0.9, "asd") for i in range(5)])["rows"]
        assert row["verdict"] == "not judged"
        assert "at least 6" in row["controls"]["jittered"]["why"]

    def test_generated_motion_is_not_asked_to_be_near_the_truth(self):
        table = sanity_table([control_record(i, 0.5, 0.1, "ae", "prosody") for i in range(12)])
        assert table["rows"] == []

    def test_no_controls(self):
        assert sanity_table([{"timings": {}}]) is None


def record(name: str, value: float | None, seed: int = 0, system: str = "prosody", stamp: str = "") -> dict:
    why = None if value is not None else "there is no audio"
    return {
        "key": f"{name}{seed}",
        "name": name,
        "system": system,
        "generator": system,
        "seed": seed,
        "mode": "offline",
        "audio": None,
        "hashes": {"audio": f"hash of {name}"},
        "metrics": {"vsd": {"value": value, "unit": "m/frame", "why": why, "stamp": stamp}},
        "timings": {},
        "worst": [],
        "fallback_share": 0.0,
    }


def results(path: str, records: list[dict], **more) -> dict:
    corpus = {"value": None, "why": "no autoencoder", "stamp": "", "low": None, "high": None, "n": 0}
    about = {"unit": "m/frame", "better": "lower", "family": "human"}
    return {
        "schema": RESULTS,
        "path": path,
        "definitions": "d",
        "package": {"version": "1"},
        "settings": {},
        "corpus": {},
        "metrics": {"vsd": about, "fgd": {"unit": "", "better": "lower", "family": "corpus"}},
        "records": records,
        "systems": {r["system"]: {"corpus": {"fgd": corpus}} for r in records},
    } | more


class TestCompare:
    def test_a_clear_difference(self):
        rng = np.random.default_rng(0)
        a = results("a/results.json", [record(f"f{i}", 1.0 + 0.1 * rng.random()) for i in range(20)])
        b = results("b/results.json", [record(f"f{i}", 0.5 + 0.1 * rng.random()) for i in range(20)])
        row = compare(a, b)["rows"][0]
        assert row["verdict"] == "better"
        assert row["n"] == 20
        assert row["difference"] == pytest.approx(-0.5, abs=0.05)
        assert row["low"] < row["difference"] < row["high"] < 0
        assert row["p"] == pytest.approx(2 / 2**20, rel=1e-6)  # all signs equal: exact test
        assert compare(b, a)["rows"][0]["verdict"] == "worse"

    def test_seeds_are_averaged_first(self):
        a = results("a", [record("f", 1.0), record("f", 3.0, seed=1)])
        b = results("b", [record("f", 5.0)])
        row = compare(a, b)["rows"][0]
        assert (row["a_mean"], row["b_mean"], row["verdict"]) == (2.0, 5.0, "not compared")
        assert "at least 6" in row["why"]

    def test_refusals(self):
        a = results("a", [record("f", 1.0), record("g", 1.0)])
        with pytest.raises(InputError, match="different definitions"):
            compare(a, results("b", [record("f", 1.0)], definitions="other"))
        with pytest.raises(InputError, match="no file in common"):
            compare(a, results("b", [record("h", 1.0)]))
        with pytest.raises(InputError, match="--common compares the 1"):
            compare(a, results("b", [record("f", 1.0)]))
        assert compare(a, results("b", [record("f", 1.0)]), common=True)["unpaired"] == {"a": ["g"], "b": []}
        with pytest.raises(InputError, match="cannot be compared"):
            compare(a, results("b", [record("f", 1.0, stamp="ae 1"), record("g", 1.0, stamp="ae 1")]))
        with pytest.raises(InputError, match="--systems"):
            compare(
                results("a", [record("f", 1.0), record("f", 1.0, system="x")]), results("b", [record("f", 1, 0, "y")])
            )

    def test_frechet_distances_of_different_autoencoders(self):
        sides = []
        for stamp in ("one", "two"):
            side = results(stamp, [record("f", 1.0)])
            figure = {"value": 5.0, "why": None, "stamp": stamp, "low": 4.0, "high": 6.0, "n": 9}
            side["systems"]["prosody"]["corpus"]["fgd"] = figure
            sides.append(side)
        with pytest.raises(InputError, match="different autoencoders"):
            compare(*sides)

    def test_what_is_no_result(self, tmp_path):
        with pytest.raises(InputError, match="does not exist"):
            load_results(tmp_path)
        (tmp_path / "results.json").write_text("{}")
        with pytest.raises(InputError, match="schema None"):
            load_results(tmp_path)
        (tmp_path / "results.json").write_text("{")
        with pytest.raises(InputError, match="as JSON"):
            load_results(tmp_path / "results.json")


def test_files_are_the_units_of_intervals():
    figures = gathered([record("f", 1.0), record("f", 3.0, 1), record("g", 4.0), record("h", None)])
    entry = figures["prosody"].figures()["vsd"]
    assert (entry["n"], entry["mean"], entry["highest_file"]) == (2, 3.0, "g")
    assert entry["missing"] == {"there is no audio": 1}
    assert entry["low"] == 2.0
    assert entry["high"] == 4.0


class Coder:
    """An autoencoder's id and rate; its latents are given."""

    id, clip_frames, fps, moved = "ae 1", 10, 30.0, None

    def encode(self, clips: np.ndarray) -> np.ndarray:
        return clips.reshape(len(clips), -1)[:, :3]


def test_frechet_distance_of_a_corpus(tmp_path):
    """Diagonal Gaussians: |mu|^2 + sum (s1 - s2)^2 in closed form; the latents of a file stay together."""
    rng = np.random.default_rng(0)
    table = {}
    for i in range(40):
        table[f"real{i}"] = {"latents_fgd": rng.normal(0.0, 1.0, (50, 3))}
        table[f"made{i}"] = {"latents_fgd": rng.normal([2.0, 0.0, 0.0], [1.0, 3.0, 1.0], (50, 3))}
    records = [record(n, 1.0, system="real" if n[0] == "r" else "prosody") | {"key": n} for n in table]
    latents = LatentFile("ae", {"fgd": Coder()})
    found = corpus_figures(gathered(records), table.get, latents)
    figure = found["prosody"]["fgd"]
    assert figure["value"] == pytest.approx(2.0**2 + (3.0 - 1.0) ** 2, rel=0.05)
    assert figure["low"] < figure["value"] < figure["high"]
    assert figure["high"] - figure["low"] < 2.0
    assert (figure["stamp"], figure["n"], figure["against"]) == ("ae 1", 40, "40 true motions")
    assert found["real"]["fgd"]["value"] is None
    assert "no trained autoencoder" in found["prosody"]["fmd"]["why"]
    alone = corpus_figures(gathered([r for r in records if r["system"] == "prosody"]), table.get, latents)
    assert "no real motion" in alone["prosody"]["fgd"]["why"]


def test_records_are_whole_or_not_there(tmp_path):
    store = RecordStore(tmp_path)
    assert not store.done("k")
    store.save("k", {"schema": 1, "value": np.float64(1.5)}, {"x": np.arange(3)})
    assert store.done("k")
    assert store.load("k")["value"] == 1.5
    np.testing.assert_array_equal(store.arrays("k")["x"], [0, 1, 2])
    assert sorted(p.name for p in store.folder.iterdir()) == ["k.json", "k.npz"]
    store.path("k").write_text('{"schema": 1, "val')
    assert not store.done("k")
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.save("bad", {"value": float("nan")}, {})


def job(tmp_path, name: str = "a", **more) -> StudyJob:
    return StudyJob(Item("audio", tmp_path / f"{name}.wav", name), jobs.OFFLINE, "prosody", metrics=("vsd",), **more)


def test_keys_depend_on_what_goes_in(tmp_path):
    base = job(tmp_path, hashes=(("audio", "1"),), seed=0)
    others = [replace(base, seed=1), replace(base, hashes=(("audio", "2"),)), replace(base, samples=2)]
    others += [replace(base, values=(("style.amplitude", 1.5),)), replace(base, metrics=("asd",))]
    assert len({base.key, *(o.key for o in others)}) == 6
    assert replace(base, seconds=3.0, bag=tmp_path).key == base.key


def test_hashes_of_code_know_the_folders(monkeypatch):
    for part in jobs.NO_INFLUENCE:
        assert (jobs.PACKAGE / part).exists(), part
    read: list[str] = []
    monkeypatch.setattr(jobs, "_meaning", lambda file: read.append(file.name) or "")
    jobs._definitions_hash.__wrapped__()
    assert {"registry.py", "registry_robot.py", "beats.py", "frechet.py", "robot.py"} <= set(read)
    assert "controls.py" not in read


def test_one_bad_file_does_not_stop_the_rest(tmp_path, demo_urdf):
    values = (("robot.urdf", str(demo_urdf)),)
    outcomes = list(engine.do_jobs([job(tmp_path, "a", values=values), job(tmp_path, "b", values=values)]))
    assert [o.record for o in outcomes] == [None, None]
    assert "does not exist" in outcomes[0].failure["sentence"]
    assert outcomes[0].failure["error"] == "InputError"
    json.dumps(outcomes[0].failure)


def test_the_engine_takes_jobs_as_workers_become_free(tmp_path, monkeypatch):
    """With the executor of one thread: never more than two jobs are taken ahead."""
    from concurrent.futures import ThreadPoolExecutor
    from contextlib import contextmanager

    taken, ended = [], []

    def source():
        for i in range(20):
            taken.append(i)
            yield job(tmp_path, str(i))

    @contextmanager
    def pool():
        with ThreadPoolExecutor(1) as executor:
            yield executor, 1

    monkeypatch.setattr(engine, "run_job", lambda j, code: Outcome(j.key, j.item.name))
    for outcome in engine._in_pool(source(), pool):
        ended.append(outcome.label)
        assert len(taken) - len(ended) <= engine.AHEAD + 1
    assert sorted(ended, key=int) == [str(i) for i in range(20)]


def test_bad_options(tmp_path):
    with pytest.raises(ConfigError, match="at least 1"):
        list(engine.do_jobs([job(tmp_path)], workers=0))


def test_a_dask_cluster_does_the_jobs(tmp_path, demo_urdf):
    distributed = pytest.importorskip("distributed", reason="Dask (extra scale) is not installed")
    values = (("robot.urdf", str(demo_urdf)),)
    wanted = [job(tmp_path, name, values=values) for name in "abc"]
    cluster = distributed.LocalCluster(1, 2, processes=False, dashboard_address=None, protocol="tcp")
    with cluster:
        outcomes = list(engine.do_jobs(wanted, cluster=cluster.scheduler_address))
    assert {o.key for o in outcomes} == {j.key for j in wanted}
    assert all("does not exist" in o.failure["sentence"] for o in outcomes)


def test_no_scheduler_is_one_sentence(tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="Dask (extra scale) is not installed")
    monkeypatch.setattr(engine, "CONNECT_S", 0.5)
    with pytest.raises(InputError, match="no Dask scheduler answers"):
        list(engine.do_jobs([job(tmp_path)], cluster="tcp://127.0.0.1:1"))


class Reference(Coder):
    """With a corpus of its own: a standard Gaussian."""

    reference = LatentStatistics(np.zeros(3), np.eye(3), 1000, "ae 1")


def test_frechet_distances_are_asked_whether_they_see_spoiled_motion():
    rng = np.random.default_rng(1)
    table, records = {}, []
    for i in range(8):
        table[f"k{i}"] = {
            "control_fgd_as_is": rng.normal(0.0, 1.0, (40, 3)),
            "control_fgd_jittered": rng.normal(2.0, 1.0, (40, 3)),
            "control_fgd_frozen": rng.normal(0.0, 1.0, (40, 3)),
        }
        records.append({"key": f"k{i}", "controls": {"material": "real", "figures": {}}})
    latents = LatentFile("ae", {"fgd": Reference()})
    (row,) = sanity_frechet.rows(records, table.get, latents)
    cells = row["controls"]
    assert cells["jittered"]["verdict"] == "passes"
    assert cells["jittered"]["value"] == pytest.approx(12.0, rel=0.1)  # |(2, 2, 2)|^2
    assert cells["frozen"]["verdict"] == "blind"
    assert (cells["mirrored_audio"]["why"], row["verdict"]) == ("the metric does not listen", "fails")
    assert sanity_frechet.rows(records[:1], table.get, latents)[0]["verdict"] == "not judged"
    assert sanity_frechet.rows(records, table.get, None) == []
