"""check_tracking on synthetic bags with a known delay and a known error."""

from __future__ import annotations

import numpy as np
import pytest
from bag_writing import BagWriter, joint_state, trajectory

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.verification.tracking import check_tracking

NAMES = ("shoulder", "elbow")
WAVES = np.array([2.0, 3.0])


def pose(t):
    """0.5 sin(w t) with derivatives, [N, 2] each."""
    x = np.asarray(t, float)[:, None] * WAVES
    return 0.5 * np.sin(x), 0.5 * WAVES * np.cos(x), -0.5 * WAVES**2 * np.sin(x)


def write(path, follow, seconds=4.0, rate=250.0, more=()):
    """Windows of 0.5 s every 0.1 s on the wave, joint states `follow(t)` [N, 2]; `more`: (time, topic, message)."""
    events = list(more)
    for begin in np.arange(1.0, 1.0 + seconds, 0.1):
        times = np.arange(0, 0.5 + 1e-9, 1 / 30)
        events.append((begin - 0.03, "/arm/joint_trajectory", trajectory(NAMES, begin, times, *pose(begin + times))))
    for t in np.arange(0.9, 1.0 + seconds, 1 / rate):
        # the other way round in the message: columns are found by name
        events.append((t + 5e-4, "/joint_states", joint_state(NAMES[::-1], t, follow(np.array([t]))[0, ::-1])))
    with BagWriter(path) as bag:
        for received, topic, message in sorted(events, key=lambda e: e[0]):
            bag.write(topic, message, received)
    return path


def test_a_perfect_follower(tmp_path):
    found = check_tracking(write(tmp_path / "bag", lambda t: pose(t)[0]))
    # what remains are the quintics between the knots of a sine, and nanoseconds
    assert found.error_now < 1e-5
    assert found.error == 0.0 or found.error < 1e-6
    assert abs(found.delay) < 2e-5
    assert found.jerk_ratio == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("delay", [0.0015, -0.001, 0.0005])
def test_a_known_delay_is_found_and_within_two_milliseconds_is_no_error(tmp_path, delay):
    found = check_tracking(write(tmp_path / "bag", lambda t: pose(t - delay)[0]))
    assert found.delay == pytest.approx(delay, abs=5e-5)
    assert found.error < 1e-5
    # the fastest joint moves at 1.5 rad/s
    assert found.error_now == pytest.approx(1.5 * abs(delay), rel=0.02)


def test_a_known_error_is_found(tmp_path):
    found = check_tracking(write(tmp_path / "bag", lambda t: pose(t)[0] + [0.0, 0.02]))
    # 2 ms at 1.5 rad/s are forgiven where it moves, nothing where it stands
    assert 0.017 < found.error <= 0.0201
    assert found.error_now == pytest.approx(0.02, abs=1e-4)


def test_a_rough_follower_has_more_jerk(tmp_path):
    rng = np.random.default_rng(0)
    found = check_tracking(write(tmp_path / "bag", lambda t: pose(t)[0] + rng.normal(0, 1e-3, (1, 2))))
    assert found.jerk_ratio > 1.5


def test_a_late_robot_of_ten_milliseconds_is_an_error(tmp_path):
    found = check_tracking(write(tmp_path / "bag", lambda t: pose(t - 0.01)[0]))
    assert found.error == pytest.approx(1.5 * 0.008, rel=0.05)  # 2 of the 10 ms are forgiven
    assert found.delay == pytest.approx(0.01, abs=5e-4)


def test_messages_of_others_and_broken_ones_do_not_count(tmp_path):
    """A gripper's driver on the same topic, NaN, a stamp of another day; a goal of one point, windows out of time."""
    times = np.array([0.0, 0.1])
    flat = np.zeros((2, 2))
    more = [(t, "/joint_states", joint_state(["gripper"], t, [0.5])) for t in (0.5, 2.0, 2.1)]
    more += [(2.2, "/joint_states", joint_state(NAMES, 2.2, [np.nan, 0.0]))]
    more += [(2.3, "/joint_states", joint_state(NAMES, 1e5, [9.0, 9.0]))]
    more += [(2.4, "/arm/joint_trajectory", trajectory(NAMES, 2.4, times[:1], flat[:1], flat[:1], flat[:1]))]
    more += [(2.5, "/arm/joint_trajectory", trajectory(NAMES, 1e5, times, flat, flat, flat))]
    found = check_tracking(write(tmp_path / "bag", lambda t: pose(t)[0], more=more))
    assert found.error < 1e-6
    assert found.error_now < 1e-5


def test_what_is_missing_is_named(tmp_path):
    with BagWriter(tmp_path / "no_states") as bag:
        times = np.array([0.0, 0.5])
        bag.write("/arm/joint_trajectory", trajectory(NAMES, 1.0, times, *pose(times)), 0.9)
    with pytest.raises(InputError, match="no_states lacks trajectories or joint states on /joint_states"):
        check_tracking(tmp_path / "no_states")
    path = write(tmp_path / "apart", lambda t: pose(t)[0], seconds=0.15)
    with pytest.raises(InputError, match="hardly overlap"):
        check_tracking(path)
