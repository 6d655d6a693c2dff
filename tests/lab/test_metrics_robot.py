"""Robot metrics on hand-made joint motion."""

from __future__ import annotations

import numpy as np
import pytest

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics import robot


def test_position_limits_at_and_over():
    q = np.array([[0.0, 0.0], [0.995, 0.0], [1.0, -9.0], [1.1, 9.0]])
    use = robot.position_limit_use(q, np.array([-1.0, -np.inf]), np.array([1.0, np.inf]))
    # of 8 samples three are within 0.02 rad of the limit of joint 0, one is beyond; joint 1 turns freely
    assert (use.at, use.over) == (37.5, 12.5)
    with pytest.raises(InputError, match="one number per joint"):
        robot.position_limit_use(q, np.zeros(3), np.ones(3))


def test_rate_limits_at_and_over():
    v = np.array([[0.0, 1.0], [-1.99, 1.0], [2.0, 1.0], [-2.1, 1.0]])
    use = robot.rate_limit_use(v, np.array([2.0, 4.0]))
    assert (use.at, use.over) == (37.5, 12.5)
    with pytest.raises(InputError, match="positive"):
        robot.rate_limit_use(v, np.array([2.0, 0.0]))


def test_jerk_of_a_cubic_on_any_grid():
    for step in (1 / 30, 1 / 120):
        t = np.arange(0, 2, step)
        assert robot.joint_jerk_rms(np.stack([t**3, -(t**3)], 1), t) == pytest.approx(6.0, rel=1e-6)


def test_jerk_refuses_bad_time():
    q = np.zeros((5, 1))
    with pytest.raises(InputError, match="does not increase"):
        robot.joint_jerk_rms(q, np.array([0.0, 1, 1, 2, 3]))
    with pytest.raises(InputError, match="lasts"):
        robot.joint_jerk_rms(q, np.arange(5) * 0.01)
    with pytest.raises(InputError, match="at least 4"):
        robot.joint_jerk_rms(q[:3], np.arange(3.0))


@pytest.mark.parametrize("degrees", [0.0, 1e-6, 30.0, 90.0, 179.999999, 180.0])
def test_angles_are_exact_everywhere(degrees):
    a = np.array([2.0, 0.0, 0.0])
    b = 0.1 * np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees)), 0.0])
    assert robot.angle_error(a, b) == pytest.approx(degrees, abs=1e-9)


def test_a_direction_without_length_is_refused():
    with pytest.raises(InputError, match="length zero"):
        robot.angle_error(np.zeros((2, 3)), np.ones((2, 3)))


def test_latencies_and_late_windows():
    found = robot.latency_percentiles(np.arange(101) / 1000)
    assert (found.p50, found.p99) == pytest.approx((0.05, 0.099))
    with pytest.raises(InputError, match="clocks"):
        robot.latency_percentiles(np.array([-0.01]))
    assert robot.late_windows(np.array([0.1, 0.0, -0.1, 0.2])) == 50.0
    assert robot.collision_share(np.array([0.01, -0.01, 0.0, 0.02])) == 25.0
    assert robot.real_time_factor(60.0, 3.0) == 20.0
    with pytest.raises(InputError, match="positive"):
        robot.real_time_factor(60.0, 0.0)


def test_speech_with_motion_counts_holds_but_no_rest():
    fps = 30.0
    hands = np.zeros((300, 2, 3))
    hands[30:60, 0, 0] = np.linspace(0, 0.5, 30)  # moves from 1 to 2 s, then rests
    hands[60:, 0, 0] = 0.5
    times = np.arange(1000) / 100
    speech = (times >= 1.0) & (times < 5.0)
    # 1 to 2 s and half a second after it (and the frame on each side that central differences see)
    assert robot.speech_with_motion(hands, fps, speech, times) == pytest.approx(100 * 1.5 / 4, abs=1.5)
    with pytest.raises(InputError, match="nobody speaks"):
        robot.speech_with_motion(hands, fps, np.zeros(1000, bool), times)


def test_use_of_each_joint():
    position = np.array([[0.0, 5.0], [0.995, 7.0], [0.5, 9.0], [0.2, 6.0]])
    velocity = np.array([[1.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    lower, upper = np.array([-1.0, -np.inf]), np.array([1.0, np.inf])
    one, two = robot.joint_use(["a", "b"], position, velocity, lower, upper, np.array([4.0, 2.0]))
    assert (one["name"], one["low"], one["high"], one["lower"], one["upper"]) == ("a", 0.0, 0.995, -1.0, 1.0)
    assert one["at_limit"] == 25.0
    assert one["speed_max"] == 0.75
    assert one["speed_p99"] == pytest.approx(0.25 + 0.97 * 0.5)
    assert (two["low"], two["high"], two["lower"], two["upper"], two["at_limit"]) == (5.0, 9.0, None, None, 0.0)
    with pytest.raises(InputError, match="3 joint names"):
        robot.joint_use(["a", "b", "c"], position, velocity, lower, upper, np.ones(2))


def test_histograms_of_latency_add_up():
    found = robot.latency_histogram(np.array([0.001, 0.0015, 0.003, 0.055, 7.0]))
    edges, counts = found["edges"], found["counts"]
    assert len(edges) == len(counts) + 1
    assert sum(counts) == 5
    assert (counts[0], counts[1], counts[-1]) == (2, 1, 1)
    assert counts[edges.index(54.0)] == 1
