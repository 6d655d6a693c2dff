"""MotionLimits and their form on a grid."""

from __future__ import annotations

import numpy as np
import pytest
from trajectory_checks import make_limits

from speech_gesture_pkg.errors import ConfigError, RobotError
from speech_gesture_pkg.trajectory.limits import GridLimits, MotionLimits


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"lower": [0, 2, 0]}, RobotError, "joint 'j1' has lower limit 2 and upper limit 2"),
        ({"lower": [0, np.nan, 0]}, RobotError, "joint 'j1' has lower limit nan"),
        ({"upper": [1, 1, np.inf]}, RobotError, "joint 'j2' has upper limit inf"),
        ({"velocity": [1, 0, 1]}, ConfigError, "joint 'j1' has velocity limit 0"),
        ({"acceleration": [1, 1, -2]}, ConfigError, "joint 'j2' has acceleration limit -2"),
        ({"limbs": ((0, 1), (1,))}, ConfigError, "joint 'j1' is in two limbs"),
        ({"limbs": ((0, 3),)}, ConfigError, "index 3"),
        ({"limbs": ((),)}, ConfigError, "empty limb"),
    ],
)
def test_unusable_limits_are_refused_by_name(change, error, says):
    with pytest.raises(error, match=says):
        make_limits(**change)


def test_wrong_shapes_are_refused():
    with pytest.raises(ConfigError, match=r"velocity has shape \(2,\)"):
        make_limits(velocity=[1, 1])
    with pytest.raises(ConfigError, match="at least one joint"):
        MotionLimits((), np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0))


def test_arrays_are_frozen_copies_and_joints_without_a_limb_stand_alone():
    lower = np.array([-1.0, -1, -1])
    limits = make_limits(lower=lower, limbs=((2, 0),))
    lower[0] = 5
    assert limits.lower[0] == -1
    with pytest.raises(ValueError, match="read-only"):
        limits.lower[0] = 0
    assert limits.limbs == ((2, 0), (1,))


def test_scaled_limits():
    limits = make_limits(lower=[-1, -1, -0.01], upper=[1, 1, 0.01], velocity=2.0, acceleration=8.0)
    scaled = limits.scaled(velocity=0.5, acceleration=0.25, margin=0.1)
    np.testing.assert_allclose(scaled.velocity, 1.0)
    np.testing.assert_allclose(scaled.acceleration, 2.0)
    np.testing.assert_allclose(scaled.upper, [0.9, 0.9, 0.01 - 0.008])
    np.testing.assert_allclose(scaled.lower, [-0.9, -0.9, -0.01 + 0.008])
    for wrong in ({"velocity": 0}, {"acceleration": np.nan}, {"margin": -1}):
        with pytest.raises(ConfigError):
            limits.scaled(**wrong)


def test_grid_limits_reduce_over_limbs_in_any_order():
    limits = make_limits(joints=5, limbs=((4, 1), (0, 3)))
    grid = GridLimits.of(limits, 0.1)
    values = np.array([[5.0, 1, 7, 2, 3], [0, 9, -1, 4, 2]])
    np.testing.assert_array_equal(grid.limb_max(values), [[3, 5, 7], [9, 4, -1]])
    np.testing.assert_array_equal(grid.limb_min(values), [[1, 2, 7], [2, 0, -1]])
    np.testing.assert_array_equal(grid.spread(np.array([10, 20, 30])), [20, 10, 30, 20, 10])
    np.testing.assert_allclose(grid.step, 0.3, rtol=2e-6)
    np.testing.assert_allclose(grid.bend, 0.1, rtol=2e-6)
    assert (grid.step < 3.0 * 0.1).all()
    assert (grid.upper < limits.upper).all()
    with pytest.raises(ConfigError, match="dt is 0"):
        GridLimits.of(limits, 0.0)
