"""The box of allowed steps: it can be kept for ever, and it keeps every limit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech_gesture_pkg.retargeting.step_limits import StepBounds, approach, stopping_step
from speech_gesture_pkg.robot.joint_limits import JointLimits


def bounds_of(lower, upper, velocity, acceleration) -> StepBounds:
    limits = JointLimits(lower, upper, velocity, acceleration, np.ones(len(lower), bool))
    return StepBounds(limits, 1 / 30)


def braked_distance(step: float, brake: float) -> float:
    total = 0.0
    while step > 0:
        total += step
        step -= brake
    return total


@given(st.floats(0, 5), st.floats(1e-3, 0.5))
def test_stopping_step_is_the_largest_that_can_stop(room, brake):
    step = float(stopping_step(np.array([room]), np.array([brake]))[0])
    assert braked_distance(step, brake) == pytest.approx(room, abs=1e-9)


def test_stopping_step_in_closed_form():
    # With brake 1, steps 3 + 2 + 1 need room 6; 2.5 + 1.5 + 0.5 need 4.5.
    np.testing.assert_allclose(stopping_step(np.array([6.0, 4.5, 0.5, 0.0]), np.ones(4)), [3.0, 2.5, 0.5, 0.0])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_choice_within_the_box_keeps_all_limits(seed):
    random = np.random.default_rng(seed)
    count, dt = 6, 1 / 30
    lower, upper = -random.uniform(0.01, 2, count), random.uniform(0.01, 2, count)
    upper[0], lower[1] = np.inf, -np.inf
    velocity, acceleration = random.uniform(0.5, 10, count), random.uniform(1, 200, count)
    bounds = bounds_of(lower, upper, velocity, acceleration)
    q, dq = np.zeros(count), np.zeros(count)
    for _ in range(80):
        low, high = bounds.box(q, dq)
        assert (low <= high).all()
        pick = random.choice([0.0, 1.0, random.uniform()], count)
        step = low + pick * (high - low)
        assert (np.abs(step) <= velocity * dt + 1e-12).all()
        assert (np.abs(step - dq) <= acceleration * dt * dt + 1e-12).all()
        q, dq = q + step, step
        assert (q >= lower - 1e-9).all()
        assert (q <= upper + 1e-9).all()


def test_a_state_that_broke_the_limits_brakes():
    bounds = bounds_of(np.array([-1.0]), np.array([1.0]), np.array([30.0]), np.array([9.0]))
    low, high = bounds.box(np.array([0.95]), np.array([0.5]))
    assert low == high == pytest.approx(0.5 - 9.0 / 900, rel=1e-5)


def test_approach_reaches_a_moving_target_without_overshoot():
    change, q, dq, target, drift = 0.02, 0.0, 0.0, 1.0, 0.05
    for _ in range(60):
        target += drift
        wanted = float(approach(np.array([target - q]), np.array([drift]), np.array([change]))[0])
        dq = min(max(wanted, dq - change), dq + change)
        q += dq
        assert q <= target + 1e-9
    assert q == pytest.approx(target, abs=1e-6)
