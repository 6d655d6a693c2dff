"""Position, diversity and dynamics metrics against closed forms and plain loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics import diversity, dynamics, positions

RNG = np.random.default_rng(7)


def moving(velocity, count=30, joints=4):
    """Joints that all move with one constant velocity per frame, from different places."""
    start = np.arange(joints)[:, None] * np.ones(3)
    return start + np.arange(count)[:, None, None] * np.asarray(velocity, float)


def test_l2_of_a_constant_offset_is_its_length_times_the_joints():
    truth = RNG.normal(size=(20, 52, 3))
    assert positions.l2_talkshow(truth + np.array([0.03, 0.0, 0.04]), truth) == pytest.approx(52 * 0.05)
    assert positions.mean_joint_error(truth + np.array([0.03, 0.0, 0.04]), truth) == pytest.approx(0.05)


def test_l2_is_zero_only_for_equal_motion():
    truth = RNG.normal(size=(20, 5, 3))
    assert positions.l2_talkshow(truth, truth) == 0.0


def test_lvd_compares_speeds_emage_velocities():
    there, back = moving([0.03, 0.0, 0.04]), moving([-0.03, 0.0, -0.04])
    assert positions.lvd_talkshow(back, there) == pytest.approx(0.0, abs=1e-12)
    # T - 1 = 29 differences, two of three coordinates differ by 0.06 and 0.08, divided by T C = 30 * 12
    assert positions.lvd_emage(back, there) == pytest.approx(29 * 4 * (0.06 + 0.08) / (30 * 12))
    assert positions.lvd_talkshow(moving([0.0, 0.2, 0.0]), there) == pytest.approx(4 * 0.15)


def test_lvd_against_loops():
    a, b = RNG.normal(size=(2, 9, 3, 3))
    total = 0.0
    for t in range(8):
        for j in range(3):
            total += abs(np.sqrt(((a[t + 1, j] - a[t, j]) ** 2).sum()) - np.sqrt(((b[t + 1, j] - b[t, j]) ** 2).sum()))
    assert positions.lvd_talkshow(a, b) == pytest.approx(total / 8)


def test_face_l2_of_parameters():
    assert positions.face_l2_parameters(np.full((5, 4), 0.5), np.zeros((5, 4))) == pytest.approx(1.0)


def test_finger_error_does_not_see_the_arm():
    truth = RNG.normal(size=(6, 55, 3))
    arm = truth.copy()
    arm[:, [20, *range(25, 40)]] += [0.0, 0.3, 0.0]
    assert positions.finger_error(arm, truth) == pytest.approx(0.0, abs=1e-12)
    finger = truth.copy()
    finger[:, 54] += [0.0, 0.0, 0.03]
    assert positions.finger_error(finger, truth) == pytest.approx(0.03 / 30)
    with pytest.raises(InputError, match="55"):
        positions.finger_error(truth[:, :22], truth[:, :22])


@pytest.mark.parametrize(
    "metric", [positions.l2_talkshow, positions.lvd_talkshow, positions.lvd_emage, positions.mean_joint_error]
)
def test_what_cannot_be_compared_is_said(metric):
    good = np.zeros((5, 2, 3))
    with pytest.raises(InputError, match="must be the same"):
        metric(good, np.zeros((6, 2, 3)))
    bad = good.copy()
    bad[2, 1, 0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        metric(bad, good)
    with pytest.raises(InputError, match="frames"):
        metric(good[:0], good[:0])


def test_diversity_of_the_thesis_in_closed_form():
    # two samples that differ by d in x: unbiased variance d^2 / 2
    base = RNG.normal(size=(10, 3, 3))
    assert diversity.diversity_thesis(np.stack([base, base + np.array([0.2, 0, 0])])) == pytest.approx(3 * 0.02)
    assert diversity.diversity_thesis(np.stack([base, base])) == 0.0
    # variances .02 and .045 in x and y
    assert diversity.diversity_thesis(np.stack([base, base + np.array([0.2, 0.3, 0])])) == pytest.approx(
        3 * np.hypot(0.02, 0.045)
    )
    with pytest.raises(InputError):
        diversity.diversity_thesis(base[None])


@pytest.mark.parametrize("batch", [2, 3, 8])
def test_diffsheg_diversity_against_loops_over_pairs(batch):
    x = RNG.normal(size=(batch, 5, 4))
    total = sum(np.abs(x[i] - x[j]).sum() for i, j in itertools.combinations(range(batch), 2))
    literal = 2.0 / (batch * (batch - 1)) * total
    assert diversity.diversity_diffsheg(x) == pytest.approx(literal / 20)


def test_l1div_of_emage():
    x = np.zeros((4, 1, 3))
    x[:, 0, 0] = [1.0, -1.0, 1.0, -1.0]
    x[:, 0, 1] = 7.0
    assert diversity.l1div_emage(x) == pytest.approx(1.0)


def test_constant_velocity_has_no_spread_and_no_acceleration():
    x = moving([0.1, 0.1, 0.1])
    assert dynamics.vsd(x) == pytest.approx(0.0, abs=1e-12)
    assert dynamics.asd(x) == pytest.approx(0.0, abs=1e-12)
    assert dynamics.msd(x) == pytest.approx(0.03)
    assert dynamics.rms_jerk(x, 30.0) == pytest.approx(0.0, abs=1e-8)
    assert dynamics.mean_velocity(x, 30.0) == pytest.approx(np.sqrt(0.03) * 30)
    assert dynamics.mean_local_velocity_std(moving([0.1] * 3, count=60), 30.0) == pytest.approx(0.0, abs=1e-6)


def test_vsd_and_asd_of_a_hand_made_motion():
    x = np.zeros((4, 1, 3))
    x[:, 0] = np.array([0.0, 1.0, 3.0, 6.0])[:, None]  # velocities 1, 2, 3; accelerations 1, 1
    assert dynamics.vsd(x) == pytest.approx(np.sqrt(2.0 / 3.0))
    assert dynamics.asd(x) == pytest.approx(0.0)
    assert dynamics.msd(x) == pytest.approx(3 * (1 + 4 + 9) / 3)


def test_jerk_and_acceleration_error_of_polynomials():
    t = np.arange(40) / 30.0
    cubic = np.zeros((40, 2, 3))
    cubic[..., 1] = (t**3)[:, None]  # jerk 6 m/s^3
    assert dynamics.rms_jerk(cubic, 30.0) == pytest.approx(6.0)
    square = np.zeros((40, 2, 3))
    square[..., 2] = (2.0 * t**2)[:, None]  # acceleration 4 m/s^2
    assert dynamics.acceleration_error(square, np.zeros_like(square), 30.0) == pytest.approx(4.0)


def test_jerk_of_a_sinusoid():
    # third differences of sin(w t): amplitude (2 sin(w/2fps))^3 fps^3, rms 1/sqrt 2 of it over whole periods
    fps, hz = 60.0, 2.0
    t = np.arange(3 + 60 * 10) / fps
    x = np.zeros((len(t), 1, 3))
    x[:, 0, 0] = 0.3 * np.sin(2 * np.pi * hz * t)
    exact = 0.3 * (2 * np.sin(np.pi * hz / fps) * fps) ** 3 / np.sqrt(2)
    assert dynamics.rms_jerk(x, fps) == pytest.approx(exact, rel=1e-6)


def test_local_velocity_std_against_windows():
    x = np.cumsum(RNG.normal(size=(70, 3, 3)), axis=0)
    speed = np.linalg.norm(np.diff(x, axis=0), axis=-1) * 30.0
    windows = [speed[i : i + 30].std(axis=0).mean() for i in range(len(speed) - 30 + 1)]
    # the running sums begin a window at every frame, the last one at the last possible
    assert dynamics.mean_local_velocity_std(x, 30.0) == pytest.approx(np.mean(windows))


@pytest.mark.parametrize(
    ("metric", "least"),
    [(dynamics.vsd, 2), (dynamics.asd, 3), (dynamics.msd, 2), (lambda x: dynamics.rms_jerk(x, 30.0), 4)],
)
def test_dynamics_need_enough_frames(metric, least):
    with pytest.raises(InputError, match=f"at least {least} frames"):
        metric(np.zeros((least - 1, 2, 3)))
    assert metric(np.zeros((least, 2, 3))) == 0.0
