"""SpeechCAT's networks: token by token equals all at once, no look ahead, training that resumes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.errors import ConfigError, ModelError
from speech_gesture_pkg.features.vectors import SPEECH_VECTOR, SpeechVectors
from speech_gesture_pkg.generators.base import Style
from speech_gesture_pkg.generators.prosody.generator import ProsodyGenerator
from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig
from speech_gesture_pkg.resources import DEMO_AUDIO, resource

torch = pytest.importorskip("torch", reason="torch is not installed; the extra `train` brings it")
pytest.importorskip("vector_quantize_pytorch", reason="the extra `train` is not installed")
torch.set_num_threads(1)  # these networks are tiny: a second thread costs more than it brings

from speech_gesture_pkg.generators.speechcat.bundle import CARD, DECODERS, SpeechCatBundle  # noqa: E402
from speech_gesture_pkg.generators.speechcat.generator import SpeechCatGenerator  # noqa: E402
from speech_gesture_pkg.lab.models.speechcat.model import SpeechCat, load, save  # noqa: E402
from speech_gesture_pkg.lab.models.speechcat.train_tokens import corrupted  # noqa: E402

SMALL = SpeechCatConfig(
    codes=32, vq_width=24, vq_depth=1, width=24, layers=2, heads=2, window=8, audio_width=16, speakers=("ann", "bob")
)
VARIANTS = [
    SMALL,
    replace(SMALL, variant="no_cross_attention"),
    replace(SMALL, variant="one_code"),
    replace(SMALL, decoder_ahead=1, audio_ahead=0.0),
]


def made(config: SpeechCatConfig) -> SpeechCat:
    torch.manual_seed(0)
    model = SpeechCat(config).eval()
    for part in config.parts:
        codebook = model.vqvae(part).quantiser._codebook
        codebook.embed.data.normal_()
        codebook.initted.fill_(True)
    return model


@pytest.mark.parametrize("config", VARIANTS, ids=["full", "no_cross_attention", "one_code", "decoder_ahead"])
def test_token_by_token_equals_all_at_once(config):
    model = made(config)
    parts, count = len(config.parts), 30
    tokens = torch.randint(0, config.codes, (parts, 1, count))
    windows = torch.randn(1, count, config.windows.length, SPEECH_VECTOR)
    speaker, style = torch.zeros(1, dtype=torch.long), torch.randn(1, count, 2)
    with torch.no_grad():
        whole, _, _ = model.transformer(tokens, windows, speaker, style, *model.transformer.empty(1))
        past, known = model.transformer.empty(1)
        for k in range(count):
            one, past, known = model.transformer(
                tokens[:, :, k : k + 1], windows[:, k : k + 1], speaker, style[:, k : k + 1], past, known
            )
            torch.testing.assert_close(one[:, :, 0], whole[:, :, k], atol=1e-4, rtol=1e-4)
        later = tokens.clone()
        later[:, :, 20:] = 0
        changed, _, _ = model.transformer(later, windows, speaker, style, *model.transformer.empty(1))
        torch.testing.assert_close(changed[:, :, :20], whole[:, :, :20])
        assert (changed[:, :, 20:] - whole[:, :, 20:]).abs().max() > 1e-3
        for part in config.parts:
            vqvae, frames = model.vqvae(part), config.downsample
            indices = torch.randint(0, config.codes, (1, 40))
            decoded = vqvae.decode(indices)
            for k in (3, 20, 39):
                codes = vqvae.codebook[indices[:, max(0, k + 1 - vqvae.decoder.history) : k + 1]].transpose(1, 2)
                first = frames * (k - config.decoder_ahead)
                torch.testing.assert_close(
                    vqvae.decoder.layers(codes).transpose(1, 2)[:, -frames:],
                    decoded[:, first : first + frames],
                    atol=1e-5,
                    rtol=0,
                )


def test_parts_see_each_other_only_with_cross_attention():
    for config, seen in ((VARIANTS[0], True), (VARIANTS[1], False)):
        model = made(config)
        tokens = torch.randint(0, config.codes, (3, 1, 6))
        other = tokens.clone()
        other[1] = (other[1] + 7) % config.codes
        rest = (torch.randn(1, 6, config.windows.length, SPEECH_VECTOR), torch.zeros(1, dtype=torch.long))
        style = torch.zeros(1, 6, 2)
        with torch.no_grad():
            a = model.transformer(tokens, *rest, style, *model.transformer.empty(1))[0]
            b = model.transformer(other, *rest, style, *model.transformer.empty(1))[0]
        assert ((a - b)[0].abs().max() > 1e-4) == seen
        assert (a - b)[1].abs().max() > 1e-4


def test_corruption_replaces_the_share_that_is_asked_for_and_never_the_start():
    torch.manual_seed(0)
    tokens = torch.randint(0, 1000, (3, 20, 500))
    tokens[:, :, 0] = 1000
    changed = corrupted(tokens, 0.4, 1000) != tokens
    assert not changed[:, :, 0].any()
    assert changed[:, :, 1:].float().mean() == pytest.approx(0.4, abs=0.01)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; the extra `onnx` brings it")
    pytest.importorskip("onnxscript", reason="the extra `train` is not installed")
    from speech_gesture_pkg.lab.models.speechcat.export import export_speechcat

    return export_speechcat(made(SMALL), tmp_path_factory.mktemp("speechcat") / "bundle", {"corpus": "none"})


def test_the_exported_stream_does_not_depend_on_its_chunks(exported):
    generator = SpeechCatGenerator(SpeechCatBundle.load(exported, threads=1))
    audio = read_audio(resource(DEMO_AUDIO)).samples[: 16000 * 4]
    whole, _ = generator.step(AudioChunk(audio, 5.0, 16000), generator.start(seed=3, speaker="bob"))
    state, pieces, place = generator.start(seed=3, speaker="bob"), [], 0
    rng = np.random.default_rng(0)
    while place < len(audio):
        size = int(rng.integers(1, 3000))
        piece, state = generator.step(AudioChunk(audio[place : place + size], 5.0 + place / 16000, 16000), state)
        assert piece.start == pytest.approx(5.0 + sum(map(len, pieces)) / 30)
        pieces.append(piece)
        place += size
    np.testing.assert_array_equal(np.concatenate([p.poses for p in pieces]), whole.poses)
    # what is due by the declared look-ahead is there
    assert len(whole) >= (4.0 - generator.lookahead_s) * 30 - 4
    other, _ = generator.step(AudioChunk(audio, 5.0, 16000), generator.start(seed=4, speaker="bob"))
    assert np.abs(other.poses - whole.poses).max() > 0.01
    still, _ = generator.step(AudioChunk(audio, 5.0, 16000), generator.start(style=Style(amplitude=0.0)))
    assert np.abs(np.diff(still.poses[:, :22], axis=0)).max() == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(ConfigError, match="ann, bob"):
        generator.start(speaker="eve")


def test_the_export_equals_torch(exported):
    bundle, model = SpeechCatBundle.load(exported, threads=1), made(SMALL)
    indices = np.random.default_rng(0).integers(0, SMALL.codes, (3, 25))
    frames = bundle.decoders(indices=indices)
    decoded = model.decode(torch.from_numpy(indices)[:, None])
    for part in SMALL.parts:
        np.testing.assert_allclose(frames[f"frames_{part}"], decoded[part][0].detach().numpy(), atol=1e-4)


def test_broken_models_are_named(exported, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in exported.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    whole = (folder / DECODERS).read_bytes()
    (folder / DECODERS).write_bytes(whole[:-1])
    with pytest.raises(ModelError, match=r"decoders\.onnx has sha256 \w{64}; \w{64} is expected"):
        SpeechCatBundle.load(folder)
    (folder / DECODERS).write_bytes(whole)
    card = json.loads((folder / CARD).read_text())
    card["config"]["variant"] = "one_code"
    (folder / CARD).write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r"cannot be used: 'all' is missing"):
        SpeechCatBundle.load(folder)
    with pytest.raises(ModelError, match="does not exist"):
        SpeechCatBundle.load(tmp_path / "none")


def test_checkpoints_keep_everything_and_refuse_what_does_not_fit(tmp_path):
    model, path = made(SMALL), tmp_path / "model.safetensors"
    save(model, path, {"step": 7})
    again, facts = load(path)
    assert facts == {"step": 7}
    assert again.config == SMALL
    for key, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], value)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match="corrupt"):
        load(path)


def test_training_learns_and_goes_on_where_it_stopped(tmp_path):
    pytest.importorskip("accelerate", reason="the extra `train` is not installed")
    from speech_gesture_pkg.lab.models.speechcat.train_codes import CodesStage
    from speech_gesture_pkg.lab.models.speechcat.train_tokens import TokensStage
    from speech_gesture_pkg.lab.models.speechcat.utterances import utterances
    from speech_gesture_pkg.lab.training.corpus import Recording
    from speech_gesture_pkg.lab.training.engine import fit
    from speech_gesture_pkg.lab.training.settings import TrainSettings

    audio = read_audio(resource(DEMO_AUDIO)).samples[: 16000 * 8]
    speech, _ = SpeechVectors().step(audio, SpeechVectors().start())
    generator = ProsodyGenerator()
    found = []
    for seed in range(2):
        motion, _ = generator.step(AudioChunk(audio, 0.0, 16000), generator.start(seed=seed))
        found.append(Recording(f"take {seed}", motion, {"speech": speech}))
    found = utterances(found, SMALL)
    model = SpeechCat(SMALL)
    settings = TrainSettings(steps=12, batch=3, warmup=1, rate=3e-3, validate_every=12, save_every=6)
    end = fit(CodesStage(model, found[:1], found[1:]), replace(settings, steps=100), tmp_path / "codes")
    assert {"body_error", "finger_error", "hands_usage", "face_perplexity"} <= set(end)
    table = [row.split(",") for row in (tmp_path / "codes" / "curves.csv").read_text().splitlines()]
    losses = [float(value) for _, _, group, name, value in table if (group, name) == ("train", "body_reconstruction")]
    assert losses[-1] < 0.7 * losses[0]
    assert (tmp_path / "codes" / "curves.png").stat().st_size > 1000
    stage = TokensStage(model, found[:1], found[1:])
    settings = replace(settings, batch=1)
    fit(stage, settings, tmp_path / "tokens")
    rows = (tmp_path / "tokens" / "curves.csv").read_text().splitlines()
    fit(stage, replace(settings, steps=13), tmp_path / "tokens")
    more = (tmp_path / "tokens" / "curves.csv").read_text().splitlines()
    assert {r.split(",")[1] for r in more[len(rows) :]} == {"13"}
