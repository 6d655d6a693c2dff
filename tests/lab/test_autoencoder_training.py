"""Training of the autoencoders: seeded, resumable, and of use."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from test_autoencoder import motion

from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.datasets.layout import FORMAT, write_json
from speech_gesture_pkg.lab.metrics import controls
from speech_gesture_pkg.lab.metrics.autoencoder import AutoencoderSettings, load_latents
from speech_gesture_pkg.lab.metrics.autoencoder.corpus import LatentCorpus, gather
from speech_gesture_pkg.lab.metrics.corpus import frechet_motion_distance
from speech_gesture_pkg.motion.npz import save_motion

torch = pytest.importorskip("torch")

SMALL = AutoencoderSettings(clip_frames=16, latent=12, widths=(24, 32), steps=200, batch=32, rate=5e-3)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def corpus() -> LatentCorpus:
    return gather([motion(300, seed) for seed in range(12)], SMALL, ["fgd"])[0]


def test_numpy_encodes_as_torch_does(corpus):
    from speech_gesture_pkg.lab.metrics.autoencoder.encoder import z_scores
    from speech_gesture_pkg.lab.metrics.autoencoder.training import Autoencoder, _encoder

    torch.manual_seed(3)
    model = Autoencoder(258, SMALL)
    mean, deviation = np.full(258, 0.1, np.float32), np.full(258, 0.7, np.float32)
    made = _encoder(corpus, SMALL, model, mean, deviation)
    clips = corpus.clips(16)
    with torch.no_grad():
        expected = model.encode(torch.from_numpy(z_scores(clips, mean, deviation))).numpy()
    np.testing.assert_allclose(made.encode(clips), expected, atol=2e-5)
    assert made.reference is not None
    np.testing.assert_allclose(made.reference.mean, expected.mean(axis=0), atol=1e-4)


def test_training_learns_is_seeded_and_goes_on_where_it_was_stopped(corpus, tmp_path):
    from speech_gesture_pkg.lab.metrics.autoencoder.training import train

    losses: list[float] = []
    whole = train(corpus, SMALL, progress=lambda step, loss: losses.append(loss))
    assert losses[-1] < 0.5 * losses[0]
    assert whole.train_clips + whole.held_out_clips == len(corpus.clips(16))
    assert train(corpus, SMALL).encoder.weights == whole.encoder.weights
    assert train(corpus, replace(SMALL, seed=1)).encoder.weights != whole.encoder.weights

    snapshot = tmp_path / "state"

    def interrupt(step: int, loss: float) -> None:
        if step == 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(corpus, SMALL, snapshot, interrupt)
    with pytest.raises(InputError, match="other settings"):
        train(corpus, replace(SMALL, latent=4), snapshot)
    steps: list[int] = []
    resumed = train(corpus, SMALL, snapshot, lambda step, loss: steps.append(step))
    assert steps[0] == 51
    assert resumed.encoder.weights == whole.encoder.weights
    assert not snapshot.exists()
    snapshot.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="cannot be read"):
        train(corpus, SMALL, snapshot)


def test_fgd_in_a_trained_space(corpus):
    from speech_gesture_pkg.lab.metrics.autoencoder.training import train

    made = train(corpus, SMALL).encoder
    takes = [motion(600, seed) for seed in range(8)]
    real, other = [m[:300] for m in takes], [m[300:] for m in takes]

    def fgd(change) -> float:
        return frechet_motion_distance("fgd", real, [change(m) for m in other], made).number

    same = fgd(lambda m: m)
    assert fgd(controls.jittered) > same
    assert fgd(controls.frozen) > 2 * same
    assert fgd(controls.time_shuffled) > same


def test_one_command(tmp_path, capsys):
    for seed in range(3):
        save_motion(tmp_path / "corpus" / f"{seed}.npz", motion(240, seed, face=True))
    out = tmp_path / "ae.safetensors"
    line = f"train latents --corpus {tmp_path / 'corpus'} -o {out} --steps 3 --clip-frames 8 --latent 5 --json"
    assert main(line.split()) == 0
    printed = json.loads(capsys.readouterr().out)
    found = load_latents(out)
    assert set(found) == {"fgd", "fed", "fmd"}
    assert {n: f["id"] for n, f in printed["autoencoders"].items()} == {n: e.id for n, e in found.items()}
    assert found["fmd"].encode(np.zeros((1, 8, 129 + 3 + 100 + 52))).shape == (1, 5)
    assert list(tmp_path.glob("*.partial")) == []
    first = out.read_bytes()
    assert main(line.split()) == 0
    assert out.read_bytes() == first


def test_one_split_of_a_corpus(tmp_path, capsys):
    """What is judged must not be what the space was made from."""
    clips = []
    for seed, split in enumerate(("train", "train", "test")):
        save_motion(tmp_path / f"{seed}.npz", motion(240, seed))
        names = {"name": f"c{seed}", "motion": f"{seed}.npz", "split": split}
        clips.append(names | {"speaker": "ann", "licence": "CC0", "seconds": 8.0})
    write_json(tmp_path / "index.json", {"format": FORMAT, "name": "small", "clips": clips})
    line = f"train latents --corpus {tmp_path} -o {tmp_path / 'a.safetensors'} --steps 2 --clip-frames 8 --latent 5"
    for split, seconds in (("train", 16.0), ("test", 8.0)):
        assert main([*line.split(), "--split", split, "--json"]) == 0
        figures = json.loads(capsys.readouterr().out)["autoencoders"]["fgd"]
        assert figures["corpus_seconds"] == pytest.approx(seconds, abs=0.1)
    assert main([*line.split(), "--split", "val"]) == 3
    assert "no recordings in its split 'val'" in capsys.readouterr().err


def test_bad_corpora_and_names_are_one_sentence(tmp_path, capsys):
    assert main(f"train latents --corpus {tmp_path} -o {tmp_path / 'a.safetensors'}".split()) == 3
    assert "holds no motion" in capsys.readouterr().err
    assert main(f"train latents --corpus {tmp_path} -o {tmp_path / 'a.onnx'}".split()) == 6
    assert main(f"train latents --corpus {tmp_path} -o {tmp_path / 'a.safetensors'} --latent 0".split()) == 4
