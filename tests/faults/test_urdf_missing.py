"""URDF missing, without limits, or not fitting the controllers: refused with the list; not strict drops the group."""

from __future__ import annotations

import re

import pytest

from speech_gesture_pkg.assembly import layout_of, load_robot
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import RobotError

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
