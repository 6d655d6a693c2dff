"""Frechet distances with known answers, clips, refusals; PCM, SRGR, lips; corpus metrics."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import sqrtm

from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.lab.metrics import accuracy, corpus, frechet
from speech_gesture_pkg.lab.metrics.result import NotComputable
from speech_gesture_pkg.lab.metrics.sample import Normaliser, expression_parameters, gesture_parameters
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import ARKIT_INDEX

RNG = np.random.default_rng(11)


class MeanPose:
    """A latent provider by hand: the clip's mean and spread of the first two channels."""

    clip_frames = 10
    fps = 30.0

    def __init__(self, name: str = "hand-made 1", moved: np.ndarray | None = None) -> None:
        self.id, self.moved = name, moved

    def encode(self, clips: np.ndarray) -> np.ndarray:
        return np.concatenate([clips[..., :2].mean(axis=1), clips[..., :2].std(axis=1)], axis=1)


def motion(seed: int, count: int = 200, spread: float = 0.1) -> MotionFrames:
    rng = np.random.default_rng(seed)
    poses = np.repeat(rng.normal(scale=spread, size=(count // 10, 55, 3)), 10, axis=0)
    return MotionFrames(poses + rng.normal(scale=0.01, size=poses.shape), 30.0)


def test_two_gaussians_with_known_distance():
    # diagonal: |3, 4|^2 + (2 - 1)^2 + (3 - 5)^2
    found = frechet.frechet_distance(np.zeros(2), np.diag([4.0, 9.0]), np.array([3.0, 4.0]), np.diag([1.0, 25.0]))
    assert found == pytest.approx(25 + 1 + 4)


def test_equal_gaussians_have_no_distance_even_if_singular():
    a = RNG.normal(size=(3, 6))
    cov = a.T @ a  # rank 3 of 6
    assert frechet.frechet_distance(np.ones(6), cov, np.ones(6), cov) == pytest.approx(0.0, abs=1e-6)


def test_full_covariances_against_the_matrix_square_root():
    a, b = (x @ x.T + np.eye(5) for x in RNG.normal(size=(2, 5, 5)))
    mu = RNG.normal(size=5)
    expected = mu @ mu + np.trace(a) + np.trace(b) - 2 * np.trace(sqrtm(a @ b)).real
    assert frechet.frechet_distance(mu, a, np.zeros(5), b) == pytest.approx(expected)
    # rotating the space changes nothing
    q = np.linalg.qr(RNG.normal(size=(5, 5)))[0]
    assert frechet.frechet_distance(q @ mu, q @ a @ q.T, np.zeros(5), q @ b @ q.T) == pytest.approx(expected)


def test_statistics_of_samples_against_numpy():
    x, y = RNG.normal(size=(50, 3)), RNG.normal(size=(60, 3)) * 2 + 1
    found = frechet.frechet_between(frechet.statistics_of(x, "a"), frechet.statistics_of(y, "a"))
    expected = frechet.frechet_distance(x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T))
    assert (found.value, found.count, found.biased) == (pytest.approx(expected), 50, False)
    few = frechet.statistics_of(x[:3], "a")
    assert frechet.frechet_between(few, frechet.statistics_of(y, "a")).biased


def test_the_noise_floor_of_few_clips():
    # one dimension, variance 4: E (mean error)^2 = 4/N, E (2 - s)^2 = 8 - 4 E s, with E s of the chi distribution
    count = 12
    real = frechet.LatentStatistics(np.array([3.0]), np.array([[4.0]]), 1000, "x")
    mean_s = 2.0 * math.sqrt(2.0 / (count - 1)) * math.exp(math.lgamma(count / 2) - math.lgamma((count - 1) / 2))
    expected = 4.0 / count + 8.0 - 4.0 * mean_s
    found = np.mean([frechet.frechet_floor(real, count, seed) for seed in range(200)])
    assert found == pytest.approx(expected, rel=0.1)
    assert frechet.frechet_floor(real, 10_000) < 0.01
    with pytest.raises(InputError, match="at least 2"):
        frechet.frechet_floor(real, 1)


def test_wrong_gaussians_are_refused():
    with pytest.raises(InputError, match="must fit"):
        frechet.frechet_distance(np.zeros(2), np.eye(2), np.zeros(3), np.eye(3))
    with pytest.raises(InputError, match="eigenvalue"):
        frechet.frechet_distance(np.zeros(2), np.diag([1.0, -1.0]), np.zeros(2), np.eye(2))


def test_clips_do_not_overlap_and_drop_the_rest():
    found = list(frechet.clips(np.arange(23.0)[:, None], 5))
    assert [c[0, 0] for c in found] == [0, 5, 10, 15]
    assert all(c.shape == (5, 1) for c in found)


def test_different_autoencoders_refuse_to_be_compared():
    x = frechet.statistics_of(RNG.normal(size=(9, 2)), "ae-1")
    y = frechet.statistics_of(RNG.normal(size=(9, 2)), "ae-2")
    with pytest.raises(InputError, match="different spaces"):
        frechet.frechet_between(x, y)
    a = corpus.frechet_motion_distance("fgd", [motion(0)], [motion(1)], MeanPose("ae-1"))
    b = corpus.frechet_motion_distance("fgd", [motion(0)], [motion(1)], MeanPose("ae-2"))
    assert a.stamp == "ae-1"
    assert a.number == b.number > 0.0
    assert b.stamp == "ae-2"


def test_fgd_sees_a_wrong_distribution_and_not_the_order():
    real = [motion(i) for i in range(4)]
    same = [motion(i) for i in (3, 1, 0, 2)]
    assert corpus.frechet_motion_distance("fgd", real, same, MeanPose()).number == pytest.approx(0.0, abs=1e-9)
    near = corpus.frechet_motion_distance("fgd", real, [motion(i) for i in range(10, 14)], MeanPose()).number
    far = corpus.frechet_motion_distance("fgd", real, [motion(i, spread=0.4) for i in range(10, 14)], MeanPose()).number
    assert 0.0 < near < far


@pytest.mark.parametrize(("name", "gestures"), [("fed", 0), ("fmd", 129)])
def test_coefficients_that_never_moved_in_the_corpus_may_be_absent(name, gestures):
    """Faces told by ARKit weights, an autoencoder whose corpus had four coefficients, too, always 0."""
    moved = np.ones(gestures + 3 + 4 + 52, bool)
    without = motion(0)
    assert corpus.latent_parameters(name, without, MeanPose(moved=moved)).shape[1] == len(moved) - 4
    moved[gestures + 3 : gestures + 7] = False
    seen = corpus.latent_parameters(name, without, MeanPose(moved=moved))
    whole = replace(without, expression=np.zeros((len(without), 4)))
    np.testing.assert_array_equal(seen, corpus.FRECHET[name](whole))
    np.testing.assert_array_equal(corpus.latent_parameters(name, whole, MeanPose(moved=moved)), seen)


def test_a_corpus_too_short_says_so():
    found = corpus.frechet_motion_distance("fmd", [motion(0)], [motion(1, count=10)], MeanPose())
    assert isinstance(found.value, NotComputable)
    assert "1 whole clips of 10 frames" in found.value.reason


def test_corpus_diversity_against_pairs():
    motions = [motion(i, count=30) for i in range(3)]
    normaliser = Normaliser.fit([gesture_parameters(m) for m in motions])
    found = corpus.corpus_diversity(motions, normaliser, clip_frames=15, batch=4)
    x = [normaliser(gesture_parameters(m))[k : k + 15] for m in motions for k in (0, 15)][:4]
    pairs = [np.abs(x[i] - x[j]).mean() for i in range(4) for j in range(i)]
    assert found.number == pytest.approx(np.mean(pairs))


def test_diversity_of_faces():
    motions = [replace(motion(i, count=20), face=np.full((20, 52), 0.1 * i)) for i in range(2)]
    size = expression_parameters(motions[0]).shape[1]
    found = corpus.corpus_diversity(
        motions, Normaliser(np.zeros(size), np.ones(size)), clip_frames=20, name="face_diversity_diffsheg"
    )
    a, b = (expression_parameters(m) for m in motions)
    assert found.name == "face_diversity_diffsheg"
    assert found.number == pytest.approx(np.abs(a - b).mean())
    with pytest.raises(ConfigError, match="'div' is unknown"):
        corpus.corpus_diversity(motions, Normaliser(np.zeros(size), np.ones(size)), name="div")


def test_pcm_counts_parameters_below_delta():
    truth = np.zeros((4, 5))
    predicted = np.zeros((4, 5))
    predicted[0] = 2.0
    predicted[1, :2] = 1.0  # not below delta
    assert accuracy.pcm(predicted, truth) == pytest.approx(13 / 20)
    joints = np.zeros((1, 2, 3))
    joints[0, 0] = [0.6, 0.6, 0.6]  # norm 1.04
    assert accuracy.pcm(joints, np.zeros((1, 2, 3))) == 0.5


def test_srgr_weights_by_semantics():
    truth = np.zeros((4, 2, 3))
    predicted = truth.copy()
    predicted[2:, 0, 0] = 0.11
    weight = np.array([0.165, 0.165, 0.33, 0.0])
    # rows: 1, 1, 1/2, 1/2 right
    assert accuracy.srgr(predicted, truth, weight) == pytest.approx((1 + 1 + 2 * 0.5 + 0) / 4)
    with pytest.raises(InputError, match="semantic scores for"):
        accuracy.srgr(predicted, truth, weight[:3])
    with pytest.raises(InputError, match="all zero"):
        accuracy.srgr(predicted, truth, np.zeros(4))


def test_lip_errors_look_at_jaw_and_mouth_only():
    truth = np.full((3, 52), 0.5)
    predicted = truth.copy()
    predicted[:, ARKIT_INDEX["jawOpen"]] += 0.2
    predicted[:, ARKIT_INDEX["mouthPucker"]] -= 0.1
    predicted[:, ARKIT_INDEX["browInnerUp"]] = 0.0
    assert len(accuracy.LIP_CHANNELS) == 27
    assert accuracy.lip_mse(predicted, truth) == pytest.approx(0.05)
    assert accuracy.lip_l1(predicted, truth) == pytest.approx(0.3)
    with pytest.raises(InputError, match="all are 0"):
        accuracy.lip_l1(predicted, np.zeros((3, 52)))
    with pytest.raises(InputError, match="52"):
        accuracy.lip_l1(predicted[:, :51], truth[:, :51])
