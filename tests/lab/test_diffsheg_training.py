"""Training DiffSHEG: losses in closed form, data, every ablation for a few steps, and resumed runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from speech_gesture_pkg.audio.chunk import AudioChunk  # noqa: E402
from speech_gesture_pkg.errors import ConfigError, InputError  # noqa: E402
from speech_gesture_pkg.features.vectors import SPEECH_VECTOR  # noqa: E402
from speech_gesture_pkg.generators.diffsheg.config import ABLATIONS, DiffShegConfig, ablated  # noqa: E402
from speech_gesture_pkg.generators.diffsheg.representation import to_vectors  # noqa: E402
from speech_gesture_pkg.generators.prosody.generator import ProsodyGenerator  # noqa: E402
from speech_gesture_pkg.lab.models.diffsheg.checkpoint import DiffSheg, load  # noqa: E402
from speech_gesture_pkg.lab.models.diffsheg.model import Conditions  # noqa: E402
from speech_gesture_pkg.lab.models.diffsheg.recipe import DiffShegRecipe, Losses  # noqa: E402
from speech_gesture_pkg.lab.models.diffsheg.train import DiffShegTraining  # noqa: E402
from speech_gesture_pkg.lab.models.diffsheg.train_denoiser import (  # noqa: E402
    DiffShegStage,
    Diffusion,
    TrainingRecording,
)
from speech_gesture_pkg.lab.training.corpus import Corpus, Recording  # noqa: E402
from speech_gesture_pkg.lab.training.sequences import style_reference  # noqa: E402
from speech_gesture_pkg.lab.training.settings import TrainSettings  # noqa: E402
from speech_gesture_pkg.motion.frames import resample  # noqa: E402

TINY = DiffShegConfig(
    clip=12, width=16, layers=1, heads=2, feed=16, time_width=16, audio_width=8, audio_out=8, hubert_width=4
)
SHORT = TrainSettings(steps=3, batch=2, average=0.0, validate_every=3, save_every=3)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Networks this small are slowed down by several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def recordings():
    """Two recordings of 3 s of rule-made motion and noise for features."""
    generator, made = ProsodyGenerator(), []
    for k in range(2):
        random = np.random.default_rng(k)
        audio = (0.1 * random.standard_normal(64000)).astype(np.float32)
        motion, _ = generator.step(AudioChunk(audio, 0.0, 16000), generator.start(seed=k))
        speech = random.standard_normal((310, SPEECH_VECTOR)).astype(np.float32)
        made.append(Recording(f"u{k}", motion[:90], {"speech": speech}))
    return made


def test_recordings_are_the_motion_in_axis_angle_at_the_networks_rate(recordings):
    reference = style_reference(recordings)
    right = to_vectors(recordings[0].motion, TINY)
    np.testing.assert_allclose(TrainingRecording(recordings[0], TINY, reference).vectors, right, atol=2e-5)
    slow = replace(TINY, fps=15.0)
    made = TrainingRecording(recordings[0], slow, reference)
    assert len(made) == len(made.style) == 45
    np.testing.assert_allclose(made.vectors, to_vectors(resample(recordings[0].motion, 15.0), slow), atol=2e-5)


def test_clips_hear_what_their_frames_hear(recordings):
    stage = DiffShegStage(DiffSheg(TINY), recordings, recordings)
    clips, recording = stage.data(), TrainingRecording(recordings[0], TINY, stage.reference)
    batch = clips.cut(recording, 20, 12)
    for k in (0, 7, 11):
        # 100 feature vectors a second, 0.1 s on both sides of a frame's own four
        first = (20 + k) * 100 // 30 - 10
        np.testing.assert_array_equal(batch["speech"][k], recordings[0].features["speech"][first : first + 24])
    assert batch["person"].tolist()[0] == 1.0
    assert (clips.cut(recording, 0, 12)["speech"][0, :, 0] == -2.0).sum() == 10  # silence before the start


def test_normalisation_is_that_of_the_corpus(recordings):
    model = DiffSheg(TINY)
    DiffShegStage(model, recordings, recordings)
    whole = np.concatenate([to_vectors(u.motion, TINY) for u in recordings])
    np.testing.assert_allclose(model.mean, whole.mean(0), atol=1e-4)
    np.testing.assert_allclose(model.deviation, np.maximum(whole.std(0), 0.02), atol=1e-4)


class Fixed(torch.nn.Module):
    """Stands for the network: predicts zero noise."""

    def __init__(self, network):
        super().__init__()
        self.levels, self.clean = network.levels, network.clean
        self.step = None

    def forward(self, x, step, given, told):
        self.step = step
        return torch.zeros_like(x)


@pytest.mark.parametrize(("name", "weights"), [("paper", (10.0, 1.0, 1.0)), ("code", (1000.0, 1.0, 100.0))])
def test_losses_are_those_of_equation_8(name, weights):
    torch.manual_seed(0)
    model = DiffSheg(replace(TINY, known=False, steps=1))
    network = model.network
    model.network = fixed = Fixed(network)
    step = Diffusion(model, Losses.named(name))
    size = len(model.mean)
    motion = torch.randn(1, 5, size)
    state = torch.get_rng_state()
    found = step({"motion": motion, "speech": torch.zeros(1, 5, 1, 1), "person": torch.zeros(1, 3)})
    torch.set_rng_state(state)
    torch.randint(0, 1, (1,))
    noise = torch.randn_like(motion)
    # one step, beta 1e-4: x_0 is off by sqrt(beta / (1 - beta)) times the noise that was not predicted
    off = (1e-4 / (1 - 1e-4)) ** 0.5 * noise
    parts = [float((noise**2).mean()), float((off.diff(dim=1) ** 2).mean())]
    inside = off.abs() < 0.1
    huber = float(torch.where(inside, 0.5 * off**2, 0.1 * (off.abs() - 0.05)).mean())
    parts.append(huber / (0.1 if name == "code" else 1.0))
    assert fixed.step.tolist() == [0]
    assert float(found["loss"]) == pytest.approx(sum(w * p for w, p in zip(weights, parts, strict=True)), rel=1e-3)


def test_an_ablation_that_changes_nothing_is_refused():
    assert ablated(DiffShegConfig(), "reverse").flow == "reverse"
    with pytest.raises(ConfigError, match="no_hubert: the recipe's network is that already"):
        ablated(DiffShegConfig(hubert=0), "no_hubert")
    with pytest.raises(ConfigError, match="diffsheg variant"):
        ablated(DiffShegConfig(), "wide")


@pytest.mark.parametrize("name", sorted(ABLATIONS))
def test_a_step_of_every_row_of_the_papers_tables(recordings, name):
    torch.manual_seed(0)
    config = DiffShegConfig(**{**TINY.to_dict(), "speakers": ("default",), **ABLATIONS[name]})
    if config.hubert == 0 and name == "full":
        config = replace(config, hubert=6, null=0.2, prediction="epsilon")
    model = DiffSheg(config)
    step = Diffusion(model, Losses.named("paper"))
    size = len(model.mean)
    batch = {
        "motion": torch.randn(4, 12, size),
        "speech": torch.randn(4, 12, model.length, SPEECH_VECTOR),
        "person": torch.randn(4, config.person),
        "hubert": torch.randn(4, 12, max(1, config.hubert)),
    }
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    before = {k: v.clone() for k, v in model.network.state_dict().items()}
    for _ in range(3):  # the first steps only wake the zero-initialised layers
        optimiser.zero_grad()
        loss = step(batch)["loss"]
        assert torch.isfinite(loss)
        loss.backward()
        optimiser.step()
    still = [k for k, v in model.network.named_parameters() if torch.equal(v, before[k])]
    assert still == []


def test_training_goes_down_on_one_batch(recordings):
    torch.manual_seed(0)
    stage = DiffShegStage(DiffSheg(replace(TINY, prediction="velocity")), recordings, recordings)
    first = stage.validate(stage.network.eval())
    optimiser = torch.optim.Adam(stage.network.parameters(), 3e-3)
    batch = {k: torch.stack([stage.data()[i][k] for i in range(8)]) for k in stage.data()[0]}
    stage.network.train()
    for _ in range(60):
        optimiser.zero_grad()
        stage.network(batch)["loss"].backward()
        optimiser.step()
    last = stage.validate(stage.network.eval())
    assert last["held_out_prediction"] < 0.9 * first["held_out_prediction"]
    assert stage.validate(stage.network) == last  # the same cuts and noise every time


def data(recordings, folder, **about) -> dict:
    corpus = Corpus(recordings[:1], recordings[1:], [], sha256="abc")
    return {"folder": folder, "corpus": corpus, "about": about}


def test_runs_are_finished_once_and_refuse_other_settings(recordings, tmp_path):
    seen = []
    training = DiffShegTraining(
        **data(recordings, tmp_path, name="tiny"), settings=SHORT, report=lambda *about: seen.append(about[:2])
    )
    path = training.train(TINY, 0)
    model, facts = load(path)
    assert seen[-1] == ("diffsheg", 3)
    assert model.config == TINY
    assert facts["losses"] == "paper"
    assert facts["corpus"]["sha256"] == "abc"
    assert "held_out_loss" in facts["figures"]
    written = path.stat().st_mtime_ns
    assert training.train(TINY, 0) == path
    assert path.stat().st_mtime_ns == written
    with pytest.raises(ConfigError, match="holds a run with another config"):
        training.train(replace(TINY, feed=24), 0)
    with pytest.raises(ConfigError, match="holds a run with another losses"):
        replace(training, losses="code").train(TINY, 0)


def test_what_cannot_be_trained(recordings, tmp_path):
    with pytest.raises(InputError, match="no training recording is as long as a clip of 20"):
        DiffShegStage(DiffSheg(replace(TINY, clip=600)), recordings, recordings)
    with pytest.raises(ConfigError, match="diffsheg losses 'l1' is unknown; it must be one of: paper, code"):
        DiffShegStage(DiffSheg(TINY), recordings, recordings, "l1")
    with pytest.raises(ConfigError, match="own speech features: speech must be 0"):
        DiffShegStage(DiffSheg(replace(TINY, speech=8)), recordings, recordings)
    with pytest.raises(ConfigError, match="hubert is 4, but u0 holds 0 states of 0 channels for 90 frames"):
        DiffShegStage(DiffSheg(replace(TINY, hubert=4)), recordings, recordings)
    without = data(recordings, tmp_path)
    without["corpus"].val = []
    with pytest.raises(InputError, match="no recording in its split 'val'"):
        DiffShegTraining(**without, settings=SHORT).train(TINY, 0)


def test_bfloat16_gives_smooth_motion_and_fp16_needs_a_gpu(recordings, tmp_path):
    """The last layers stay float32: rounded to bfloat16, motion would tremble by a tenth of its change."""
    training = DiffShegTraining(**data(recordings, tmp_path), settings=replace(SHORT, precision="bf16"))
    model, facts = load(training.train(TINY, 0, "bf16"))
    assert facts["settings"]["precision"] == "bf16"
    stage = DiffShegStage(model, recordings, recordings)
    batch = {k: v[None] for k, v in stage.data()[0].items()}
    given = Conditions(batch["speech"], batch["person"], None, None)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        made = model.network(model.normalised(batch["motion"]), torch.zeros(1, dtype=torch.long), given)
    assert made.dtype is torch.float32
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="fp16 needs a GPU"):
            replace(training, settings=replace(SHORT, precision="fp16")).train(TINY, 0, "fp16")


RECIPE = """
corpus: {name: starter, layout: own}
model: {prediction: velocity, clip: 40, "null": 0.1}
train: {losses: code, steps: 7}
plan: {hop: 8, overlap: 20}
"""


def test_recipes_are_read_and_may_be_changed(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    recipe = DiffShegRecipe.from_file(path, {"train.steps": 9, "plan.guidance": 1.2})
    assert (recipe.model.prediction, recipe.model.clip, recipe.model.null) == ("velocity", 40, 0.1)
    assert (recipe.train.steps, recipe.losses, recipe.corpus.name) == (9, "code", "starter")
    assert (recipe.plan.hop, recipe.plan.overlap, recipe.plan.guidance) == (8, 20, 1.2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1", "section 'a' is unknown; it must be one of: model, corpus, train, plan"),
        ("[1]", "must hold sections"),
        ("model: 3", "section model must hold names and values"),
        ("train: {losses: l1}", "train.losses 'l1' is unknown"),
        ("plan: {overlap: 48}", "overlap is 48 frames; it must be less than the clip"),
        ("corpus: {size: x}", "corpus setting 'size' is unknown"),
        ("model: {fps: 24.0}", "fps is 24.0"),
    ],
)
def test_recipes_that_cannot_be_used(tmp_path, text, words):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        DiffShegRecipe.from_file(path)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        DiffShegRecipe.from_file(tmp_path / "none.yaml")
