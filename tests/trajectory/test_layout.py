"""JointLayout: which joints, which controller, which limits; and the sentences for what does not fit."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from pipeline_rig import CONTROLLERS, GROUPS, REST, ROBOT

from speech_gesture_pkg.config import SafetyConfig
from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.trajectory.layout import default_controllers, make_layout

MAPPED = (*GROUPS["left_arm"], *GROUPS["head"])


def build(controllers=CONTROLLERS, groups=GROUPS, robot=ROBOT, rest=REST, **kwargs):
    return make_layout(robot, groups, MAPPED, rest, controllers, SafetyConfig(), **kwargs)


def test_joints_of_all_controllers_in_their_order():
    layout = build({"b": ("neck_pitch", "neck_yaw"), "a": (*GROUPS["left_arm"], "gripper")})
    assert layout.joint_names == ("neck_pitch", "neck_yaw", *GROUPS["left_arm"], "gripper")
    assert {n: list(i) for n, i in layout.controllers.items()} == {"b": [0, 1], "a": [2, 3, 4, 5]}
    assert list(layout.source) == [4, 3, 0, 1, 2, -1]
    assert [ROBOT.joint_names[i] for i in layout.robot_index] == list(layout.joint_names)


def test_controllers_without_a_joint_that_gestures_are_left_alone():
    layout = build(
        {"claw": ("gripper",), **{c: tuple(j for j in js if j != "gripper") for c, js in CONTROLLERS.items()}}
    )
    assert "claw" not in layout.controllers
    assert "gripper" not in layout.joint_names
    assert set(layout.controllers) == set(CONTROLLERS)
    with pytest.raises(RobotError, match="no controller moves a joint that gestures"):
        build({"claw": ("gripper",)})


def test_limits_are_the_robots_tightened_by_the_parameters():
    layout = build()
    # 0.02 rad off both ends for arms and head; the gripper is not ours and keeps its range
    np.testing.assert_allclose(layout.limits.lower, [-1.48, -0.08, -0.98, 0.0, -0.98, -0.58])
    np.testing.assert_allclose(layout.limits.upper, [1.98, 2.38, 0.98, 0.08, 0.98, 0.48])
    np.testing.assert_allclose(layout.limits.velocity, 0.9 * ROBOT.velocity)
    np.testing.assert_allclose(layout.limits.acceleration, [25, 25, 25, 8, 25, 25])
    assert set(layout.limits.limbs) == {(0, 1, 2), (4, 5), (3,)}


def test_a_small_range_loses_five_percent_at_most():
    robot = SimpleNamespace(**vars(ROBOT))
    robot.lower, robot.upper = ROBOT.lower.copy(), ROBOT.upper.copy()
    robot.lower[4], robot.upper[4] = -0.1, 0.1
    assert build(robot=robot).limits.upper[4] == pytest.approx(0.09)


def test_hands_and_face_keep_their_whole_range_and_their_own_acceleration():
    groups = {"left_arm": ("left_shoulder", "left_elbow"), "left_hand": ("left_wrist",), "face": GROUPS["head"]}
    layout = build(groups=groups)
    assert layout.limits.upper[2] == 1.0
    np.testing.assert_allclose(layout.limits.acceleration, [25, 25, 60, 8, 250, 250])
    np.testing.assert_allclose(layout.limits.upper[4:], [1.0, 0.5])


def test_a_continuous_joint_gets_finite_limits():
    robot = SimpleNamespace(**vars(ROBOT))
    robot.lower, robot.upper = ROBOT.lower.copy(), ROBOT.upper.copy()
    robot.lower[2], robot.upper[2] = -np.inf, np.inf
    limits = build(robot=robot).limits
    assert np.isfinite(limits.lower).all()
    assert limits.upper[2] > 100


def test_mapped_joints_come_from_the_retargeter_and_others_hold():
    layout = build()
    hold = np.arange(6.0)
    q = layout.from_retargeter(np.array([[0.1, 0.2, 0.3, 0.4, 0.25]]), hold)
    np.testing.assert_array_equal(q, [[0.1, 0.2, 0.3, 3, 0.4, 0.25]])
    wild = layout.from_retargeter(np.full((1, 5), 100.0), hold)
    np.testing.assert_allclose(wild, [[1.98, 2.38, 0.98, 3, 0.98, 0.48]])
    np.testing.assert_array_equal(layout.rest_from(hold), [0.1, 0.3, 0.0, 3.0, 0.0, 0.05])


def test_the_rest_pose_is_inside_the_limits():
    rest = REST.copy()
    rest[0] = 2.0
    assert build(rest=rest).rest[0] == pytest.approx(1.98)


def test_sentences_for_what_does_not_fit():
    with pytest.raises(RobotError, match="no trajectory controller"):
        build({})
    with pytest.raises(RobotError, match=r"left_knee \(of legs\)"):
        build({**CONTROLLERS, "legs": ("left_knee",)})
    with pytest.raises(RobotError, match="neck_yaw is in two controllers"):
        build({**CONTROLLERS, "neck": ("neck_yaw",)})
    with pytest.raises(RobotError, match=r"group head: no controller moves neck_yaw, neck_pitch.*robot\.strict"):
        build({"arm_controller": CONTROLLERS["arm_controller"]})
    loose = build({"arm_controller": CONTROLLERS["arm_controller"]}, strict=False)
    assert loose.dropped == ("group head: no controller moves neck_yaw, neck_pitch",)
    assert loose.joint_names == CONTROLLERS["arm_controller"]


def test_default_controllers_leave_out_what_the_robot_lacks():
    made = default_controllers({"left_arm": ("a",), "left_hand": ("f",), "right_hand": ("g",), "face": ("jaw",)})
    assert made == {"left_arm_controller": ("a",), "hands_controller": ("f", "g"), "head_controller": ("jaw",)}
