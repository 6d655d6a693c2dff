"""The registry: every metric has its facts, gives a number where it can and a sentence where it cannot."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.features.extractor import SpeechFeatureExtractor
from speech_gesture_pkg.lab.metrics import controls
from speech_gesture_pkg.lab.metrics.registry import METRICS, measure, measure_all
from speech_gesture_pkg.lab.metrics.result import NotComputable
from speech_gesture_pkg.lab.metrics.sample import (
    MetricInput,
    Normaliser,
    RobotMetricInput,
    expression_parameters,
    gesture_parameters,
    motion_parameters,
)
from speech_gesture_pkg.lab.metrics.spec import Need
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import ARKIT_INDEX
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory

ROBOT = {n for n in METRICS if n.startswith("robot_")}


def smooth_motion(seed: int, seconds: float = 12.0, fps: float = 30.0, start: float = 0.0) -> MotionFrames:
    """Sums of slow sinusoids on every joint, and a face."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * fps)) / fps
    hz, phase = rng.uniform(0.3, 1.5, (2, 55, 3)), rng.uniform(0, 6.28, (55, 3))
    poses = 0.25 * np.sin(2 * np.pi * hz[0] * t[:, None, None] + phase)
    face = np.zeros((len(t), 52))
    face[:, ARKIT_INDEX["jawOpen"]] = 0.5 + 0.5 * np.sin(2 * np.pi * hz[1, 0, 0] * t)
    return MotionFrames(poses, fps, start, face=face)


def syllables(seconds: float = 12.0):
    rng = np.random.default_rng(9)
    x = np.zeros(round(seconds * 16_000), np.float32)
    for first in np.cumsum(rng.uniform(0.15, 0.6, 60)):
        k = round(first * 16_000)
        piece = x[k : k + 1600]
        piece += (rng.uniform(0.02, 0.3) * rng.standard_normal(1600)).astype(np.float32)[: len(piece)]
    extractor = SpeechFeatureExtractor()
    return extractor.step(x, extractor.start())[0]


def robot_take() -> RobotMetricInput:
    t = np.arange(0, 12, 1 / 50)
    rng = np.random.default_rng(3)
    q = np.sin(2 * np.pi * 0.5 * t)[:, None] * [1.0, 0.5]
    v = np.gradient(q, t, axis=0)
    a = np.gradient(v, t, axis=0)
    hands = np.cumsum(rng.normal(size=(len(t), 2, 3)), axis=0) * 0.01
    directions = np.tile([1.0, 0.0, 0.0], (len(t), 4, 1))
    return RobotMetricInput(
        trajectory=RobotTrajectory(("a", "b"), t, q, v, a, 50.0),
        lower=np.full(2, -2.0),
        upper=np.full(2, 2.0),
        velocity=np.full(2, 5.0),
        acceleration=np.full(2, 20.0),
        hands=hands,
        directions=(directions, directions),
        palms=(directions[:, :2], -directions[:, :2]),
        clearance=np.full(len(t), 0.05),
        latency=np.array([0.1, 0.2]),
        lead=np.array([0.1, 0.1]),
        audio_seconds=12.0,
        busy_seconds=0.5,
        tracking_error=0.01,
        tracking_delay=0.001,
    )


@pytest.fixture(scope="module")
def full() -> MetricInput:
    """A take that has everything."""
    motion, truth = smooth_motion(1), smooth_motion(2)
    points = np.random.default_rng(0).normal(size=(2, len(motion), 6, 3))
    return MetricInput(
        motion,
        truth,
        (smooth_motion(3), smooth_motion(4)),
        syllables(),
        semantic=np.full(len(motion), 0.165),
        normaliser=Normaliser.fit([gesture_parameters(truth)]),
        face_points=points[0],
        true_face_points=points[1],
        robot=robot_take(),
    )


def test_every_metric_has_its_facts():
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.source, name
        assert name not in ROBOT or Need.ROBOT in metric.needs
        assert metric.fooled_by <= {"jittered", "time_shuffled", "frozen", "mirrored_audio"}


def test_a_full_take_gives_every_number(full):
    found = measure_all(full)
    assert [m.name for m in found] == list(METRICS)
    assert {m.name: m.value for m in found if isinstance(m.value, NotComputable)} == {}
    assert all(math.isfinite(m.number) for m in found)


def test_one_measures_what_the_families_say(full):
    at = {m.name: m.number for m in measure_all(full)}
    assert at["robot_latency_p50"] == pytest.approx(0.15)
    assert at["robot_palm_error"] == pytest.approx(180.0)
    assert at["robot_direction_error"] == 0.0
    assert at["robot_real_time_factor"] == pytest.approx(24.0)
    assert at["bpss"] == pytest.approx(
        (
            at["bpss_correlation"]
            + at["bpss_phase_coherence"]
            + at["bpss_velocity_alignment"]
            + at["bpss_acceleration_alignment"]
        )
        / 4
    )


def test_standing_still_before_and_after_the_speech_changes_no_figure(full):
    """Two runs of the same speech differ in how long the robot stands round it: chance levels must not."""
    names = ("robot_strokes_on_accents", "robot_ba", "robot_speech_with_motion")
    speech = syllables(10.0)
    take = replace(full, speech=speech, speech_start=1.0)
    run = take.robot
    t = run.trajectory.time
    held = np.clip(np.arange(-200, len(t) + 300), 0, len(t) - 1)
    longer = np.arange(-200, len(t) + 300) / 50
    q, v, a = (x[held] for x in (run.trajectory.position, run.trajectory.velocity, run.trajectory.acceleration))
    padded = replace(run, trajectory=RobotTrajectory(("a", "b"), longer, q, v, a, 50.0), hands=run.hands[held])
    short, long = (
        {m.name: m.number for m in measure_all(x) if m.name in names} for x in (take, replace(take, robot=padded))
    )
    assert short == pytest.approx(long, abs=1e-6)
    assert None not in short.values()


def test_faces_are_compared_by_what_they_mean(full):
    """No expression coefficients are the same as coefficients of 0; two kinds of face parameters are not compared."""
    name = "face_l2_parameters"
    motion, truth = full.motion, full.truth
    count = len(motion)
    none, zeros = np.zeros((count, 0)), np.zeros((count, 100))
    arkit = np.zeros((count, 52))
    arkit[:, 3] = 0.5
    bare = [replace(m, expression=none, face=arkit) for m in (motion, truth)]
    wide = replace(bare[1], expression=zeros)
    assert measure(name, replace(full, motion=bare[0], truth=wide)).number == pytest.approx(
        measure(name, replace(full, motion=bare[0], truth=bare[1])).number
    )
    smplx = replace(truth, expression=zeros + 0.1, face=np.zeros((count, 52)))
    found = measure(name, replace(full, motion=bare[0], truth=smplx)).value
    assert isinstance(found, NotComputable)
    assert "the other by ARKit weights" in str(found.reason)


def test_what_is_needed_is_needed(full):
    """Without a piece exactly the metrics that declare it are not computable."""
    without = {
        Need.TRUTH: replace(full, truth=None),
        Need.AUDIO: replace(full, speech=None),
        Need.SAMPLES: replace(full, samples=()),
        Need.FACE_POINTS: replace(full, face_points=None, true_face_points=None),
        Need.SEMANTIC: replace(full, semantic=None),
        Need.NORMALISER: replace(full, normaliser=None),
        Need.ROBOT: replace(full, robot=None),
    }
    for need, take in without.items():
        missing = {m.name for m in measure_all(take) if isinstance(m.value, NotComputable)}
        expected = {n for n, m in METRICS.items() if need in m.needs}
        if need is Need.TRUTH:  # points of a true face can be there without a true body
            expected -= {n for n, m in METRICS.items() if Need.FACE_POINTS in m.needs}
        assert missing == expected, need


@pytest.mark.parametrize(
    "motion",
    [
        pytest.param(smooth_motion(0)[:0], id="empty"),
        pytest.param(replace(smooth_motion(0), poses=np.full((360, 55, 3), np.nan)), id="NaN"),
        pytest.param(smooth_motion(0)[:1], id="one frame"),
    ],
)
def test_broken_motion_gives_sentences_and_no_numbers(motion, full):
    for found in measure_all(replace(full, motion=motion, robot=None)):
        needs = METRICS[found.name].needs
        if Need.FACE_POINTS in needs or (len(motion) == 1 and found.name not in {"vsd", "msd", "bcs_talkshow", "bpss"}):
            continue  # face points are given apart; one frame has positions but no speed
        assert isinstance(found.value, NotComputable), found
        assert found.value.reason
        assert math.isnan(found.number)


def test_short_and_still_motion_is_told_apart(full):
    three = measure("jerk_rms", MetricInput(smooth_motion(0)[:3]))
    assert isinstance(three.value, NotComputable)
    assert "at least 4 frames" in three.value.reason
    still = replace(full, motion=controls.frozen(full.motion))
    for name in ("bcs_talkshow", "bc_emage", "ba_diffsheg", "strokes_on_accents", "bpss", "jaw_on_loudness"):
        assert isinstance(measure(name, still).value, NotComputable), name
    assert measure("vsd", still).number == pytest.approx(0.0, abs=1e-9)
    assert measure("l1div_emage", still).number == pytest.approx(0.0, abs=1e-9)


def test_an_unknown_metric_is_refused_with_the_list(full):
    with pytest.raises(ConfigError, match="bcs_talkshow"):
        measure("fid", full)
    with pytest.raises(ConfigError):
        measure_all(full, ["vsd", "fid"])
    assert [m.name for m in measure_all(full, ["msd", "vsd"])] == ["vsd", "msd"]


def test_figures_do_not_depend_on_the_rate():
    slow, fast = smooth_motion(5, fps=30.0), smooth_motion(5, fps=60.0)
    for name in ("vsd", "msd", "vel", "l1div_emage", "mlvs"):
        assert measure(name, MetricInput(fast)).number == pytest.approx(
            measure(name, MetricInput(slow)).number, rel=0.01
        ), name


def test_motion_and_truth_are_matched_by_their_clocks():
    truth = smooth_motion(6, start=2.0)
    late = truth[45:]
    assert late.start == pytest.approx(3.5)
    assert measure("l2_talkshow", MetricInput(late, truth)).number == pytest.approx(0.0, abs=1e-12)
    apart = replace(truth, start=100.0)
    found = measure("l2_talkshow", MetricInput(truth, apart))
    assert isinstance(found.value, NotComputable)
    assert "overlap" in found.value.reason


def test_speech_is_placed_on_the_motions_clock(full):
    moved = replace(full, motion=replace(full.motion, start=50.0), speech_start=50.0)
    for name in ("bcs_talkshow", "ba_diffsheg", "strokes_on_accents", "jaw_on_loudness"):
        assert measure(name, moved).number == pytest.approx(measure(name, full).number), name


def test_the_root_does_not_count():
    motion = smooth_motion(7)
    walking = replace(motion, translation=np.linspace(0, 5, len(motion))[:, None] * np.ones(3))
    assert measure("vsd", MetricInput(walking)).number == measure("vsd", MetricInput(motion)).number


def test_parameters_have_the_papers_sizes():
    motion = smooth_motion(8)
    assert gesture_parameters(motion).shape == (360, 129)
    assert expression_parameters(motion).shape == (360, 55)
    assert motion_parameters(motion).shape == (360, 184)
    half = replace(motion, valid=np.tile([True, True, False], (360, 1)))
    with pytest.raises(InputError, match="no face"):
        expression_parameters(half)


def test_the_normaliser_leaves_still_channels_at_zero():
    x = np.random.default_rng(0).normal(2.0, 3.0, (500, 4))
    x[:, 2] = 7.0
    y = Normaliser.fit([x[:200], x[200:]])(x)
    assert y.mean(axis=0) == pytest.approx(0.0, abs=1e-12)
    assert y.std(axis=0) == pytest.approx([1, 1, 0, 1])
    with pytest.raises(InputError, match="5 parameters"):
        Normaliser.fit([x])(np.zeros((3, 5)))
