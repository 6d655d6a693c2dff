"""Minimum-jerk blends, last windows and whole files."""

from __future__ import annotations

import numpy as np
import pytest
from trajectory_checks import Controller, assert_window, compose_offline, dense, make_limits

from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.trajectory import composer, stop
from speech_gesture_pkg.trajectory.blend import Blend, approach_duration, min_jerk

LEAD = 0.05


def test_minimum_jerk_weight_against_its_own_definition():
    x = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(min_jerk(x), 10 * x**3 - 15 * x**4 + 6 * x**5, atol=1e-15)
    np.testing.assert_array_equal(min_jerk(np.array([-1.0, 0.0, 1.0, 2.0])), [0, 0, 1, 1])
    assert np.gradient(min_jerk(x), x).max() == pytest.approx(1.875, rel=1e-5)
    assert np.gradient(np.gradient(min_jerk(x), x), x).max() == pytest.approx(10 / np.sqrt(3), rel=1e-3)


def test_approach_duration_from_distance_and_peak_speed():
    assert approach_duration(np.zeros(2), np.array([1.0, -2.0])) == pytest.approx(1.875 * 2 / 0.6)
    assert approach_duration(np.zeros(2), np.zeros(2)) == 0.6
    slow = make_limits(joints=2, velocity=0.1, acceleration=10.0)
    assert approach_duration(np.zeros(2), np.ones(2), limits=slow) == pytest.approx(1.875 / 0.07)
    weak = make_limits(joints=2, velocity=10.0, acceleration=0.05)
    assert approach_duration(np.zeros(2), np.ones(2), limits=weak) == pytest.approx(np.sqrt(10 / np.sqrt(3) / 0.035))
    with pytest.raises(ConfigError, match="blend speed is 0"):
        approach_duration(np.zeros(2), np.ones(2), speed=0.0)


def test_a_blend_joins_still_and_moving_motions():
    blend = Blend(begin=2.0, duration=4.0)
    times = np.array([1.0, 2.0, 4.0, 6.0, 7.0])
    moving = times[:, None] * [1.0, 2.0]
    mixed = blend.mix(times, np.array([10.0, 10.0]), moving)
    np.testing.assert_allclose(mixed[[0, 1]], 10.0)
    np.testing.assert_allclose(mixed[2], [7.0, 9.0])
    np.testing.assert_allclose(mixed[[3, 4]], moving[[3, 4]])
    assert blend.end == 6.0
    nothing_yet = np.full((2, 2), np.nan)
    np.testing.assert_array_equal(blend.mix(times[:2], np.zeros(2), nothing_yet), 0.0)
    with pytest.raises(ConfigError, match="duration must be positive"):
        Blend(0.0, 0.0)


def moving_state(limits, amplitude=0.8, cycles=30):
    state = composer.start(limits, np.zeros(len(limits.lower)), 0.0)
    controller = Controller(limits)
    for k in range(cycles):
        now = k / 30
        state = composer.commit(state, now, LEAD)
        times = composer.next_time(state) + np.arange(3 if k == 0 else 1) / 30
        state = composer.extend(state, amplitude * np.sin(3 * times)[:, None] * np.ones(len(limits.lower)))
        state, window = composer.publish(state, now, LEAD)
        controller.receive(window, now, LEAD)
    return state, controller, now


def test_stop_is_one_window_that_ends_at_rest_at_the_rest_pose():
    limits = make_limits()
    state, controller, now = moving_state(limits)
    rest = np.array([0.1, -0.3, 5.0])  # the last is beyond its limit: clipped
    _, window = stop.stop_trajectory(state, now, LEAD, rest)
    controller.receive(window, now, LEAD)
    np.testing.assert_allclose(window.position[-1], [0.1, -0.3, 2.0], atol=1e-8)
    # Slow: beyond the braking part no joint is faster than the approach speed.
    later = window.time_from_start > composer.braking_time(limits) + 0.2
    assert np.abs(window.velocity[later]).max() <= 0.6 + 1e-9
    with pytest.raises(InputError, match="rest pose must be 3 finite"):
        stop.stop_trajectory(state, now, LEAD, np.array([0, np.nan, 0]))


def test_stop_at_rest_takes_the_planned_time_and_an_obstacle_ends_it():
    limits = make_limits(joints=1)
    state = composer.start(limits, np.array([1.0]), 0.0)
    _, window = stop.stop_trajectory(state, 0.0, LEAD, np.array([-1.0]))
    assert window.time_from_start[-1] == pytest.approx(1.875 * 2 / 0.6, abs=0.2)
    _, blocked = stop.stop_trajectory(
        state, 0.0, LEAD, np.array([-1.0]), stop.WayToRest(distance=lambda q: q[:, 0], margin=0.1)
    )
    assert_window(blocked, limits, 0.0, LEAD)
    assert 0.1 - 1e-9 <= blocked.position[-1, 0] <= 0.2


def test_hold_brakes_at_the_limit_and_forgets_the_queue():
    limits = make_limits()
    state, controller, now = moving_state(limits)
    state = composer.extend(state, np.ones((40, 3)))
    state, _ = composer.publish(state, now, LEAD)
    controller.windows.append(_)
    now += 0.2
    state, window = stop.hold(state, now, LEAD)
    controller.receive(window, now, LEAD)
    assert np.isnan(state.target).all()
    assert window.time_from_start[-1] <= max(0.4, composer.braking_time(limits)) + 3 / 30


def test_whole_file_at_rest_at_both_ends_and_equal_to_its_targets_between():
    limits = make_limits(joints=2)
    t = np.arange(90) / 30
    targets = 0.5 * np.sin(2 * t)[:, None] * [1.0, -0.5] + 0.1
    made = compose_offline(targets, 30.0, limits)
    np.testing.assert_allclose(made.time, np.arange(len(made.time)) / 30)
    assert made.joint_names == limits.joint_names
    gain = (4 + 2 * np.cos(2 / 30)) / 6
    inner = slice(10, 89)
    np.testing.assert_allclose(made.position[inner], gain * (targets[inner] - 0.1) + 0.1, atol=1e-9)
    np.testing.assert_allclose(made.position[0], targets[0])
    elsewhere = compose_offline(targets, 30.0, limits, start=np.array([1.0, 1.0]))
    np.testing.assert_allclose(elsewhere.position[0], [1.0, 1.0])
    np.testing.assert_allclose(elsewhere.position[inner][40:], made.position[inner][40:], atol=1e-9)


def test_a_files_motion_lies_on_the_controllers_quintic():
    limits = make_limits(joints=1)
    state = composer.extend(composer.start(limits, np.zeros(1), 0.0), np.linspace(0, 0.5, 20)[:, None])
    window = composer.window(state, 0.0, 0.0)
    position, _, _ = dense(window, per_step=5)
    times = window.stamp + np.arange(len(position)) * state.dt / 5
    np.testing.assert_allclose(composer.positions_at(state, times), position, atol=1e-12)
