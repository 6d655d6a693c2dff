"""SpeechCAT in use: chosen by parameters, live, many at once, smooth over token borders; broken models are named."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from speechcat_tiny import TINY, tiny_bundle

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.config import GeneratorConfig, GestureConfig
from speech_gesture_pkg.errors import ConfigError, MissingDependencyError, ModelError
from speech_gesture_pkg.generators import model_bundle, onnx_session
from speech_gesture_pkg.generators.base import Style
from speech_gesture_pkg.generators.registry import load_generator
from speech_gesture_pkg.generators.speechcat.bundle import CARD, DECODERS, TRANSFORMER, SpeechCatBundle
from speech_gesture_pkg.generators.speechcat.smoothing import smoothed
from speech_gesture_pkg.pipeline.build import load_robot, make_generator
from speech_gesture_pkg.pipeline.offline import run_offline
from speech_gesture_pkg.resources import DEMO_AUDIO, resource

pytest.importorskip("torch", reason="torch is not installed; the extra `train` brings it")
pytest.importorskip("vector_quantize_pytorch", reason="the extra `train` is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; the extra `onnx` brings it")
pytest.importorskip("onnxscript", reason="the extra `train` is not installed")


@pytest.fixture(scope="module")
def bundle():
    return tiny_bundle()


@pytest.fixture(scope="module")
def speech():
    return AudioChunk(read_audio(resource(DEMO_AUDIO)).samples[: 16000 * 4], 0.0, 16000)


def made(bundle, **values):
    return load_generator(GeneratorConfig(name="speechcat", model=str(bundle), threads=1, **values))


def copied(bundle, folder):
    """A model of one's own to break, and its card."""
    shutil.copytree(bundle, folder)
    return folder, json.loads((folder / CARD).read_text())


def sign(folder, card, *names):
    """Write the card with the sha256 of what lies there."""
    for name in names:
        card["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / CARD).write_text(json.dumps(card))


def frozen_copy(state):
    return {f.name: copy.deepcopy(getattr(state, f.name)) for f in fields(state)}


def same(a, b) -> bool:
    if is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return bool(np.array_equal(a, b)) if isinstance(a, np.ndarray) else bool(a == b)


def test_a_step_leaves_the_state_that_it_was_given_and_repeats_itself(bundle, speech):
    generator = made(bundle)
    _, state = generator.step(AudioChunk(speech.samples[:24000], 0.0, 16000), generator.start(seed=1))
    before = frozen_copy(state)
    chunk = AudioChunk(speech.samples[24000:40000], 1.5, 16000)
    first, _ = generator.step(chunk, state)
    again, _ = generator.step(chunk, state)
    assert all(same(before[name], getattr(state, name)) for name in before)
    np.testing.assert_array_equal(first.poses, again.poses)
    assert generator.lookahead_s <= 0.3


def test_many_motions_at_once_are_those_of_the_stream(bundle, speech):
    generator = made(bundle)
    motions = generator.generate_batch(speech, [0, 5, 9], "bob", Style(amplitude=1.4))
    padded = AudioChunk(np.pad(speech.samples, (0, 16000)), 0.0, 16000)
    for seed, motion in zip((0, 5, 9), motions, strict=True):
        stream, _ = generator.step(padded, generator.start(seed, "bob", Style(amplitude=1.4)))
        assert len(motion) == 120
        np.testing.assert_allclose(motion.poses, stream.poses[:120], atol=1e-4)
    assert np.abs(motions[0].poses - motions[1].poses).max() > 1e-3


def test_speaker_style_and_sampling_act(bundle, speech):
    plain = made(bundle)
    ann, bob, lively = (
        plain.step(speech, plain.start(3, name, style))[0].poses
        for name, style in (("ann", None), ("bob", None), ("ann", Style(amplitude=2.0, rate=2.0)))
    )
    assert np.abs(ann - bob).max() > 1e-4
    assert np.abs(ann - lively).max() > 1e-4
    sure = made(bundle, temperature=0.0)
    one, two = (sure.step(speech, sure.start(seed))[0].poses for seed in (1, 2))
    np.testing.assert_array_equal(one, two)
    only = made(bundle, top_k=1)
    np.testing.assert_array_equal(only.step(speech, only.start(7))[0].poses, one)


def test_smoothing_is_the_minimum_of_its_formula_and_goes_on_where_it_was():
    rng = np.random.default_rng(0)
    raw, before, weight = rng.normal(size=(4, 3)), rng.normal(size=(2, 3)), 5.0

    def cost(y):
        bends = np.diff(np.concatenate([before, y]), 2, axis=0)
        return ((y - raw) ** 2).sum() + weight * (bends**2).sum()

    best = smoothed(raw, before, weight)
    for _ in range(50):
        assert cost(best) <= cost(best + rng.normal(scale=0.01, size=best.shape))
    np.testing.assert_allclose(smoothed(raw, before, 0.0), raw, atol=1e-6)
    line = np.arange(6.0)[:, None] * [1.0, -2.0, 0.5]
    np.testing.assert_allclose(smoothed(line[2:], line[:2], 30.0), line[2:], atol=1e-4)


def test_token_borders_are_no_rougher_than_the_inside_allows(bundle, speech):
    """Even of an untrained model, whose tokens do not fit each other at all."""
    motion = made(bundle).generate_batch(speech, [0])[0]
    bends = np.abs(np.diff(motion.poses[:, 16:22], 2, axis=0)).mean((1, 2))
    border = np.concatenate([bends[2::4], bends[3::4]]).mean()
    jump = np.abs(np.diff(motion.poses[:, 16:22], axis=0)).mean((1, 2))
    assert jump[3::4].mean() < 2.0 * jump.mean()
    assert border < 6.0 * bends.mean()


def test_it_drives_the_robot_and_says_so(bundle, speech, demo_urdf):
    config = GestureConfig().with_values(
        {"robot.urdf": str(demo_urdf), "generator.name": "speechcat", "generator.model": str(bundle)}
    )
    run = run_offline(config, load_robot(config), speech, settle_s=0.5)
    assert not [e for e in run.events if e.severity.value == "error"]
    assert run.counters.frames > 100
    # when the audio ends, the pipeline waits audio.idle_timeout for more: one token may then come late
    assert run.counters.late_frames <= TINY.downsample


def test_parameters_that_cannot_be_are_refused_in_one_sentence(bundle, monkeypatch):
    with pytest.raises(ConfigError, match="the generator prosody has no model"):
        load_generator(GeneratorConfig(model=str(bundle)))
    values = {"generator.name": "speechcat", "generator.model": str(bundle), "generator.speaker": "eve"}
    config = GestureConfig().with_values(values)
    with pytest.raises(ConfigError, match="speaker 'eve' is unknown; it must be one of: ann, bob"):
        make_generator(config)
    runtime = onnx_session._runtime()
    monkeypatch.setattr(runtime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ModelError, match="device 'cuda' is asked for, but this onnxruntime has no CUDA provider"):
        made(bundle, device="cuda")
    assert made(bundle, device="auto").bundle.transformer.device == "cpu"
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError, match="install the extra `onnx`"):
        made(bundle)


def test_models_by_name_are_those_of_the_manifest(bundle, tmp_path, monkeypatch):
    folder = tmp_path / "models"
    copied(bundle, folder / "mine")
    digest = hashlib.sha256((bundle / CARD).read_bytes()).hexdigest()
    manifest = folder / "manifest.yaml"
    manifest.write_text(f"mine/{CARD}:\n  sha256: {digest}\nother.safetensors:\n  sha256: 00\n")
    monkeypatch.setattr(model_bundle, "resource", lambda name: tmp_path / name)
    assert model_bundle.model_folder("mine") == folder / "mine"
    with pytest.raises(
        ModelError, match=r"model 'yours' is neither a folder nor in models/manifest\.yaml, which has: mine"
    ):
        model_bundle.model_folder("yours")
    with pytest.raises(ModelError, match="model folder no/such does not exist"):
        model_bundle.model_folder("no/such")
    (folder / "mine" / CARD).write_text("{}")
    with pytest.raises(ModelError, match=rf"speechcat\.json has sha256 \w+; {digest} is expected"):
        model_bundle.model_folder("mine")
    manifest.write_text("- a list")
    with pytest.raises(ModelError, match="must map each file to a table"):
        model_bundle.model_folder("mine")


def test_a_corrupt_network_is_named_even_if_its_card_agrees(bundle, tmp_path):
    folder, card = copied(bundle, tmp_path / "m")
    (folder / TRANSFORMER).write_bytes(b"not a network")
    sign(folder, card, TRANSFORMER)
    with pytest.raises(ModelError, match=r"transformer\.onnx cannot be loaded"):
        SpeechCatBundle.load(folder)
    (folder / DECODERS).unlink()
    with pytest.raises(ModelError, match=r"decoders\.onnx does not exist|transformer\.onnx cannot"):
        SpeechCatBundle.load(folder)


def test_weights_that_are_not_finite_are_found_before_the_robot_moves(bundle, tmp_path):
    onnx = pytest.importorskip("onnx", reason="the extra `train` is not installed")
    for name in (TRANSFORMER, DECODERS):
        folder, card = copied(bundle, tmp_path / name)
        network = onnx.load(folder / name)
        for weights in network.graph.initializer:
            if weights.data_type == onnx.TensorProto.FLOAT and len(weights.dims) > 1:
                values = np.full_like(onnx.numpy_helper.to_array(weights), np.nan)
                weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))
        onnx.save(network, folder / name)
        sign(folder, card, name)
        with pytest.raises(ModelError, match=rf"{name} gives numbers that are not finite"):
            SpeechCatBundle.load(folder)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c: c["files"].update({"../../secret": "0"}), "it lists the files"),
        (lambda c: c.update(files=[1]), "is not one of"),
        (lambda c: c.update(format="speech-gesture-speechcat/9"), "is not one of"),
        (lambda c: c["config"].update(width=32), "past_shape is"),
        (lambda c: c["config"].update(heads=3), "is not a multiple of heads"),
        (lambda c: c["config"].update(audio_past=0.8), "does not fit transformer.onnx: input windows"),
        (lambda c: c["config"].update(codes=17), "transformer.onnx"),
        (lambda c: c["config"].update(magic=1), "'magic' is unknown"),
        (lambda c: c.update(history="many"), "cannot be used"),
        (lambda c: c.update(history=1e400), "cannot be used"),
        (lambda c: c.update(history=0), "history is 0"),
        (lambda c: c["calm"].pop("face"), "'face' is missing"),
        (lambda c: c["calm"].update(face=[0.0]), "the calm pose of face has shape"),
        (lambda c: c["calm"].update(hands=[float("nan")] * len(c["calm"]["hands"])), "finite"),
        (lambda c: c["files"].update({DECODERS: 5}), "5 is expected"),
    ],
)
def test_a_card_that_does_not_fit_is_refused_in_one_sentence(bundle, tmp_path, change, sentence):
    folder, card = copied(bundle, tmp_path / "m")
    change(card)
    (folder / CARD).write_text(json.dumps(card))
    with pytest.raises(ModelError, match=sentence) as failure:
        SpeechCatBundle.load(folder)
    assert "\n" not in str(failure.value)


def test_the_robot_s_process_loads_no_torch(bundle):
    code = (
        "import sys\n"
        "from speech_gesture_pkg.config import GeneratorConfig\n"
        "from speech_gesture_pkg.generators.registry import load_generator\n"
        f"load_generator(GeneratorConfig(name='speechcat', model={str(bundle)!r}))\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "False False"


def test_the_config_is_the_exported_one(bundle):
    assert made(bundle).bundle.config == TINY
