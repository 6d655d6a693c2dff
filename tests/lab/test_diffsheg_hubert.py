"""HuBERT in DiffSHEG: states at the motion's instants, in training, in the export and live alike."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from small_corpus import small_corpus
from speechcat_tiny import SMALL_ENCODER

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.config import GeneratorConfig
from speech_gesture_pkg.errors import ConfigError, InputError, MissingDependencyError, ModelError
from speech_gesture_pkg.features.encoded import HOP, REACH
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig, ablated
from speech_gesture_pkg.generators.diffsheg.hubert import HubertStream, HubertWindows, frame_states
from speech_gesture_pkg.resources import DEMO_AUDIO, resource

RECIPE = """
corpus: {name: tiny, layout: own}
model: {prediction: sample, clip: 24, width: 8, layers: 1, heads: 2, feed: 8, time_width: 8, audio_width: 4,
  audio_out: 4, hubert: 8, hubert_width: 4, hubert_past: 0.5, hubert_ahead: 0.2, hubert_block: 5}
train: {steps: 2, batch: 1, warmup: 1, average: 0.5, validate_every: 2, save_every: 2}
plan: {hop: 10, overlap: 14, carry: 4, sampler: dpm, steps: 2}
"""


def middles(audio):
    """Stands for HuBERT: each state is the mean of the samples that it covers."""
    count = (audio.shape[1] - REACH) // HOP + 1
    return np.stack([audio[:, k * HOP : k * HOP + REACH].mean(1) for k in range(count)], 1)[..., None]


def streamed(stream, audio, chunk):
    """Frames of a stream in chunks."""
    state = stream.start()
    for k in range(0, len(audio), chunk):
        state = stream.step(audio[k : k + chunk], state, 0)
    return state.frames


@pytest.mark.parametrize(("fps", "block"), [(30.0, 10), (30.0, 1), (15.0, 7), (7.5, 3)])
def test_a_frame_hears_its_own_instant_whatever_the_chunks(fps, block):
    config = DiffShegConfig(hubert=1, fps=fps, hubert_past=0.3, hubert_ahead=0.1, hubert_block=block)
    clock = (np.arange(5 * 16000) / 16000).astype(np.float32)  # the sound says what time it is
    made = frame_states(clock, middles, config)
    inside = int(4.8 * fps)
    instants = np.arange(inside) / fps
    first = int(np.ceil(0.0125 * fps))
    np.testing.assert_allclose(made[first:inside, 0], instants[first:], atol=1e-4)
    assert made[0, 0] == pytest.approx(0.0125, abs=1e-4)  # the middle of the first state
    stream, windows = HubertStream(middles, config), HubertWindows.of(config)
    for chunk in (len(clock), 1600, 777):
        live = streamed(stream, clock, chunk)
        assert len(live) >= inside - block
        np.testing.assert_array_equal(live, made[: len(live)])
    # a frame is known as soon as its samples are there, and no sooner
    last = 4 * block - 1
    assert len(streamed(stream, clock[: windows.samples_for(last)], 800)) == 4 * block
    assert len(streamed(stream, clock[: windows.samples_for(last) - 1], 800)) == 3 * block


def test_the_look_ahead_is_the_longest_wait():
    config = DiffShegConfig(hubert=1, hubert_ahead=0.2, hubert_block=10)
    stream = HubertStream(middles, config)
    aligned = stream.lookahead_s(10, 0, 30.0)
    assert 0.3 + 0.2 < aligned < 0.3 + 0.2 + 0.06
    crossed = stream.lookahead_s(7, 0, 30.0)  # the last of 7 frames may be the first of a block
    assert 6 / 30 + 0.3 + 0.2 < crossed < 6 / 30 + 0.3 + 0.2 + 0.06
    waits = [stream.windows.samples_for(7 * c + 6) / 16000 - 7 * c / 30 for c in range(400)]
    assert crossed == pytest.approx(max(waits))


@pytest.mark.parametrize("changed", [{"hubert_past": -1.0}, {"hubert_ahead": 3.0}, {"hubert_block": 0}])
def test_windows_out_of_range(changed):
    with pytest.raises(ConfigError, match="they must be in"):
        DiffShegConfig(**changed)


def test_a_network_without_hubert_says_nothing_of_it():
    assert not {"hubert_path", "hubert_past", "hubert_ahead", "hubert_block"} & set(DiffShegConfig().to_dict())
    config = DiffShegConfig(hubert=4, hubert_past=1.0)
    assert DiffShegConfig.from_dict(config.to_dict()) == config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A HuBERT of some thousand random weights."""
    torch = pytest.importorskip("torch", reason="torch is not installed; the extra `train` brings it")
    transformers = pytest.importorskip("transformers", reason="the extra `ssl` is not installed")
    for name in ("accelerate", "onnxscript", "onnxruntime"):
        pytest.importorskip(name)
    torch.manual_seed(0)
    settings = transformers.HubertConfig(
        hidden_size=8,
        intermediate_size=8,
        **SMALL_ENCODER,
    )
    path = tmp_path_factory.mktemp("hubert") / "base"
    transformers.HubertModel(settings).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two recordings of 3 s: one to train, one to judge."""
    return small_corpus(tmp_path_factory.mktemp("corpus"), ("train", "val"), 3)


@pytest.fixture(scope="module")
def run(folder, corpus, tmp_path_factory):
    """The folder of a trained run, and its command line."""
    out = tmp_path_factory.mktemp("run")
    (out / "recipe.yaml").write_text(RECIPE)
    asked = ["train", "diffsheg", str(out / "recipe.yaml"), "--corpus", str(corpus), "-o", str(out / "made")]
    asked += ["--threads", "1", "--set", f"model.hubert_path={folder}"]
    assert main(asked) == 0
    return out / "made", asked


def test_training_hears_what_a_live_stream_hears(run, folder, corpus, tmp_path, monkeypatch):
    from speech_gesture_pkg.generators.diffsheg.generator import DiffShegGenerator
    from speech_gesture_pkg.lab.models.diffsheg.checkpoint import DiffSheg, load
    from speech_gesture_pkg.lab.models.diffsheg.hubert import HUBERT, hubert_feature, load_hubert
    from speech_gesture_pkg.lab.models.diffsheg.recipe import DiffShegRecipe
    from speech_gesture_pkg.lab.models.diffsheg.train import DiffShegTraining
    from speech_gesture_pkg.lab.models.diffsheg.train_denoiser import DiffShegStage, TrainingRecording
    from speech_gesture_pkg.lab.models.speech_encoder import SpeechEncoder
    from speech_gesture_pkg.lab.training.corpus import load_corpus, own_features

    recipe = DiffShegRecipe.from_file(run[0].parent / "recipe.yaml", {"model.hubert_path": str(folder)})
    config = recipe.model
    cache = run[0] / "features"
    features = own_features(cache) | {HUBERT: hubert_feature(load_hubert(config), config, cache)}
    monkeypatch.setattr(SpeechEncoder, "encode", None)  # the states are in the cache
    found = load_corpus(corpus, features)
    monkeypatch.undo()
    stage = DiffShegStage(DiffSheg(config), found.train, found.val)
    batch = stage.data().cut(TrainingRecording(found.train[0], config, stage.reference), 20, 24)
    assert batch["hubert"].shape == (24, 8)
    deaf = DiffShegTraining(folder=tmp_path, corpus=found, about={}, settings=recipe.train).train(
        ablated(config, "no_hubert"), 0, "no_hubert"
    )
    assert load(deaf)[0].config.hubert == 0
    generator = DiffShegGenerator.load(run[0] / "full-0" / "bundle", GeneratorConfig(threads=1))
    audio = read_audio(corpus / "train.wav").samples
    _, state = generator.step(AudioChunk(audio, 0.0, 16000), generator.start())
    kept = state.hubert
    made = state.units * generator.hop_frames
    live = kept.window(kept.first, made)
    np.testing.assert_allclose(live, found.train[0].features[HUBERT][kept.first : made], atol=2e-4)
    assert np.abs(live).max() > 0.1
    # the past is bounded: other sound more than the window before changes nothing
    other = audio.copy()
    other[:8000] = 0.0
    windows = HubertWindows.of(config)
    whole, changed = (frame_states(a, load_hubert(config).encode, config) for a in (audio, other))
    first = int((8000 / 16000 + windows.frames * 0.02) * 30) + 5
    np.testing.assert_allclose(changed[first:], whole[first:], atol=1e-5)
    assert np.abs(changed[:10] - whole[:10]).max() > 1e-3


def test_the_exported_model_is_live(run):

    from speech_gesture_pkg.generators.diffsheg.generator import DiffShegGenerator

    bundle = run[0] / "full-0" / "bundle"
    card = json.loads((bundle / "diffsheg.json").read_text("utf-8"))
    assert card["config"]["hubert_path"] == ""
    assert len(card["facts"]["hubert_sha256"]) == 64
    assert "hubert.onnx" in card["files"]
    generator = DiffShegGenerator.load(bundle, GeneratorConfig(threads=1))
    assert 0.5 < generator.lookahead_s < 0.55  # 0.45 s without HuBERT
    audio = read_audio(resource(DEMO_AUDIO)).samples[:40000]
    whole, _ = generator.step(AudioChunk(audio, 0.0, 16000), generator.start(seed=3))
    state, pieces, arrived = generator.start(seed=3), [], 0
    for k in range(0, len(audio), 900):
        piece, state = generator.step(AudioChunk(audio[k : k + 900], k / 16000, 16000), state)
        if len(piece):
            arrived += len(piece)
            assert k + 900 <= (piece.start + generator.lookahead_s) * 16000 + 900  # never later than declared
        pieces.append(piece.poses)
    np.testing.assert_array_equal(np.concatenate(pieces), whole.poses)
    assert arrived >= 50
    together = generator.generate_batch(AudioChunk(audio, 0.0, 16000), [3, 4])
    np.testing.assert_allclose(together[0].poses[: len(whole)], whole.poses, atol=1e-5)
    state = generator.start()
    with pytest.raises(InputError, match="16000"):
        generator.step(AudioChunk(audio, 0.0, 22050), state)


def test_what_cannot_be_used_is_said_in_one_sentence(run, folder, tmp_path, monkeypatch, capsys):
    import shutil

    from speech_gesture_pkg.generators.diffsheg.generator import DiffShegGenerator
    from speech_gesture_pkg.lab.models.diffsheg.hubert import load_hubert
    from speech_gesture_pkg.lab.models.speech_encoder import load_encoder

    assert main([*run[1], "--set", "model.hubert_path=/no/such/folder"]) == 8
    error = capsys.readouterr().err
    assert "HuBERT folder /no/such/folder does not exist" in error
    assert "Traceback" not in error
    config = DiffShegConfig(hubert=4, hubert_path=str(folder))
    with pytest.raises(ConfigError, match=r"hubert is 4, but the states of .* have 8 channels; set hubert to that"):
        load_hubert(config)
    with pytest.raises(ConfigError, match="HuBERT is asked for, but hubert_path is empty"):
        load_hubert(replace(config, hubert_path=""))
    with pytest.raises(ModelError, match=r"wav2vec 2\.0 model .* cannot be loaded: it is a hubert model"):
        load_encoder(str(folder))
    shutil.copytree(folder, tmp_path / "fast")
    (tmp_path / "fast" / "preprocessor_config.json").write_text('{"sampling_rate": 22050}')
    with pytest.raises(ModelError, match="fast takes 22050 Hz; only models for 16000 Hz can be used"):
        load_encoder(str(tmp_path / "fast"), "hubert")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingDependencyError, match="the HuBERT encoder needs transformers; install the extra `ssl`"):
        load_hubert(config)
    # a bundle without its HuBERT: can be loaded for ready-made states, but not live
    bundle = tmp_path / "bundle"
    shutil.copytree(run[0] / "full-0" / "bundle", bundle)
    card = json.loads((bundle / "diffsheg.json").read_text("utf-8"))
    del card["files"]["hubert.onnx"]
    (bundle / "diffsheg.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r"needs HuBERT, but its folder has no hubert\.onnx"):
        DiffShegGenerator.load(bundle, GeneratorConfig(threads=1))
    card["files"]["hubert.onnx"] = "0" * 64
    (bundle / "diffsheg.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r"hubert\.onnx"):
        DiffShegGenerator.load(bundle, GeneratorConfig(threads=1))
