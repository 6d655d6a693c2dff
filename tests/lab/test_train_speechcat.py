"""From a corpus on disk to a model that a robot loads, by the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_corpus import small_corpus
from speechcat_tiny import small_wav2vec2

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio, write_wav
from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig
from speech_gesture_pkg.lab.datasets.layout import write_json
from speech_gesture_pkg.lab.models.speechcat.recipe import SpeechCatRecipe
from speech_gesture_pkg.lab.training.corpus import load_corpus, own_features
from speech_gesture_pkg.motion.parts import UPPER_JOINTS
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, NUM_JOINTS, axis_angle_to_matrix, forward_kinematics
from speech_gesture_pkg.resources import DEMO_AUDIO, resource

RECIPE = Path(__file__).parents[2] / "config" / "train" / "speechcat_starter.yaml"
TINY = {
    "model.codes": 16,
    "model.vq_width": 16,
    "model.vq_depth": 1,
    "model.width": 16,
    "model.layers": 1,
    "model.heads": 2,
    "model.window": 6,
    "model.audio_width": 8,
    "codes.steps": 6,
    "codes.batch": 2,
    "decoders.steps": 4,
    "decoders.batch": 1,
    "tokens.steps": 6,
    "tokens.batch": 1,
    "codes.save_every": 3,
    "tokens.save_every": 3,
}
needs_training = [
    pytest.mark.skipif(not __import__("importlib.util").util.find_spec(name), reason=f"{name} is not installed")
    for name in ("torch", "accelerate", "vector_quantize_pytorch", "onnxscript", "transformers")
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Three recordings of 8 s, one a split."""
    return small_corpus(tmp_path_factory.mktemp("corpus"), ("train", "val", "test"), 8)


def command(corpus: Path, out: Path, *more: str, **changes: object) -> list[str]:
    changed = [f"--set={k}={v}" for k, v in (TINY | changes).items()]
    return ["train", "speechcat", str(RECIPE), "--corpus", str(corpus), "-o", str(out), *changed, *more]


def test_the_recipes_are_valid():
    for path in RECIPE.parent.glob("speechcat_*.yaml"):
        assert SpeechCatRecipe.from_file(path).tokens.steps > 100


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tokenz: {}", "tokenz"),
        ("- 1", "must hold sections"),
        ("model: 3", "names and values"),
        ("model: {widht: 3}", "widht"),
        ("model: {width: 30, heads: 4}", "not a multiple"),
        ("tokens: {rate: fast}", "must be a float"),
        ("tokens: {steps: 0}", "at least 1"),
        ("corpus: {layout: cmu}", "cmu"),
        ("corpus: {size: 3}", "size"),
        ("model: {codes: [", "cannot be read"),
    ],
)
def test_a_wrong_recipe_is_named(tmp_path, text, message):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        SpeechCatRecipe.from_file(path)


def test_a_corpus_becomes_recordings_of_its_splits(corpus, tmp_path):
    found = load_corpus(corpus, own_features(tmp_path))
    assert [len(found.train), len(found.val), len(found.test)] == [1, 1, 1]
    assert len(found.train[0]) == len(found.train[0].motion) > 200
    assert found.train[0].features["speech"].shape[0] > 700
    assert found.train[0].speaker_index(("bob", "ann")) == 1
    assert found.train[0].speaker_index(("bob",)) == 0
    assert found.licences == {"CC0"}
    assert found.sha256 == load_corpus(corpus, own_features(tmp_path)).sha256
    assert len(list(tmp_path.glob("*.npy"))) == 3


def test_recordings_that_do_not_fit_are_skipped_and_named(corpus, tmp_path):
    index = json.loads((corpus / "index.json").read_text())
    longer = tmp_path / "longer.wav"
    write_wav(longer, np.zeros(16000 * 11, np.float32), 16000)
    for clip in index["clips"]:
        for key in ("motion", "audio"):
            (tmp_path / clip[key]).write_bytes((corpus / clip[key]).read_bytes())
    index["clips"][1]["audio"] = "longer.wav"
    write_json(tmp_path / "index.json", index)
    found = load_corpus(tmp_path, own_features(tmp_path / "cache"))
    assert not found.val
    assert found.skipped.used == 2
    assert "val.npz: the motion lasts 7.8" in "".join(found.skipped.reasons.values())
    index["clips"] = index["clips"][1:]
    write_json(tmp_path / "index.json", index)
    with pytest.raises(InputError, match="no usable recording for training"):
        load_corpus(tmp_path, own_features(tmp_path / "cache"))


def test_points_are_where_forward_kinematics_puts_them():
    torch = pytest.importorskip("torch", reason="torch is not installed; the extra `train` brings it")
    from speech_gesture_pkg.lab.training.forward_kinematics import body_points, hand_points

    poses = np.random.default_rng(0).normal(0, 0.5, (4, NUM_JOINTS, 3))
    matrices = axis_angle_to_matrix(poses)
    for points, joints in ((body_points(), range(22)), (hand_points(), range(25, 55))):
        whole = matrices.copy()
        if joints[0] == 25:
            whole[:, :22] = np.eye(3)  # the hands' points stand in the frames of their wrists
        where = forward_kinematics(whole)[1]
        chosen = list(joints if joints[0] else UPPER_JOINTS)
        six = np.concatenate([matrices[:, chosen][..., 0], matrices[:, chosen][..., 1]], -1)
        made = points(torch.from_numpy(six).float()).numpy()
        if joints[0]:
            moved = [j for j in chosen if (j - 25) % 3]
            expected = where[:, moved] - where[:, [j - (j - 25) % 3 for j in moved]]
            first = {j: k for k, j in enumerate(moved)}
            found = made[:, [first[j] for j in moved]]
            root = np.repeat(_finger_roots(moved)[None], 4, 0)
            np.testing.assert_allclose(found - root, expected, atol=1e-5)
        else:
            expected = where[:, chosen[1:]] - where[:, :1]
            np.testing.assert_allclose(made[:, : len(chosen) - 1] - 0.0, expected, atol=1e-5)


def _finger_roots(joints: list[int]) -> np.ndarray:
    """Place of each finger's first joint seen from its wrist, m."""
    from speech_gesture_pkg.motion.skeleton import REST_POSITIONS

    wrists = [JOINT_INDEX["left_wrist" if j < 40 else "right_wrist"] for j in joints]
    return REST_POSITIONS[[j - (j - 25) % 3 for j in joints]] - REST_POSITIONS[wrists]


class TestCommand:
    pytestmark = needs_training

    def test_trains_exports_and_does_not_train_twice(self, corpus, tmp_path, capsys):
        from speech_gesture_pkg.generators.speechcat.bundle import SpeechCatBundle
        from speech_gesture_pkg.generators.speechcat.generator import SpeechCatGenerator
        from speech_gesture_pkg.lab.models.speechcat.model import load

        variants = ("full", "one_code")
        asked = command(corpus, tmp_path, "--variants", *variants, "--json")
        assert main(asked) == 0
        made = json.loads(capsys.readouterr().out)["made"]
        assert list(made) == [f"{v}-0" for v in variants]
        folders = {p.name for p in tmp_path.iterdir()}
        assert folders == {"features", "codes-parts-0", "codes-one-0", *made}
        _, facts = load(tmp_path / "full-0" / "speechcat.safetensors")
        assert facts["corpus"]["name"] == "starter"
        assert facts["corpus"]["licences"] == ["CC0"]
        assert {k: v["steps"] for k, v in facts["settings"].items()} == {"codes": 6, "decoders": 4, "tokens": 6}
        assert {"body_error", "test_finger_error", "held_out_loss"} <= set(facts["figures"])
        audio = read_audio(resource(DEMO_AUDIO)).samples[:32000]
        for variant in variants:
            generator = SpeechCatGenerator(SpeechCatBundle.load(made[f"{variant}-0"], threads=1))
            motion, _ = generator.step(AudioChunk(audio, 0.0, 16000), generator.start())
            assert len(motion) > 40
            assert motion.finite.all()
        before = (tmp_path / "full-0" / "speechcat.safetensors").stat().st_mtime_ns
        assert main(asked) == 0
        assert (tmp_path / "full-0" / "speechcat.safetensors").stat().st_mtime_ns == before
        capsys.readouterr()
        assert main(command(corpus, tmp_path, **{"tokens.rate": 0.5})) == 4
        assert "another settings.tokens.rate (0.002 there, 0.5 now)" in capsys.readouterr().err

    @pytest.mark.parametrize("tuned", [False, True])
    def test_wav2vec2_encodes_the_speech_in_training_and_live(self, corpus, tmp_path, capsys, tuned):
        from speech_gesture_pkg.generators.speechcat.bundle import SpeechCatBundle
        from speech_gesture_pkg.generators.speechcat.generator import SpeechCatGenerator

        asked = {"model.encoder": "wav2vec2", "model.encoder_path": str(tmp_path / "ear"), "model.encoder_tuned": tuned}
        assert main(command(corpus, tmp_path / "run", **asked)) == 8
        assert "ear does not exist" in capsys.readouterr().err
        small_wav2vec2(tmp_path / "ear")
        assert main(command(corpus, tmp_path / "run", **asked)) == 0
        generator = SpeechCatGenerator(SpeechCatBundle.load(tmp_path / "run" / "full-0" / "bundle", threads=1))
        audio = read_audio(resource(DEMO_AUDIO)).samples[:32000]
        motion, _ = generator.step(AudioChunk(audio, 0.0, 16000), generator.start())
        assert len(motion) > 40
        assert motion.finite.all()
        if tuned:
            import torch

            from speech_gesture_pkg.lab.models.speech_encoder import load_encoder

            ends = (tmp_path / "ear", tmp_path / "run" / "full-0" / "encoder")
            before, after = (load_encoder(str(e)).state_dict() for e in ends)
            changed = {k for k, v in before.items() if not torch.equal(v, after[k])}
            assert any("encoder.layers" in k for k in changed)
            assert not any("feature_extractor" in k for k in changed)

    def test_the_tuned_encoder_sees_what_a_live_stream_sees(self, tmp_path):
        import torch

        from speech_gesture_pkg.lab.models.speech_encoder import load_encoder
        from speech_gesture_pkg.lab.models.speechcat.encoder_finetuning import BlockCutter, TunedEncoder
        from speech_gesture_pkg.lab.models.speechcat.utterances import encoded
        from speech_gesture_pkg.lab.training.sequences import speech_windows

        small_wav2vec2(tmp_path)
        encoder = load_encoder(str(tmp_path))
        config = SpeechCatConfig(encoder="wav2vec2", encoder_path=str(tmp_path))
        windows = config.windows
        audio = read_audio(resource(DEMO_AUDIO)).samples[: 16000 * 6]
        states = encoded(audio, encoder.encode, config)
        tuned = TunedEncoder(encoder).eval()
        for first in (0, 3, 17):
            cut = BlockCutter(windows, 12).cut(audio, first)
            with torch.no_grad():
                made = tuned({k: v[None] for k, v in cut.items()})[0].numpy()
            expected = speech_windows(states, first, 12, windows, np.zeros(16, np.float32))
            np.testing.assert_allclose(made, expected, atol=1e-5)

    def test_an_interrupted_run_goes_on(self, corpus, tmp_path, monkeypatch):
        from speech_gesture_pkg.lab.training import engine

        add = engine._Log.losses

        def press(log, step, values):
            add(log, step, values)
            if step == 20:
                os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(engine._Log, "losses", press)
        asked = command(corpus, tmp_path, "--stage", "codes", **{"codes.steps": 40, "codes.save_every": 1000})
        assert main(asked) == 130
        assert not (tmp_path / "codes-parts-0" / "codes.safetensors").exists()
        monkeypatch.undo()
        assert main(asked) == 0
        rows = (tmp_path / "codes-parts-0" / "curves.csv").read_text().splitlines()
        steps = [int(r.split(",")[1]) for r in rows if ",train,loss," in r]
        assert steps == [20, 40]

    @pytest.mark.timeout(200)
    def test_two_processes_train_one_model(self, corpus, tmp_path):
        """As on two GPUs, through torchrun."""
        launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone"]
        asked = command(corpus, tmp_path, "--stage", "tokens", **{"codes.batch": 1})
        done = subprocess.run(
            [*launch, "-m", "speech_gesture_pkg", *asked],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert (tmp_path / "full-0" / "speechcat.safetensors").is_file()
        rows = (tmp_path / "full-0" / "curves.csv").read_text().splitlines()
        assert [r.split(",")[1] for r in rows if ",train,loss," in r] == ["6"]
