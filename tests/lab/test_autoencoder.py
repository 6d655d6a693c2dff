"""The file and the numpy encoder of the Frechet distances."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.lab.metrics import controls
from speech_gesture_pkg.lab.metrics.autoencoder import STARTER, AutoencoderSettings, LatentEncoder, load_latents
from speech_gesture_pkg.lab.metrics.autoencoder.corpus import gather, normalisation
from speech_gesture_pkg.lab.metrics.autoencoder.encoder import convolve, save_latents, with_reference, z_scores
from speech_gesture_pkg.lab.metrics.autoencoder.tensors import load_tensors, save_tensors
from speech_gesture_pkg.lab.metrics.frechet import LatentStatistics, frechet_between, latent_statistics
from speech_gesture_pkg.lab.metrics.sample import gesture_parameters
from speech_gesture_pkg.motion.folder import motions_in
from speech_gesture_pkg.motion.frames import MotionFrames, resample
from speech_gesture_pkg.motion.npz import save_motion

ROOT = Path(__file__).resolve().parents[2]
SMALL = AutoencoderSettings(clip_frames=8, latent=3, widths=(4, 5), steps=2, batch=2)


def encoder(seed: int = 0, size: int = 6, settings: AutoencoderSettings = SMALL) -> LatentEncoder:
    """Random weights."""
    rng = np.random.default_rng(seed)
    seen = size * (2 if settings.velocities else 1)
    channels = (seen, *settings.widths)
    layers = tuple(
        (
            rng.standard_normal((channels[k + 1], channels[k], 3 if k == 0 else 4)).astype("<f4"),
            rng.standard_normal(channels[k + 1]).astype("<f4"),
        )
        for k in range(len(settings.widths))
    )
    flat = settings.widths[-1] * settings.lengths[-1]
    output = rng.standard_normal((settings.latent, flat)).astype("<f4"), np.ones(settings.latent, "<f4")
    mean, deviation = np.zeros(seen, "<f4"), np.ones(seen, "<f4")
    return LatentEncoder("fgd", settings, mean, deviation, layers, output, "corpus")


@pytest.mark.parametrize(("width", "stride"), [(3, 1), (4, 2)])
def test_convolution_by_its_sum(width, stride):
    rng = np.random.default_rng(1)
    x, w, b = rng.standard_normal((2, 3, 9)), rng.standard_normal((4, 3, width)), rng.standard_normal(4)
    out = convolve(x, w, b, stride)
    assert out.shape == (2, 4, (9 + 2 - width) // stride + 1)
    for n, o, t in np.ndindex(out.shape):
        total = b[o]
        for c in range(3):
            for k in range(width):
                place = t * stride + k - 1
                total += w[o, c, k] * (x[n, c, place] if 0 <= place < 9 else 0.0)
        assert out[n, o, t] == pytest.approx(total)


def test_z_scores_with_velocities():
    clips = np.array([[[1.0], [3.0], [2.0]]])
    seen = z_scores(clips, np.array([1.0, 0.0]), np.array([2.0, 0.5]))
    np.testing.assert_allclose(seen, [[[0.0, 1.0, 0.5], [0.0, 4.0, -2.0]]])
    np.testing.assert_allclose(z_scores(clips, np.array([1.0]), np.array([2.0])), [[[0.0, 1.0, 0.5]]])


def test_normalisation_has_a_floor():
    motion = np.array([[0.0, 5.0], [2.0, 5.0]], np.float32)
    mean, deviation = normalisation([motion], AutoencoderSettings(least_deviation=0.05))
    np.testing.assert_allclose(mean, [1.0, 5.0, 0.0, 0.0])
    np.testing.assert_allclose(deviation, [1.0, 0.05, 2.0, 0.01], rtol=1e-6)


def test_what_moved_in_the_corpus():
    least = SMALL.least_deviation
    made = encoder(size=3)
    mean = np.array([0.0, 0.0, 9 * least, *made.mean[3:]], "<f4")
    deviation = np.array([least, 2 * least, least, *made.deviation[3:]], "<f4")
    assert replace(made, mean=mean, deviation=deviation).moved.tolist() == [False, True, True]


def test_file_round_trip_and_damage(tmp_path):
    made = with_reference(encoder(), np.random.default_rng(2).standard_normal((9, 8, 6)))
    path = tmp_path / "a.safetensors"
    save_latents(path, [made])
    back = load_latents(path)["fgd"]
    clips = np.random.default_rng(3).standard_normal((4, 8, 6))
    np.testing.assert_array_equal(back.encode(clips), made.encode(clips))
    assert back.id == made.id
    assert back.reference is not None
    assert back.reference.provider == back.id
    assert back.reference.count == 9
    again = tmp_path / "b.safetensors"
    save_latents(again, [back])
    assert again.read_bytes() == path.read_bytes()
    data = bytearray(path.read_bytes())
    (tmp_path / "short.safetensors").write_bytes(data[:-10])
    with pytest.raises(InputError, match="not a whole safetensors file"):
        load_latents(tmp_path / "short.safetensors")
    tensors, metadata = load_tensors(path)
    tensors["fgd.mean"] = tensors["fgd.mean"] + 1.0
    save_tensors(path, {k: np.array(v) for k, v in tensors.items()}, metadata)
    with pytest.raises(InputError, match="sha256"):
        load_latents(path)
    save_tensors(path, {"x": np.zeros(2)}, {})
    with pytest.raises(InputError, match="no autoencoder"):
        load_latents(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_latents(tmp_path / "none.safetensors")


def test_the_format_is_that_of_safetensors(tmp_path):
    reference = pytest.importorskip("safetensors.numpy")
    arrays = {"b": np.arange(6, dtype="<f4").reshape(2, 3), "a": np.array([7], "<i8")}
    save_tensors(tmp_path / "ours", arrays, {"k": "v"})
    read = reference.load_file(tmp_path / "ours")
    assert set(read) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
    reference.save_file(arrays, tmp_path / "theirs", {"k": "v"})
    back, metadata = load_tensors(tmp_path / "theirs")
    assert metadata == {"k": "v"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)


def test_wrong_clips_are_refused():
    made = encoder()
    with pytest.raises(InputError, match="trained on 8 frames of 6"):
        made.encode(np.zeros((1, 8, 7)))
    with pytest.raises(InputError, match="NaN"):
        made.encode(np.full((1, 8, 6), np.nan))
    assert made.encode(np.zeros((0, 8, 6))).shape == (0, 3)


def test_figures_of_different_autoencoders_are_not_compared():
    clips = np.random.default_rng(4).standard_normal((9, 8, 6))
    a, b = (with_reference(encoder(seed), clips) for seed in (0, 1))
    assert a.reference is not None
    assert b.reference is not None
    with pytest.raises(InputError, match="different spaces"):
        frechet_between(a.reference, b.reference)
    assert a.id != replace(encoder(), corpus="other").id
    assert a.id != replace(encoder(), settings=replace(SMALL, fps=30.0)).id


@pytest.mark.parametrize("wrong", [{"clip_frames": 1}, {"fps": 0.0}, {"widths": ()}, {"steps": 0}])
def test_impossible_settings(wrong):
    with pytest.raises(ConfigError):
        replace(SMALL, **wrong)


def motion(count: int, seed: int, face: bool = False) -> MotionFrames:
    """Four slow waves, different for each seed, that all joints share in one fixed mixture."""
    rng = np.random.default_rng(seed)
    t = np.arange(count)[:, None] / 30.0
    waves = np.sin(rng.uniform(1, 4, 4) * t + rng.uniform(0, 6, 4))
    poses = np.einsum("tk,kjc->tjc", waves, np.random.default_rng(99).normal(0, 0.15, (4, 55, 3)))
    poses[:, 22:25] *= face
    weights = np.abs(np.sin(t * rng.uniform(2, 5, 52))) if face else np.zeros((0, 52))
    return MotionFrames(poses, 30.0, face=weights)


def test_the_corpus_is_what_it_holds():
    a, b = motion(200, 0), motion(150, 1)
    told: list[str] = []
    (one,) = gather([a, b], SMALL, report=told.append)
    (two,) = gather([b, a], SMALL)
    (other,) = gather([a, motion(150, 2)], SMALL)
    assert one.name == "fgd"
    assert one.sha256 == two.sha256 != other.sha256
    assert one.seconds == pytest.approx(350 / 30)
    assert one.motions[0].shape == (100, 129)
    assert len(one.clips(8)) == 100 // 8 + 75 // 8
    assert told == ["fed is left out: no face moves in the corpus", "fmd is left out: no face moves in the corpus"]
    assert [c.name for c in gather([motion(99, 0, face=True)] * 2, SMALL)] == ["fmd", "fed", "fgd"]


def test_a_corpus_that_cannot_serve():
    with pytest.raises(InputError, match="holds no motion"):
        gather([], SMALL)
    with pytest.raises(InputError, match="fewer than two clips"):
        gather([motion(20, 0)], SMALL)
    with pytest.raises(InputError, match=r"fed cannot be trained.*no face moves"):
        gather([motion(200, 0)], SMALL, ["fed"])


def test_clips_of_files_and_folders(tmp_path):
    save_motion(tmp_path / "deep" / "a.npz", motion(40, 0))
    np.savez(
        tmp_path / "many.npz",
        **{"x.poses": np.full((5, 2, 3), 0.1), "y.poses": np.zeros((7, 2, 3)), "smplx55_index": np.array([16, 18])},
    )
    np.savez(tmp_path / "robot.npz", joint_names=np.array(["a"]))
    found = list(motions_in([tmp_path]))
    assert [(n, len(m)) for n, m in found] == [("a.npz#0", 40), ("many.npz#0", 5), ("many.npz#1", 7)]
    assert found[1][1].poses[0, 18, 0] == 0.1
    assert not found[1][1].poses[0, 17].any()
    with pytest.raises(InputError, match=r"robot\.npz"):
        list(motions_in([tmp_path / "robot.npz"]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no motion"):
        list(motions_in([tmp_path / "empty"]))


def test_the_starter_is_the_file_of_the_manifest():
    path = ROOT / STARTER
    entry = yaml.safe_load((ROOT / "models" / "manifest.yaml").read_text("utf-8"))[path.name]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
    assert path.stat().st_size < 3_000_000
    found = load_latents(path)
    assert set(found) == {"fgd"}
    assert found["fgd"].corpus == entry["corpus_sha256"]
    assert found["fgd"].fps == entry["fps"]
    assert json.loads(load_tensors(path)[1]["fgd"])["settings"] == AutoencoderSettings().as_dict() | {
        "widths": list(AutoencoderSettings().widths)
    }


def test_fgd_of_the_starter_on_real_gestures(shared_data):
    """Half of the clips against the other half, as they are and spoiled in three ways."""
    made = load_latents(ROOT / STARTER)["fgd"]
    long = [m for _, m in motions_in([shared_data / "smartbody_gestures" / "smartbody_smplx.npz"]) if len(m) >= 68]
    clips = [resample(m, made.fps) for m in long[:120]]

    def statistics(motions: list[MotionFrames]) -> LatentStatistics:
        return latent_statistics([gesture_parameters(m) for m in motions], made)

    real = statistics(clips[::2])

    def fgd(change: Callable[[MotionFrames], MotionFrames]) -> float:
        return frechet_between(real, statistics([change(m) for m in clips[1::2]])).value

    same = fgd(lambda m: m)
    assert fgd(controls.jittered) > 1.02 * same
    assert fgd(controls.time_shuffled) > 1.2 * same
    assert fgd(controls.frozen) > 1.3 * same
    assert frechet_between(real, real).value == pytest.approx(0.0, abs=1e-3)
