"""The cubic B-spline against scipy and closed forms; braking tails against summation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import BSpline
from trajectory_checks import make_limits, quintic

from speech_gesture_pkg.trajectory import bspline
from speech_gesture_pkg.trajectory.braking import braking_time, tail_points
from speech_gesture_pkg.trajectory.limiter import landing_fraction
from speech_gesture_pkg.trajectory.limits import GridLimits

DT = 0.04


def reference(points):
    """scipy's spline with the control point i at the centre of its basis function, time i * DT."""
    return BSpline(DT * (np.arange(len(points) + 4) - 2), points, 3)


def test_knots_and_times_agree_with_scipy():
    points = np.random.default_rng(0).normal(size=(12, 3))
    spline = reference(points)
    knots = DT * np.arange(1, 11)
    times = np.linspace(knots[0], knots[-1], 301)[1:-1]
    for order, got in enumerate(bspline.at_knots(points, DT)):
        np.testing.assert_allclose(got[1:-1], spline(knots[1:-1], order), atol=1e-11 / DT**order)
    for order, got in enumerate(bspline.at_times(points, DT, times)):
        np.testing.assert_allclose(got, spline(times, order), atol=1e-11 / DT**order)


def test_times_outside_hold_the_end_knots():
    points = np.random.default_rng(1).normal(size=(3, 2))
    p, v, a = bspline.at_times(points, DT, np.array([-1.0, DT, 9.0]))
    np.testing.assert_allclose(p, np.repeat((points[0] + 4 * points[1] + points[2])[None] / 6, 3, axis=0))
    assert (v[[0, 2]] == 0).all()
    assert (a[[0, 2]] == 0).all()
    np.testing.assert_allclose(v[1], (points[2] - points[0]) / (2 * DT))


def test_a_controllers_quintic_reproduces_the_cubic():
    points = np.random.default_rng(2).normal(size=(4, 2))
    p, v, a = bspline.at_knots(points, DT)
    s = np.linspace(0, DT, 20)
    got = quintic(DT, p[0], v[0], a[0], p[1], v[1], a[1], s)
    spline = reference(np.concatenate([points[:1], points, points[-1:]]))
    for order in range(3):
        np.testing.assert_allclose(got[order], spline(2 * DT + s, order), atol=1e-10 / DT**order)


@pytest.mark.parametrize("frequency", [0.5, 1.0, 3.0, 6.0])
def test_a_sine_keeps_its_phase_and_has_the_documented_gain(frequency):
    dt = 1 / 30
    t = dt * np.arange(200)
    p, _, _ = bspline.at_knots(np.sin(2 * np.pi * frequency * t)[:, None], dt)
    gain = (4 + 2 * np.cos(2 * np.pi * frequency * dt)) / 6
    np.testing.assert_allclose(p[:, 0], gain * np.sin(2 * np.pi * frequency * t[1:-1]), atol=1e-12)


def test_a_tail_brakes_at_the_limit_with_its_direction_kept_and_ends_at_rest():
    limits = make_limits(joints=3, velocity=5.0, acceleration=[10.0, 20.0, 10.0], limbs=((0, 1),))
    grid = GridLimits.of(limits, DT)
    point, difference = np.array([0.1, 0.2, 0.3]), np.array([0.1, -0.05, 0.0])
    tail = tail_points(point, difference, grid)
    polygon = np.concatenate([(point - difference)[None], point[None], tail])
    first, second = np.diff(polygon, axis=0), np.diff(polygon, 2, axis=0)
    assert (np.abs(second) <= limits.acceleration * DT**2).all()
    # Joint 0 is the slower one: 0.1 / (10 * 0.04^2) = 6.25 steps, all but the last at the full limit.
    np.testing.assert_allclose(second[:6, 0], -10 * DT**2, rtol=2e-6)
    np.testing.assert_allclose(first[:, 1], -0.5 * first[:, 0], atol=1e-15)
    assert (tail[-1] == tail[-2]).all()
    assert (tail[-3] == tail[-2]).all()
    assert (tail[:, 2] == 0.3).all()
    _, v, a = bspline.at_knots(polygon, DT)
    assert (v[-1] == 0).all()
    assert (a[-1] == 0).all()


def test_the_tail_of_the_tail_is_the_tail():
    grid = GridLimits.of(make_limits(joints=4, limbs=((0, 1), (2, 3))), DT)
    point, difference = np.array([1.0, -1.0, 0.5, 0.0]), np.array([0.1, 0.02, -0.11, 0.05])
    whole = tail_points(point, difference, grid)
    before, now = point, whole[0]
    for k in range(1, len(whole) - 2):
        again = tail_points(now, now - before, grid)
        np.testing.assert_allclose(again[: len(whole) - k], whole[k:][: len(again)], atol=1e-14)
        before, now = now, again[0]


def test_longest_braking_time():
    # 3 rad/s at 10 rad/s^2 is 0.3 s = 9 steps; one more until the knot sees equal points.
    assert braking_time(make_limits(velocity=3.0, acceleration=10.0), 1 / 30) == pytest.approx(10 / 30)
    assert braking_time(make_limits(velocity=[1, 2, 1], acceleration=[10, 10, 2.5]), 0.1) == pytest.approx(0.5)


def test_the_landing_law_lands():
    for r in (0.2, 1.0, 1.5, 3.0, 10.0, 57.3, 1234.5):
        left, steps = r, []
        while left > 1e-9:
            steps.append(left * float(landing_fraction(np.array(left))))
            left -= steps[-1]
        falls = -np.diff(steps)
        assert steps[-1] <= 1 + 1e-9
        assert (falls <= 1 + 1e-9).all()
        assert sum(steps) == pytest.approx(r)
        # Constant deceleration: u^2 / 2 = r in the continuous limit.
        assert steps[0] <= np.sqrt(2 * r) + 1
