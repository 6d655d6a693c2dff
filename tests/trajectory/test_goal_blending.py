"""Director: what is chased, and how slowly."""

from __future__ import annotations

import numpy as np
import pytest

from speech_gesture_pkg.trajectory.goal_blending import Director, Goal

REST = np.array([0.0, 1.0])
DT = 1 / 30


def run(director: Director, live, begin: float, count: int):
    targets = []
    for i in range(count):
        target, director = director.target(begin + i * DT, None if live is None else np.asarray(live, float))
        targets.append(target)
    return np.array(targets), director


def test_it_brakes_until_it_is_told_to_lead():
    targets, _ = run(Director(REST, 0.8), [1.0, 1.0], 0.0, 3)
    assert np.isnan(targets).all()


def test_following_blends_by_minimum_jerk_at_the_approach_speed():
    director = Director(REST, 0.8).towards(Goal.FOLLOW, REST, 5.0)
    assert director.blending(5.0)
    targets, after = run(director, [1.6, 1.0], 5.0, 200)
    speed = np.diff(targets[:, 0]) / DT
    # minimum jerk: the peak is 1.875 x distance / duration, and the duration is chosen so that it is 0.8 rad/s
    assert speed.max() == pytest.approx(0.8, rel=2e-3)
    assert speed.min() >= 0.0
    np.testing.assert_array_equal(targets[0], REST)
    np.testing.assert_array_equal(targets[-1], [1.6, 1.0])
    assert not after.blending(5.0 + 200 * DT)


def test_a_blend_begins_with_the_first_live_motion_however_late_that_comes():
    director = Director(REST, 0.8).towards(Goal.FOLLOW, REST, 5.0)
    nothing, director = run(director, None, 5.0, 30)
    assert np.isnan(nothing).all()
    targets, _ = run(director, [0.3, 1.0], 8.0, 60)
    np.testing.assert_array_equal(targets[0], REST)
    assert np.diff(targets[:, 0]).max() / DT < 0.95  # 0.3 rad in the shortest blend of 0.6 s: 0.94 rad/s


def test_rest_needs_no_live_motion():
    director = Director(REST, 0.5).towards(Goal.REST, np.array([1.0, 0.0]), 0.0)
    targets, after = run(director, None, 0.0, 150)
    np.testing.assert_array_equal(targets[0], [1.0, 0.0])
    np.testing.assert_array_equal(targets[-1], REST)
    assert not after.blending(5.0)


def test_braking_forgets_the_blend():
    director = Director(REST, 0.8).towards(Goal.FOLLOW, REST, 0.0).brake()
    assert not director.blending(0.0)
    assert np.isnan(director.target(0.0, REST)[0]).all()


def test_after_the_blend_it_follows_exactly():
    director = Director(REST, 0.8).towards(Goal.FOLLOW, REST, 0.0)
    _, director = run(director, [0.1, 1.0], 0.0, 30)
    live = np.array([0.7, 0.4])
    np.testing.assert_array_equal(director.target(1.5, live)[0], live)
