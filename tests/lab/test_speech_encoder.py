"""wav2vec 2.0 as speech encoder: a live stream hears what training heard; what cannot be loaded is named."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from speechcat_tiny import small_wav2vec2

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.errors import ConfigError, InputError, MissingDependencyError, ModelError
from speech_gesture_pkg.features.encoded import FRAMES, HOP, REACH, SAMPLES, EncodedSpeech, encode_whole
from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig
from speech_gesture_pkg.resources import DEMO_AUDIO, resource

CONFIG = SpeechCatConfig(encoder="wav2vec2", encoder_path="x")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A wav2vec 2.0 of some thousand random weights."""
    pytest.importorskip("torch", reason="torch is not installed; the extra `train` brings it")
    pytest.importorskip("transformers", reason="transformers is not installed; the extra `ssl` brings it")
    path = tmp_path_factory.mktemp("wav2vec2")
    small_wav2vec2(path)
    return path


def test_a_live_stream_hears_what_training_heard(folder):
    from speech_gesture_pkg.lab.models.speech_encoder import load_encoder
    from speech_gesture_pkg.lab.models.speechcat.utterances import encoded

    encoder = load_encoder(str(folder))
    samples = read_audio(resource(DEMO_AUDIO)).samples[: 16000 * 3]
    whole = encoded(samples, encoder.encode, CONFIG)
    assert whole.shape == (150, 16)
    windows, speech = CONFIG.windows, EncodedSpeech(encoder.encode, 16)
    state, made, token = speech.start(), [], 0
    while windows.samples(token) <= len(samples):
        before = state
        states, state = speech.step(samples[state.received : windows.samples(token)], state)
        again, _ = speech.step(samples[before.received : windows.samples(token)], before)
        np.testing.assert_array_equal(states, again)
        made.append(states)
        token += 1
    live = np.concatenate(made)
    assert len(live) == windows.end(token - 1)
    np.testing.assert_allclose(live, whole[: len(live)], atol=1e-5)
    assert windows.lookahead_s <= 0.3
    # the past is bounded: other sound more than a block before changes nothing
    other = samples.copy()
    other[:16000] = 0.0
    changed = encoded(other, encoder.encode, CONFIG)
    first = (16000 + SAMPLES) // HOP + 10
    np.testing.assert_allclose(changed[first:], whole[first:], atol=1e-5)
    assert np.abs(changed[:50] - whole[:50]).max() > 1e-3


def test_the_exported_encoder_equals_torch(folder, tmp_path):
    pytest.importorskip("onnxscript", reason="the extra `train` is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; the extra `onnx` brings it")
    from speech_gesture_pkg.generators.onnx_session import Session
    from speech_gesture_pkg.lab.models.speech_encoder import load_encoder
    from speech_gesture_pkg.lab.models.speech_encoder_export import export_encoder

    encoder = load_encoder(str(folder))
    export_encoder(encoder, tmp_path / "encoder.onnx")
    audio = np.random.default_rng(0).normal(size=(3, SAMPLES)).astype(np.float32)
    made = Session(tmp_path / "encoder.onnx", threads=1)(audio=audio)["states"]
    assert made.shape == (3, FRAMES, 16)
    np.testing.assert_allclose(made, encoder.encode(audio), atol=1e-4)


def test_a_model_with_an_encoder_runs_without_torch_s_help(folder, tmp_path):
    pytest.importorskip("onnxscript", reason="the extra `train` is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; the extra `onnx` brings it")
    from dataclasses import replace

    from speechcat_tiny import TINY, made_tiny

    from speech_gesture_pkg.audio.chunk import AudioChunk
    from speech_gesture_pkg.config import GeneratorConfig
    from speech_gesture_pkg.generators.registry import load_generator
    from speech_gesture_pkg.lab.models.speech_encoder import load_encoder
    from speech_gesture_pkg.lab.models.speechcat.export import export_speechcat

    encoder = load_encoder(str(folder))
    model = made_tiny(replace(TINY, encoder="wav2vec2", encoder_path="x"), encoder.channels)
    with pytest.raises(ConfigError, match="only wav2vec2 is exported with an encoder"):
        export_speechcat(model, tmp_path / "m", {})
    export_speechcat(model, tmp_path / "m", {}, encoder)
    generator = load_generator(GeneratorConfig(name="speechcat", model=str(tmp_path / "m"), threads=1))
    samples = read_audio(resource(DEMO_AUDIO)).samples[:32000]
    whole, _ = generator.step(AudioChunk(samples, 0.0, 16000), generator.start())
    state, pieces = generator.start(), []
    for k in range(0, len(samples), 1000):
        piece, state = generator.step(AudioChunk(samples[k : k + 1000], k / 16000, 16000), state)
        pieces.append(piece.poses)
    np.testing.assert_array_equal(np.concatenate(pieces), whole.poses)
    assert len(whole) >= 48


def test_what_cannot_be_loaded_is_said_in_one_sentence(folder, tmp_path, monkeypatch):
    from speech_gesture_pkg.lab.models.speech_encoder import load_encoder

    with pytest.raises(ModelError, match=r"wav2vec 2\.0 folder /no/such/folder does not exist"):
        load_encoder("/no/such/folder")
    with pytest.raises(ModelError, match=r"wav2vec 2\.0 folder here does not exist"):
        load_encoder("here")
    with pytest.raises(ConfigError, match="encoder_path is empty"):
        load_encoder("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"wav2vec 2\.0 model .*empty cannot be loaded"):
        load_encoder(str(tmp_path / "empty"))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingDependencyError, match="install the extra `ssl`"):
        load_encoder(str(folder))


def test_blocks_end_with_a_state():
    def encode(audio):
        return np.zeros((len(audio), FRAMES, 2), np.float32)

    speech = EncodedSpeech(encode, 2)
    with pytest.raises(InputError, match="it must end with a state"):
        speech.step(np.zeros(REACH + 1, np.float32), speech.start())
    with pytest.raises(InputError, match="at most 64 are encoded"):
        encode_whole(np.zeros(10, np.float32), [REACH + 64 * HOP], encode)
    with pytest.raises(InputError, match="no audio"):
        encode_whole(np.zeros(10, np.float32), [], encode)
