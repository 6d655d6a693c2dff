"""The ablation: finds models, measures once, goes on after an interruption, and judges the thesis's orders."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile
from speechcat_tiny import tiny_bundle

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.generators.prosody.generator import ProsodyGenerator
from speech_gesture_pkg.generators.speechcat.bundle import CARD
from speech_gesture_pkg.generators.streaming import StreamingGenerator
from speech_gesture_pkg.lab.ablation import ablation
from speech_gesture_pkg.lab.ablation.ablation_table import cells, markdown, orders
from speech_gesture_pkg.lab.models.speechcat.published import STUDY as SPEECHCAT
from speech_gesture_pkg.motion.npz import save_motion
from speech_gesture_pkg.resources import DEMO_AUDIO, resource


def test_means_spreads_and_orders_are_those_of_the_numbers():
    def rows(*values):
        return [{"bpss_correlation": v, "vsd": None} for v in values]

    found = {
        "full": {0: rows(0.6, 0.8), 1: rows(0.6, 0.6)},
        "no_cross_attention": {0: rows(0.5, 0.5), 1: rows(0.5, None)},
        "one_code": {0: rows(0.55, 0.55), 1: rows(0.35, 0.35)},
    }
    table = cells(found, SPEECHCAT)
    assert table["bpss_correlation"]["full"].mean == pytest.approx(0.65)
    assert table["bpss_correlation"]["full"].spread == pytest.approx(np.sqrt(0.005))
    assert not table["vsd"]
    pairs = {(p.above, p.below): (p.holds, p.clear) for p in orders(table, SPEECHCAT)["bpss_correlation"]}
    assert pairs == {
        ("full", "no_cross_attention"): (True, True),
        ("full", "one_code"): (True, True),
        ("no_cross_attention", "one_code"): (True, False),
    }
    assert "0.65 ± 0.071" in markdown(table, list(found), SPEECHCAT)
    worse = {**found, "full": {0: rows(0.1), 1: rows(0.1)}}
    assert not orders(cells(worse, SPEECHCAT), SPEECHCAT)["bpss_correlation"][0].holds


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    whole = read_audio(resource(DEMO_AUDIO)).samples
    generator, clips = ProsodyGenerator(), []
    for k in range(2):
        samples = whole[k * 48000 : k * 48000 + 64000]
        motion, _ = generator.step(AudioChunk(np.pad(samples, (0, 8000)), 0.0, 16000), generator.start(seed=k))
        save_motion(folder / f"{k}.npz", motion[:120])
        soundfile.write(folder / f"{k}.wav", samples, 16000)
        entry = {"name": f"take{k}", "motion": f"{k}.npz", "audio": f"{k}.wav", "speaker": "x", "licence": "CC0"}
        clips.append(entry | {"split": "test", "seconds": 4.0})
    index = {"format": "speech-gesture corpus 1", "name": "t", "description": "", "clips": clips}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture
def runs(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed; the extra `train` brings it")
    pytest.importorskip("onnxscript", reason="the extra `train` is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; the extra `onnx` brings it")
    for seed in range(2):
        folder = tmp_path / "runs" / f"full-{seed}" / "bundle"
        shutil.copytree(tiny_bundle(), folder)
        card = json.loads((folder / CARD).read_text())
        card["facts"]["settings"]["seed"] = seed
        (folder / CARD).write_text(json.dumps(card))
    return tmp_path / "runs"


def test_it_measures_once_and_goes_on_where_it_stopped(runs, corpus, tmp_path, monkeypatch, capsys):
    line = ["ablation", str(runs), "--corpus", str(corpus), "--samples", "2", "--out", str(tmp_path / "out"), "--json"]
    assert main(line) == 0
    first = json.loads(capsys.readouterr().out)
    ours = first["figures"]["bpss_correlation"]["ours"]
    assert ours["full"]["seeds"] == 2
    assert ours["ground truth"]["seeds"] == 1
    assert first["figures"]["diversity_thesis"]["ours"]["full"]["mean"] > 0
    assert {"l2_talkshow", "face_l2_parameters", "face_lvd_parameters", "asd", "msd"} <= set(first["figures"])
    assert "reason" in first["listening"]["full"]["jaw_on_loudness"]
    assert "| BCS" in (tmp_path / "out" / "ablation.md").read_text()
    rows = tmp_path / "out" / ablation.ROWS
    kept = rows.read_text().splitlines()
    assert len(kept) == 2 + 2 * 2
    rows.write_text("\n".join(kept[:-1]) + "\n" + kept[-1][:30])
    made = []
    real = StreamingGenerator.generate_batch
    monkeypatch.setattr(StreamingGenerator, "generate_batch", lambda *a: made.append(1) or real(*a))
    assert main(line) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert len(made) == 1


def test_diffsheg_has_every_figure_of_its_paper(corpus, tmp_path, capsys):
    """Its faces have no SMPL-X expression coefficients, but files hold a hundred zeros: both must be the same face."""
    pytest.importorskip("torch", reason="torch is not installed; the extra `train` brings it")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; the extra `onnx` brings it")
    latents = tmp_path / "latents.safetensors"
    train = f"train latents --corpus {corpus} --split test -o {latents} --steps 2 --clip-frames 8 --latent 3"
    assert main(train.split()) == 0
    capsys.readouterr()
    line = ["ablation", str(resource("models/diffsheg_starter")), "--corpus", str(corpus), "--latents", str(latents)]
    assert main([*line, "--no-listening", "--json", "--out", str(tmp_path / "out")]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    for name in ("fmd", "fed", "fgd", "diversity_diffsheg", "face_diversity_diffsheg", "ba_diffsheg", "pcm"):
        assert np.isfinite(figures[name]["ours"]["full"]["mean"]), name


def test_what_cannot_be_compared_is_said(runs, corpus, tmp_path):
    with pytest.raises(InputError, match="holds no exported model of SpeechCAT or DiffSHEG"):
        ablation.find_runs([corpus])
    with pytest.raises(InputError, match="are both full with seed 0"):
        ablation.find_runs([runs, tiny_bundle()])
    with pytest.raises(InputError, match="no recordings with audio in its split 'val'"):
        list(ablation.held_out(corpus, split="val"))
    with pytest.raises(ConfigError, match="diversity needs at least 2"):
        ablation.Ablation(tmp_path, SPEECHCAT, samples=1)
