"""Limits in wrong units, soft limits, limits that are left out: told by name, and obeyed or refused."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from robot_builder import Builder

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.config import GestureConfig, SafetyConfig
from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.pipeline.build import load_robot
from speech_gesture_pkg.pipeline.offline import run_offline
from speech_gesture_pkg.resources import DEMO_AUDIO, resource
from speech_gesture_pkg.robot.joint_limits import other_units
from speech_gesture_pkg.robot.joint_map.auto_map import map_robot
from speech_gesture_pkg.robot.joint_map.report import mapping_table
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.trajectory.layout import make_layout

ARMS = [f"{side}_{part}" for side in ("left", "right") for part in ("shoulder_pitch", "shoulder_roll", "elbow")]


@pytest.fixture(scope="module")
def good(demo_urdf) -> str:
    return demo_urdf.read_text(encoding="utf-8")


def changed(text: str, **limits: dict[str, object]) -> str:
    """The URDF with other attributes of the limits of some joints; None drops an attribute."""
    root = ET.fromstring(text)
    for joint in root.iter("joint"):
        limit = joint.find("limit")
        for key, value in limits.get(joint.get("name", ""), {}).items():
            assert limit is not None
            limit.set(key, str(value))
            if value is None:
                del limit.attrib[key]
    return ET.tostring(root, encoding="unicode")


def softened(text: str, **soft: tuple[object, object]) -> str:
    """The URDF with soft limits of some joints; None leaves one of them out."""
    root = ET.fromstring(text)
    for joint in root.iter("joint"):
        if joint.get("name") in soft:
            keys = zip(("soft_lower_limit", "soft_upper_limit"), soft[joint.get("name")], strict=True)
            given = {key: str(value) for key, value in keys if value is not None}
            ET.SubElement(joint, "safety_controller", {"k_position": "20", "k_velocity": "20", **given})
    return ET.tostring(root, encoding="unicode")


def in_degrees(text: str, names=None) -> str:
    """The URDF as somebody writes it who thinks in degrees, to a tenth."""
    root = ET.fromstring(text)
    for joint in root.iter("joint"):
        limit = joint.find("limit")
        if limit is not None and joint.get("type") == "revolute" and (names is None or joint.get("name") in names):
            for key in ("lower", "upper", "velocity"):
                limit.set(key, str(round(math.degrees(float(limit.get(key))), 1)))
    return ET.tostring(root, encoding="unicode")


def two_arms() -> Builder:
    built = Builder()
    torso = built.add("waist", "base_link", (0, 0, 0.8), (0, 0, 1), centre=(0, 0, 0.2), radius=0.1)
    built.head(torso, 0.6)
    for side in ("left", "right"):
        built.arm(torso, side, 0.5, wrists=3)
    return built


def limits_of(text: str, joint: str) -> tuple[float, float]:
    robot = RobotModel.from_string(text)
    slot = robot.joint_index[joint]
    return float(robot.lower[slot]), float(robot.upper[slot])


def warnings_on(text: str, strict: bool = True) -> str:
    return "\n".join(map_robot(RobotModel.from_string(text), strict=strict).warnings)


# --- degrees --------------------------------------------------------------------------------------------------------


def test_a_robot_in_degrees_is_refused_by_name_with_values(good, tmp_path, capsys):
    path = tmp_path / "degrees.urdf"
    path.write_text(in_degrees(good))
    assert main(["robot", "check", str(path)]) == 5
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    for part in ("look like degrees", "'left_elbow' (-", "1.5708", "robot.strict", "degrees.urdf"):
        assert part in said


def test_a_robot_in_degrees_is_served_on_demand(good):
    """Without strict the limits are taken as degrees: those of the robot in radians, to the tenth of a degree."""
    text = in_degrees(good)
    robot, right = RobotModel.from_string(text), RobotModel.from_string(good)
    turning = ~right.prismatic
    np.testing.assert_allclose(robot.lower[turning], right.lower[turning], atol=math.radians(0.051))
    np.testing.assert_allclose(robot.upper[turning], right.upper[turning], atol=math.radians(0.051))
    np.testing.assert_allclose(robot.velocity, right.velocity, rtol=0.01)
    found = map_robot(robot, strict=False)
    assert found.groups == map_robot(right).groups
    assert "look like degrees" in "\n".join(found.warnings)
    assert {row.flags for row in mapping_table(robot, found)} == {"taken as degrees"}


def test_one_arm_in_degrees_is_enough_to_refuse(good):
    with pytest.raises(RobotError, match=r"'left_shoulder_pitch' \(.*look|look like degrees: 'left_shoulder_pitch'"):
        warnings_on(in_degrees(good, [n for n in ARMS if n.startswith("left")]))


@pytest.mark.parametrize(("lower", "upper"), [(-145, 0), (-90, 90), (-180, 180), (-119.5, 22.5), (0, 135)])
def test_a_single_joint_in_degrees_is_told_and_taken_as_such(lower, upper, good):
    text = changed(good, left_elbow={"lower": lower, "upper": upper, "velocity": 180})
    said = warnings_on(text)
    assert f"joint 'left_elbow' has limits that look like degrees, {lower:g} to {upper:g}" in said
    assert "at 3.14 rad/s" in said
    assert limits_of(text, "left_elbow") == pytest.approx((math.radians(lower), math.radians(upper)))
    robot = RobotModel.from_string(text)
    assert robot.velocity[robot.joint_index["left_elbow"]] == pytest.approx(math.pi)
    assert "left_elbow" not in robot.placeholders


@pytest.mark.parametrize(
    "limits",
    [
        *((-x, x) for x in (3.2, 6.28, 6.2832, 2 * math.pi, 9.42, 10, 12.566, 15.7, 18.85, 6 * math.pi)),
        *((-x, x) for x in (31.4, 31.4159, 62.83, 20, 50, 100, 1000, 9999, 1e10, 1e16)),
        *((-3.05, 6.81), (0, 6.5), (-12, 1), (0, 1e4)),
    ],
)
def test_joints_of_many_turns_in_radians_are_left_alone(limits):
    """One such joint, or all joints of a robot."""
    for names in (["left_wrist_roll"], None):
        root = two_arms().root
        for joint in root.iter("joint"):
            if names is None or joint.get("name") in names:
                joint.find("limit").set("lower", repr(limits[0]))
                joint.find("limit").set("upper", repr(limits[1]))
        robot = RobotModel.from_string(ET.tostring(root, encoding="unicode"))
        assert robot.units == {}
        slot = robot.joint_index["left_wrist_roll"]
        assert (robot.lower[slot], robot.upper[slot]) == tuple(np.clip(limits, -1e6, 1e6))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(-19.9, 0), st.floats(0.001, 19.9)), min_size=1, max_size=6))
def test_up_to_three_turns_nothing_looks_like_degrees(limits):
    built = Builder()
    parent = "base_link"
    for k, pair in enumerate(limits):
        parent = built.add(f"j{k}", parent, limits=pair)
    assert other_units(RobotModel.from_string(built.text).tree.joints) == {}


def test_a_round_range_is_in_degrees_where_the_others_are():
    built = two_arms()
    for joint in built.root.iter("joint"):
        joint.find("limit").set("lower", "-50" if "neck" in joint.get("name") else "-95")
        joint.find("limit").set("upper", "50" if "neck" in joint.get("name") else "95")
    units = RobotModel.from_string(built.text).units
    assert units.keys() >= {"neck_yaw", "neck_pitch", "left_elbow"}


def test_millimetres():
    built = two_arms()
    hand = built.add("left_slide", "left_wrist_yaw_link", (0, 0.02, -0.1), (0, 1, 0), (0, 45), "prismatic")
    built.add("left_slide_2", "left_wrist_yaw_link", (0, -0.02, -0.1), (0, -1, 0), (0, 45), "prismatic")
    assert hand == "left_slide_link"
    assert limits_of(built.text, "left_slide") == pytest.approx((0, 0.045))
    said = warnings_on(built.text)
    assert "joints 'left_slide', 'left_slide_2' have limits that look like millimetres, 0 to 45" in said


# --- soft limits ----------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(*(st.floats(-3.0, 3.0) for _ in range(4)))
def test_the_tighter_of_limits_and_soft_limits_holds(lower, upper, low, high):
    built = Builder()
    built.add("hinge", "base_link", limits=(lower, upper))
    built.add("other", "base_link")
    text = softened(built.text, hinge=(low, high))
    if lower > upper:
        assert "hinge" in RobotModel.from_string(text).problems
        return
    robot = RobotModel.from_string(text)
    got = limits_of(text, "hinge")
    if low < high and max(lower, low) < min(upper, high):
        assert got == (max(lower, low), min(upper, high))
        assert ("hinge" in robot.softened) == (got != (lower, upper))
        assert robot.remarks == {}
    else:
        assert got == (lower, upper)
        (remark,) = robot.remarks["hinge"]
        assert f"joint 'hinge' has the soft limits {low:g} to {high:g}" in remark
    # The pose in which robot maps state their points does not move.
    assert robot.neutral()[0] == np.clip(0.0, lower, upper)


def test_soft_limits_that_cannot_be_used_are_told_for_joints_that_gesture(good):
    text = softened(good, left_elbow=(1.0, -1.0), right_elbow=(4.0, 5.0), neck_yaw=(-0.5, 0.5), neck_pitch=(0, 0))
    said = warnings_on(text)
    assert "joint 'left_elbow' has the soft limits 1 to -1, which are no range and not used" in said
    assert "joint 'right_elbow' has the soft limits 4 to 5, which are outside its limits" in said
    assert "joint 'neck_pitch' has the soft limits 0 to 0, which are no range" in said
    assert "neck_yaw" not in said
    assert limits_of(text, "left_elbow") == limits_of(good, "left_elbow")
    assert limits_of(text, "neck_yaw") == (-0.5, 0.5)
    robot = RobotModel.from_string(text)
    flags = {row.joint: row.flags for row in mapping_table(robot, map_robot(robot))}
    assert (flags["neck_yaw"], flags["left_elbow"]) == ("soft limits", "")


def test_a_soft_limit_that_is_left_out_is_zero_by_the_specification(good):
    lower, upper = limits_of(good, "neck_yaw")
    assert limits_of(softened(good, neck_yaw=(-0.5, None)), "neck_yaw") == (-0.5, 0.0)
    assert limits_of(softened(good, neck_yaw=(None, None)), "neck_yaw") == (lower, upper)  # only k_velocity: as on PR2


def test_soft_limits_of_continuous_joints_are_told():
    built = two_arms()
    for joint in built.root.iter("joint"):
        if joint.get("name") == "left_wrist_roll":
            joint.set("type", "continuous")
    text = softened(built.text, left_wrist_roll=(-2, 2))
    assert limits_of(text, "left_wrist_roll") == (-math.inf, math.inf)
    assert "joint 'left_wrist_roll' has the soft limits -2 to 2, which are not used because it is" in warnings_on(text)


def test_soft_limits_hold_through_a_whole_run(good):
    """Speech on the robot: where its elbows go without soft limits they do not go with them."""
    speech = AudioChunk(read_audio(resource(DEMO_AUDIO)).samples[: 5 * 16000])
    reached = {}
    for soft in ({}, {"left_elbow": (-0.9, -0.5), "right_elbow": (-0.9, -0.5)}):
        motion = run_offline(GestureConfig(), load_robot(GestureConfig(), softened(good, **soft)), speech).joints
        assert motion is not None
        for name in ("left_elbow", "right_elbow"):
            path = motion.position[:, motion.joint_names.index(name)]
            reached[bool(soft), name] = path.min(), path.max()
    for name in ("left_elbow", "right_elbow"):
        free, held = reached[False, name], reached[True, name]
        assert free[0] < -0.9
        assert held[0] >= -0.9
        assert held[1] <= -0.5


def test_joints_that_are_not_ours_keep_their_place_beyond_soft_limits(good):
    """A hand that another node holds must not be driven inside its soft limits."""
    robot = RobotModel.from_string(softened(good, left_index_1=(-0.2, -0.1), left_elbow=(-0.9, -0.5)))
    arm = map_robot(robot).groups["left_arm"]
    controllers = {"all": robot.joint_names}
    layout = make_layout(robot, {"left_arm": arm}, arm, np.zeros(len(arm)), controllers, SafetyConfig())
    slot = layout.joint_names.index("left_index_1")
    assert (layout.limits.lower[slot], layout.limits.upper[slot]) == limits_of(good, "left_index_1")
    assert layout.limits.lower[layout.joint_names.index("left_elbow")] >= -0.9


# --- limits that are left out ---------------------------------------------------------------------------------------


def test_an_arm_joint_without_lower_and_upper_is_named(good):
    text = changed(good, left_elbow={"lower": None, "upper": None})
    with pytest.raises(RobotError) as caught:
        warnings_on(text)
    assert "joint 'left_elbow' has a limit without lower and upper" in str(caught.value)
    assert "give both in rad, or make it 'continuous'" in str(caught.value)


def test_no_joint_with_lower_and_upper(good):
    text = re.sub(r' (lower|upper)="[^"]*"', "", good)
    with pytest.raises(RobotError, match=r"'waist_yaw', .* have a limit without lower and upper"):
        RobotModel.from_string(text)


def test_what_gestures_do_not_need_is_told_and_left_out():
    built = two_arms()
    built.add("wheel", "base_link", (0.2, 0, 0))
    text = changed(built.text, wheel={"lower": None, "upper": None})
    assert "not used for their limits: joint 'wheel' has a limit without lower and upper" in warnings_on(text)


def test_one_end_that_is_left_out_is_zero(good):
    lower, _ = limits_of(good, "neck_yaw")
    text = changed(good, neck_yaw={"upper": None})
    assert limits_of(text, "neck_yaw") == (lower, 0.0)
    said = warnings_on(text)
    assert "joint 'neck_yaw' has no upper limit, which the URDF specification takes as 0; give it" in said
    crossed = changed(good, left_elbow={"lower": 0.5, "upper": None})
    with pytest.raises(RobotError, match=r"'left_elbow' has lower 0\.5 and no upper, .* takes as 0; give both"):
        warnings_on(crossed)


def test_a_locked_joint_that_arms_hang_on_is_named(good):
    """0 to 0 on the elbow cuts the arm short, on the waist nothing: both are told; on a wheel nobody cares."""
    said = warnings_on(changed(good, waist_yaw={"lower": 0, "upper": 0}))
    assert "cannot move, because their lower and upper limits are equal: 'waist_yaw' (0)" in said
    said = warnings_on(changed(good, left_wrist_yaw={"lower": 0.1, "upper": 0.1}))
    assert "'left_wrist_yaw' (0.1)" in said
    assert "cannot move" not in warnings_on(good)
    built = two_arms()
    built.add("wheel", "base_link", (0.2, 0, 0), limits=(0, 0))
    assert "cannot move" not in warnings_on(built.text)


def test_no_arms_because_everything_is_locked():
    built = Builder()
    built.add("a", built.arm("base_link", "left", 0.5), limits=(0, 0))
    for joint in built.root.iter("joint"):
        joint.find("limit").set("lower", "0")
        joint.find("limit").set("upper", "0")
    with pytest.raises(RobotError, match=r"has no arms.*cannot move, .*: 'left_shoulder_pitch' \(0\), "):
        warnings_on(built.text)


# --- speed and effort -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("velocity", [0, -1, "inf", "nan", None])
def test_velocity_limits_that_are_none(velocity, good):
    said = "has no velocity limit" if velocity in ("nan", None) else f"has the velocity limit {velocity}"
    with pytest.raises(RobotError, match=f"joint 'left_elbow' {said}"):
        warnings_on(changed(good, left_elbow={"velocity": velocity}))


def test_placeholders_are_told_with_their_values(good):
    speeds = {"left_elbow": {"velocity": 100}, "right_elbow": {"velocity": 100}, "neck_yaw": {"velocity": 180}}
    said = warnings_on(changed(good, **speeds))
    assert "(or degrees), capped: left_elbow, right_elbow (100), neck_yaw (180); give what the motors can" in said


def test_an_effort_of_zero_is_told_where_it_matters(good):
    said = warnings_on(changed(good, left_elbow={"effort": 0}, right_elbow={"effort": 0}, neck_yaw={"effort": -1}))
    assert "joints 'left_elbow', 'right_elbow' have the effort limit 0: a simulator may not move it" in said
    assert "joint 'neck_yaw' has the effort limit -1" in said
    assert "effort" not in warnings_on(changed(good, left_elbow={"effort": "strong"}, neck_yaw={"effort": None}))
