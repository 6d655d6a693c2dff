"""URDF missing, without limits, or not fitting the controllers: refused with the list; not strict drops the group."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.pipeline.build import layout_of, load_robot

ROW = "URDF missing, without limits, lacking mapped joints"


def loaded(text: str):
    return load_robot(GestureConfig(), text)


def test_a_missing_file(tmp_path):
    with pytest.raises(RobotError, match="absent"):
        load_robot(GestureConfig().with_values({"robot.urdf": str(tmp_path / "absent.urdf")}))


@pytest.mark.parametrize("text", ["not xml", "<html/>", "<robot name='empty'/>"])
def test_what_is_no_robot(text):
    with pytest.raises(RobotError) as refused:
        loaded(text)
    assert "\n" not in str(refused.value)


def test_joints_without_limits_are_listed(demo_urdf):
    text = demo_urdf.read_text(encoding="utf-8")
    for joint in ("left_elbow", "neck_yaw"):
        text = re.sub(rf'(<joint name="{joint}".*?)<limit [^>]*/>', r"\1", text, count=1, flags=re.DOTALL)
    with pytest.raises(RobotError) as refused:
        loaded(text)
    assert "left_elbow" in str(refused.value)
    assert "neck_yaw" in str(refused.value)


def test_mapped_joints_without_a_controller_are_listed_or_dropped(fault, demo_urdf):
    robot = loaded(demo_urdf.read_text(encoding="utf-8"))
    arms = {"arms": (*robot.map.groups["left_arm"], *robot.map.groups["right_arm"])}
    with pytest.raises(RobotError, match=r"no controller moves .*robot\.strict"):
        layout_of(robot, arms, GestureConfig())
    layout = layout_of(robot, arms, GestureConfig().with_values({"robot.strict": False}))
    assert layout.joint_names == arms["arms"]
    assert any("head" in sentence for sentence in layout.dropped)
    text = "configure fails with the list; `robot.strict: false` drops the group and says so"
    fault.note("URDF missing, no XML, without limits; joints without a controller", text, "never starts")


def with_limits(text: str, change) -> str:
    """The URDF after `change(joint element, its limit)` for every joint that has one."""
    root = ET.fromstring(text)
    for joint in root.iter("joint"):
        limit = joint.find("limit")
        if limit is not None:
            change(joint, limit)
    return ET.tostring(root, encoding="unicode")


def test_limits_in_degrees_are_refused_or_taken_as_such(fault, demo_urdf):
    good = demo_urdf.read_text(encoding="utf-8")

    def degrees(_, limit):
        for key in ("lower", "upper", "velocity"):
            limit.set(key, repr(math.degrees(float(limit.get(key)))))

    with pytest.raises(RobotError, match=r"look like degrees: 'left_shoulder_pitch' \(-177\.6"):
        loaded(with_limits(good, degrees))
    loose = GestureConfig().with_values({"robot.strict": False})
    robot = load_robot(loose, with_limits(good, degrees))
    right = loaded(good).model
    np.testing.assert_allclose(robot.model.lower, right.lower)
    np.testing.assert_allclose(robot.model.velocity, right.velocity)
    assert any("taken as -3.1 to 1 rad" in w for w in robot.warnings)
    text = "configure fails with joints and values; `robot.strict: false`: taken as degrees, WARN"
    fault.note("limits in degrees", text, "never starts")


def test_a_limit_without_lower_and_upper_is_named(fault, demo_urdf):
    def without(joint, limit):
        if joint.get("name") == "left_elbow":
            del limit.attrib["lower"], limit.attrib["upper"]

    with pytest.raises(RobotError, match="joint 'left_elbow' has a limit without lower and upper") as refused:
        loaded(with_limits(demo_urdf.read_text(encoding="utf-8"), without))
    assert "\n" not in str(refused.value)
    fault.note(
        "a `<limit>` without lower and upper on an elbow", "configure fails with the joint's name", "never starts"
    )


def test_soft_limits_that_are_no_range_are_told(fault, demo_urdf):
    def soften(joint, _):
        soft = {"left_elbow": ("-0.9", "-0.5"), "right_elbow": ("0.5", "-0.9")}.get(joint.get("name"))
        if soft:
            keys = {"soft_lower_limit": soft[0], "soft_upper_limit": soft[1]}
            ET.SubElement(joint, "safety_controller", {"k_velocity": "10", **keys})

    robot = loaded(with_limits(demo_urdf.read_text(encoding="utf-8"), soften))
    assert any("joint 'right_elbow' has the soft limits 0.5 to -0.9" in w for w in robot.warnings)
    limits = layout_of(robot, {}, GestureConfig()).limits
    elbow = limits.joint_names.index("left_elbow")
    assert (limits.lower[elbow], limits.upper[elbow]) == pytest.approx((-0.88, -0.52))  # 0.02 rad of margin
    text = "the tighter of both holds; a soft range that is none is not used, WARN"
    fault.note("soft limits (`safety_controller`), one of them inverted", text, "moves on")


def test_a_dialect_that_ros_reads_is_read(fault, demo_urdf):
    text = demo_urdf.read_text(encoding="utf-8")
    text = "\n\n" + text.replace("<robot ", '<robot xmlns="http://www.ros.org" ', 1)
    assert loaded(text).model.joint_names == loaded(demo_urdf.read_text(encoding="utf-8")).model.joint_names
    fault.note("a default namespace, blank lines before the declaration", "read as ROS reads it", "moves on")
