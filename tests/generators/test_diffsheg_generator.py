"""The streaming generator on an exported network: protocol, schedule, exactness, and files that cannot be used."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")


from speech_gesture_pkg.audio.chunk import AudioChunk  # noqa: E402
from speech_gesture_pkg.config import GeneratorConfig  # noqa: E402
from speech_gesture_pkg.errors import ConfigError, InputError, ModelError  # noqa: E402
from speech_gesture_pkg.generators.base import Style  # noqa: E402
from speech_gesture_pkg.generators.diffsheg.bundle import DiffShegBundle  # noqa: E402
from speech_gesture_pkg.generators.diffsheg.clip_schedule import ClipPlan  # noqa: E402
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig  # noqa: E402
from speech_gesture_pkg.generators.diffsheg.denoiser import Given  # noqa: E402
from speech_gesture_pkg.generators.diffsheg.generator import DiffShegGenerator  # noqa: E402
from speech_gesture_pkg.generators.diffsheg.noise_schedule import NoiseSchedule  # noqa: E402
from speech_gesture_pkg.generators.diffsheg.representation import from_vectors, sizes, to_vectors  # noqa: E402
from speech_gesture_pkg.generators.diffsheg.samplers import DpmSolver, Foppas, Known, seeded_noise  # noqa: E402
from speech_gesture_pkg.lab.models.diffsheg.checkpoint import DiffSheg  # noqa: E402
from speech_gesture_pkg.lab.models.diffsheg.export import export_diffsheg  # noqa: E402
from speech_gesture_pkg.lab.models.diffsheg.model import Conditions  # noqa: E402
from speech_gesture_pkg.lab.models.diffsheg.runtime import torch_denoiser  # noqa: E402
from speech_gesture_pkg.motion.frames import MotionFrames  # noqa: E402

CONFIG = DiffShegConfig(
    prediction="velocity",
    clip=24,
    width=16,
    layers=1,
    heads=2,
    feed=16,
    time_width=16,
    audio_width=8,
    audio_out=8,
    null=0.1,
    speakers=("ann", "bob"),
)
PLAN = ClipPlan(hop=5, overlap=12, blend=2)
SETTINGS = GeneratorConfig(threads=1)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A tiny network and its folder."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = DiffSheg(CONFIG).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
    model.deviation.fill_(0.1)
    folder = export_diffsheg(model, tmp_path_factory.mktemp("diffsheg") / "model", {"note": "random"}, PLAN)
    yield model, folder
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def generator(exported):
    return DiffShegGenerator.load(exported[1], SETTINGS)


@pytest.fixture(scope="module")
def speech():
    """4 s of modulated noise."""
    random = np.random.default_rng(0)
    loud = 0.1 * (1 + np.sin(np.arange(64000) / 3000))
    return (loud * random.standard_normal(64000)).astype(np.float32)


def stream(generator, audio, sizes, **how):
    state, pieces, k = generator.start(seed=3, **how), [], 0
    while k < len(audio):
        size = int(next(sizes))
        frames, state = generator.step(AudioChunk(audio[k : k + size], 2.0 + k / 16000, 16000), state)
        pieces.append(frames)
        k += size
    return MotionFrames.concatenate(pieces), pieces


def whole(generator, audio, **how):
    return generator.step(AudioChunk(audio, 2.0, 16000), generator.start(seed=3, **how))[0]


def test_onnx_networks_equal_the_plain_torch_forward(exported):
    """One denoiser call with and without guidance, known frames told, of two clips at once."""
    model, folder = exported
    denoiser = DiffShegBundle.load(folder, threads=1).denoiser
    random = np.random.default_rng(1)
    size, frames, step = denoiser.sizes["motion"], 11, 700
    speech = random.standard_normal((2, frames, model.length, model.channels), np.float32)
    person = random.standard_normal((2, CONFIG.person), np.float32)
    x = random.standard_normal((2, frames, size), np.float32)
    seen = {}

    class Once:
        conditions, visited = True, (step,)

        def sample(self, denoise, shape, known, noise):
            seen["clean"], seen["noise"] = denoise(x, step)
            return x

    given = Conditions(torch.from_numpy(speech), torch.from_numpy(person), None, torch.zeros(2, frames, size + 1))
    levels = NoiseSchedule.of(CONFIG)
    for guidance in (1.0, 1.25):
        denoiser.sample(Once(), Given(speech, person), None, seeded_noise((0, 0), 0), guidance)
        with torch.no_grad():
            if guidance == 1.0:
                made = model.network(torch.from_numpy(x), torch.full((2,), step), given).numpy()
            else:
                made = guided(model, torch.from_numpy(x), step, given, guidance)
        clean = levels.signal(step) * x - levels.noise(step) * made
        np.testing.assert_allclose(seen["clean"], clean, atol=1e-4)
        np.testing.assert_allclose(seen["noise"], levels.noise(step) * x + levels.signal(step) * made, atol=1e-4)


def guided(model, x, step, given, scale):
    """Classifier-free guidance branch by branch, as the authors' network does it: u + scale * (c - u)."""
    network, steps = model.network, torch.full((len(x),), step)
    heard, made, other = network.audio(given.speech, steps), [], None
    for name in CONFIG.branches:
        span = network.span(name)
        known = torch.cat([given.known[..., :-1][..., span], given.known[..., -1:]], -1)
        both = []
        for absent in (False, True):
            told = replace(given, null=torch.full((len(x),), absent))
            both.append(network.branches[name](x[..., span], steps, heard, told, known, other))
        made.append(both[1] + scale * (both[0] - both[1]))
        other = network.clean(x[..., span], made[-1], steps)
    return torch.cat(made[::-1], -1).numpy()


def test_chunks_do_not_change_the_motion(generator, speech):
    right = whole(generator, speech)
    for seed, low, high in ((0, 1, 3000), (1, 160, 161), (2, 20000, 40000)):
        made, pieces = stream(generator, speech, iter(np.random.default_rng(seed).integers(low, high, 64000)))
        assert all(len(p) % generator.hop_frames == 0 for p in pieces)
        np.testing.assert_array_equal(made.poses, right.poses)
        np.testing.assert_array_equal(made.face, right.face)


def test_frames_come_as_soon_as_the_declared_look_ahead_allows(generator, speech):
    assert generator.lookahead_s <= 0.6
    state, made = generator.start(), 0
    for k in range(0, 64000, 160):
        frames, state = generator.step(AudioChunk(speech[k : k + 160], k / 16000, 16000), state)
        if len(frames):
            assert frames.start == pytest.approx(made / 30)
            waited = (k + 160) / 16000 - frames.start
            assert waited <= generator.lookahead_s + 0.0101
            made += len(frames)
    assert made >= (4.0 - generator.lookahead_s) * 30 - generator.hop_frames


def test_same_seed_same_motion_and_states_are_not_changed(generator, speech):
    state = generator.start(seed=3)
    _, middle = generator.step(AudioChunk(speech[:30000], 2.0, 16000), state)
    kept = middle.recent.copy(), middle.audio.copy(), middle.vectors.copy(), middle.gains.copy()
    rest = AudioChunk(speech[30000:], 2.0 + 30000 / 16000, 16000)
    first, _ = generator.step(rest, middle)
    again, _ = generator.step(rest, middle)
    np.testing.assert_array_equal(first.poses, again.poses)
    for before, now in zip(kept, (middle.recent, middle.audio, middle.vectors, middle.gains), strict=True):
        np.testing.assert_array_equal(before, now)
    other = generator.step(AudioChunk(speech, 2.0, 16000), generator.start(seed=4))[0]
    assert np.abs(other.poses - whole(generator, speech).poses).max() > 1e-3


def test_speakers_and_style_change_the_motion(generator, speech):
    right = whole(generator, speech)
    assert np.abs(whole(generator, speech, speaker="bob").poses - right.poses).max() > 1e-3
    assert np.abs(whole(generator, speech, style=Style(amplitude=2.0)).poses - right.poses).max() > 1e-4
    np.testing.assert_array_equal(whole(generator, speech, speaker="ann").poses, right.poses)
    with pytest.raises(ConfigError, match="speaker 'eve' is unknown; it must be one of: ann, bob"):
        generator.start(speaker="eve")


def test_parts_that_are_off_rest_and_are_marked(generator, speech):
    made = whole(generator, speech, style=Style(parts=frozenset({"body"})))
    assert made.valid.all(0).tolist() == [True, False, False]
    calm = from_vectors(generator.bundle.calm[None], CONFIG)
    np.testing.assert_allclose(made.poses[:, 25:], np.repeat(calm.poses[:, 25:], len(made), 0), atol=1e-12)


@pytest.mark.parametrize("sampler", ["dpm", "foppas"])
def test_frames_that_were_given_out_are_reproduced_in_the_overlap(exported, speech, sampler):
    """What a clip is told it gives back: the newest frames of a state hold those of the one before, unchanged."""
    plan = replace(PLAN, sampler=sampler, steps=3)
    generator = DiffShegGenerator(DiffShegBundle.load(exported[1], threads=1), plan)
    state, before = generator.start(seed=1), None
    for k in range(0, 48000, 2000):
        _, state = generator.step(AudioChunk(speech[k : k + 2000], k / 16000, 16000), state)
        if before is not None and before.units and state.units == before.units + 1:
            old, new = before.recent[0], state.recent[0]
            out = old[: len(old) - before.held]
            there = new[: len(new) - plan.hop - before.held]
            np.testing.assert_array_equal(there, out[len(out) - len(there) :])
        before = state
    assert state.units > 10


def test_the_overlap_may_change_while_running(generator, speech):
    state = generator.start(seed=3)
    _first, state = generator.step(AudioChunk(speech[:30000], 0.0, 16000), state)
    changed = generator.with_overlap(state, 6)
    rest = AudioChunk(speech[30000:], 30000 / 16000, 16000)
    a, after = generator.step(rest, changed)
    b, _ = generator.step(rest, state)
    assert len(a) == len(b)
    assert after.overlap == 6
    assert np.abs(a.poses - b.poses).max() > 1e-4
    longer, _ = generator.step(rest, generator.with_overlap(state, 19))
    assert len(longer) == len(b)
    with pytest.raises(ConfigError, match="overlap is 24 frames; it must be less than the clip, 24"):
        generator.with_overlap(state, 24)


def test_the_paper_s_schedule_emits_clips_less_their_overlap(exported, speech):
    plan = ClipPlan(18, 6, 6, "foppas", 4, rounds=2)
    generator = DiffShegGenerator(DiffShegBundle.load(exported[1], threads=1), plan)
    made, pieces = stream(generator, speech, iter(lambda: 1000, None))
    assert {len(p) for p in pieces} == {0, 18}
    np.testing.assert_array_equal(made.poses, whole(generator, speech).poses)


def test_many_motions_at_once_equal_the_stream(generator, speech):
    audio = AudioChunk(speech[:40000], 2.0, 16000)
    batch = generator.generate_batch(audio, [3, 9], "bob")
    padded = np.concatenate([speech[:40000], np.zeros(16000, np.float32)])
    for seed, made in zip((3, 9), batch, strict=True):
        right, _ = generator.step(AudioChunk(padded, 2.0, 16000), generator.start(seed, "bob"))
        assert len(made) == 75
        assert made.start == 2.0
        np.testing.assert_allclose(made.poses, right.poses[:75], atol=2e-4)


@pytest.mark.parametrize("layout", ["smplx", "show"])
def test_vectors_of_motion_come_back(layout):
    random, config = np.random.default_rng(0), DiffShegConfig(layout=layout)
    total = sizes(config)["motion"]
    vectors = random.uniform(0.0, 0.4, (6, total)).astype(np.float32)
    np.testing.assert_allclose(to_vectors(from_vectors(vectors, config), config), vectors, atol=1e-6)
    assert sizes(DiffShegConfig(layout="show"))["motion"] == 129 + 103
    assert sizes(DiffShegConfig(layout="beat")) == {"gesture": 141, "expression": 51, "motion": 192}


def test_motion_that_the_network_cannot_take():
    motion = from_vectors(np.zeros((4, sizes(CONFIG)["motion"])), CONFIG)
    with pytest.raises(InputError, match="motion has 30 fps; this DiffSHEG works at 15 fps"):
        to_vectors(motion, replace(CONFIG, fps=15.0))
    with pytest.raises(ModelError, match="'beat' is not SMPL-X"):
        to_vectors(motion, replace(CONFIG, layout="beat"))
    with pytest.raises(InputError, match="motion has 0 expression coefficients; 100 are needed"):
        to_vectors(motion, replace(CONFIG, layout="show"))


@pytest.mark.parametrize(
    ("chunk", "words"),
    [
        (AudioChunk(np.zeros(10, np.float32), 0.0, 44100), "audio has 44100 Hz; diffsheg needs 16000 Hz"),
        (AudioChunk(np.full(10, np.nan, np.float32), 0.0, 16000), "NaN or infinite"),
    ],
)
def test_audio_that_cannot_be_used(generator, chunk, words):
    with pytest.raises(InputError, match=words):
        generator.step(chunk, generator.start())


def edited(exported, tmp_path, change):
    """A copy of the model with a changed card."""
    folder = tmp_path / "model"
    shutil.copytree(exported[1], folder)
    path = folder / "diffsheg.json"
    card = json.loads(path.read_text())
    change(card, folder)
    path.write_text(json.dumps(card))
    return folder


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda card, folder: (folder / "gesture.onnx").unlink(), "gesture.onnx does not exist"),
        (lambda card, folder: (folder / "gesture.onnx").write_bytes(b"x"), "has sha256 .* is expected: it is corrupt"),
        (lambda card, folder: card["config"].update(layers=3), "does not fit expression.onnx: input table has shape"),
        (lambda card, folder: card["config"].update(flow="no"), "diffsheg flow 'no' is unknown"),
        (lambda card, folder: card["config"].update(fps=24.0), "fps is 24.0; it must be one of"),
        (lambda card, folder: card["config"].update(style=False), "does not fit tables.onnx: input person"),
        (lambda card, folder: card.pop("mean"), "'mean' is missing"),
        (lambda card, folder: card.update(deviation=[0.0] * 196), "finite and positive"),
        (lambda card, folder: card.update(calm=[1.0]), "calm has shape"),
        (lambda card, folder: card["plan"].update(overlap=24), "overlap is 24 frames; it must be less than the clip"),
        (lambda card, folder: card["plan"].update(steps=0), "steps is 0; it must be at least 1"),
        (lambda card, folder: card.update(format="x"), "is not one of speech-gesture-diffsheg/1"),
        (lambda card, folder: card["files"].pop("tables.onnx"), "it lists the files"),
    ],
)
def test_models_that_cannot_be_used(exported, tmp_path, change, words):
    with pytest.raises(ModelError, match=words):
        DiffShegGenerator.load(edited(exported, tmp_path, change), SETTINGS)


def test_missing_folders_and_plans_that_do_not_fit(exported, tmp_path):
    with pytest.raises(ModelError, match=r"diffsheg.json does not exist; a diffsheg model is a folder"):
        DiffShegGenerator.load(tmp_path / "none", SETTINGS)
    (tmp_path / "diffsheg.json").write_text("{")
    with pytest.raises(ModelError, match="is not JSON"):
        DiffShegGenerator.load(tmp_path, SETTINGS)
    with pytest.raises(ConfigError, match="overlap 20 and hop 5 make clips of 25 frames"):
        DiffShegGenerator(DiffShegBundle.load(exported[1], threads=1), replace(PLAN, overlap=20))


def test_samplers_run_on_the_networks(exported):
    """Plain DDIM on the exported networks equals FOPPAS with nothing known."""
    denoiser = DiffShegBundle.load(exported[1], threads=1).denoiser
    speech = np.zeros((1, 6, 24, 44), np.float32)
    given = Given(speech, np.zeros((1, CONFIG.person), np.float32))
    schedule = NoiseSchedule.of(CONFIG)
    plain = denoiser.sample(Foppas(schedule, 5), given, None, seeded_noise((1,), 0))
    jumping = denoiser.sample(Foppas(schedule, 5, 3, 2, 4), given, None, seeded_noise((1,), 0))
    np.testing.assert_array_equal(plain, jumping)
    assert denoiser.sample(DpmSolver(schedule, 1), given, None, seeded_noise((1,), 0)).shape == plain.shape


def test_clips_in_torch_equal_those_in_onnx(exported):
    model, folder = exported
    random = np.random.default_rng(2)
    speech = random.standard_normal((2, 9, model.length, model.channels), np.float32)
    given = Given(speech, random.standard_normal((2, CONFIG.person), np.float32))
    known = Known(random.standard_normal((2, 4, len(model.mean)), np.float32), np.zeros(4))
    sampler = PLAN.make_sampler(CONFIG)
    made = [
        denoiser.sample(sampler, given, known, seeded_noise((1, 2), 0), 1.2)
        for denoiser in (DiffShegBundle.load(folder, threads=1).denoiser, torch_denoiser(model.network))
    ]
    np.testing.assert_allclose(made[0], made[1], atol=2e-4)
