"""JointLimits: the one rule for margins, velocities and accelerations, which retargeter and commands share."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from speech_gesture_pkg.config import GestureConfig, SafetyConfig
from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.pipeline.build import layout_of, load_robot
from speech_gesture_pkg.robot.joint_limits import JointLimits, LimitSettings

NAMES = ("shoulder", "wrist", "toe", "neck", "jaw", "finger", "lift")
GROUPS = {"left_arm": NAMES[:3], "head": ("neck",), "face": ("jaw",), "right_hand": ("finger",)}
ROBOT = SimpleNamespace(
    joint_names=NAMES,
    lower=np.array([-2.0, -np.inf, -0.02, -0.1, 0.0, 0.0, 0.2]),
    upper=np.array([2.0, np.inf, 0.02, 0.1, 0.3, 1.5, 0.6]),
    velocity=np.array([4.0, 20.0, 12.0, 3.0, 90.0, 8.0, 30.0]),
)
ROBOT.stated_lower, ROBOT.stated_upper = ROBOT.lower.copy(), ROBOT.upper.copy()
ROBOT.stated_upper[-1] = 0.9  # the lift has soft limits
ACCELERATION = {"arms": 25.0, "hands": 60.0, "head": 24.0, "torso": 8.0, "face": 250.0}


def limits(names=NAMES, **values) -> JointLimits:
    return JointLimits.from_robot(ROBOT, names, GROUPS, LimitSettings(acceleration=ACCELERATION, **values))


def test_positions_keep_the_margin_and_at_most_a_quarter_of_a_narrow_range():
    found = limits(position_margin=0.02)
    # shoulder and neck: 0.02 off either end; toe: 0.04 wide, 0.01 off; face, fingers and what is not ours: none
    np.testing.assert_allclose(found.upper[[0, 2, 3, 4, 5, 6]], [1.98, 0.01, 0.08, 0.3, 1.5, 0.9])
    np.testing.assert_allclose(found.lower[[0, 2, 3, 4, 5, 6]], [-1.98, -0.01, -0.08, 0.0, 0.0, 0.2])
    assert 100 < found.upper[1] == -found.lower[1] < np.inf
    np.testing.assert_array_equal(found.tracked, [True, True, True, True, False, False, False])


def test_velocities_are_capped_and_then_scaled():
    np.testing.assert_allclose(limits(velocity_scale=0.5).velocity, [2.0, 5.0, 5.0, 1.5, 45.0, 4.0, 5.0])


def test_accelerations_are_those_of_the_kind_of_joint():
    np.testing.assert_allclose(limits(NAMES[::-1]).acceleration, [8.0, 60.0, 250.0, 24.0, 25.0, 25.0, 25.0])


def test_the_parameters_safety_become_the_settings():
    found = LimitSettings.of(SafetyConfig())
    assert (found.velocity_scale, found.position_margin, found.acceleration["torso"]) == (0.9, 0.02, 8.0)


@pytest.mark.parametrize("change", [{"velocity_scale": 1.5}, {"acceleration": {"arms": 1.0}}, {"max_velocity": 0.0}])
def test_bad_settings_are_refused(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        LimitSettings(**change)


def test_retargeter_and_commands_keep_the_same_limits(demo_urdf):
    config = GestureConfig().with_values({"robot.urdf": str(demo_urdf), "safety.velocity_scale": 0.4})
    robot = load_robot(config)
    layout = layout_of(robot, {}, config)
    order = [robot.retargeter.joint_names.index(n) for n in layout.joint_names]
    for key in ("lower", "upper", "velocity", "acceleration"):
        np.testing.assert_array_equal(getattr(robot.retargeter.limits, key)[order], getattr(layout.limits, key))
