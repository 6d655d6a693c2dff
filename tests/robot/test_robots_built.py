"""Kinds of robots that the bundled one is not, built in code: mapped, and moved within their limits."""

from __future__ import annotations

import time

import numpy as np
import pytest
from robot_builder import Builder

from speech_gesture_pkg.cli.robot_poses import pose_motion
from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.retargeting.ik_retargeter import IkRetargeter
from speech_gesture_pkg.robot.joint_limits import MAX_VELOCITY
from speech_gesture_pkg.robot.joint_map.auto_map import map_robot
from speech_gesture_pkg.robot.joint_map.robot_map import RobotMap
from speech_gesture_pkg.robot.model import RobotModel


def served(builder: Builder) -> RobotMap:
    """The map, after a gesture that stayed finite, within limits and free of collision."""
    robot = RobotModel.from_string(builder.text)
    found = map_robot(robot)
    retargeter = IkRetargeter(robot, found)
    for label in ("offer", "point"):
        q, _ = retargeter.step(pose_motion(label, 45), retargeter.start())
        assert np.isfinite(q).all()
        assert (q >= retargeter.limits.lower).all()
        assert (q <= retargeter.limits.upper).all()
        assert (np.abs(np.diff(q, axis=0)) * 30 <= retargeter.limits.velocity * (1 + 1e-9)).all()
        assert retargeter.collision.distance(q).min() > 0
    return found


def both_arms(builder: Builder, parent: str, height: float = 1.3, **kwargs) -> dict[str, str]:
    return {side: builder.arm(parent, side, height, **kwargs) for side in ("left", "right")}


@pytest.mark.parametrize("waist", [1, 2, 3])
def test_waists_of_one_to_three_joints(waist):
    b, link = Builder(), "base_link"
    for k in range(waist):
        axis = ((0, 0, 1), (0, 1, 0), (1, 0, 0))[k]
        link = b.add(f"waist_{k}", link, (0, 0, 0.9 if k == 0 else 0.05), axis, (-0.5, 0.5), centre=(0, 0, 0.02))
    both_arms(b, link, 0.4)
    b.head(link, 0.5)
    found = served(b)
    assert found.torso == tuple(f"waist_{k}" for k in range(waist))
    assert found.head == ("neck_yaw", "neck_pitch")
    assert found.missing == ("left_hand", "right_hand", "face")


def test_a_lift_and_wheels_are_left_alone():
    b = Builder()
    for k, y in enumerate((0.2, -0.2)):
        b.add(f"wheel_{k}", "base_link", (0, y, 0.05), (0, 1, 0), kind="continuous", centre=(0, 0, 0), radius=0.05)
    lift = b.add("lift", "base_link", (0, 0, 0.4), (0, 0, 1), (0, 0.4), kind="prismatic", centre=(0, 0, 0))
    both_arms(b, lift, 0.9)
    b.head(lift, 1.0)
    found = served(b)
    assert set(found.groups) == {"left_arm", "right_arm", "head"}
    assert found.missing == ("torso", "left_hand", "right_hand", "face")


def test_arms_of_five_joints_with_parallel_grippers():
    """One finger is driven and slides, the other mimics it; open is where they are apart."""
    b = Builder()
    for side, hand in both_arms(b, "base_link").items():
        b.add(f"{side}_jaw_a", hand, (0, 0.0, -0.08), (0, 1, 0), (0, 0.04), "prismatic")
        b.add(f"{side}_jaw_b", hand, (0, 0.0, -0.08), (0, 1, 0), (-0.04, 0), "prismatic", mimic=(f"{side}_jaw_a", -1.0))
    found = served(b)
    for side in ("left", "right"):
        assert len(found.arms[side].joints) == 5
        (row,) = found.hands[side]["index"]
        assert (row.joint, row.open, row.closed) == (f"{side}_jaw_a", 0.04, 0.0)
        assert row.human == ("index", "middle", "ring", "pinky")


def test_hands_with_three_joint_fingers():
    b = Builder()
    for side, hand in both_arms(b, "base_link", wrists=3).items():
        inward = 1 if side == "left" else -1
        for k, finger in enumerate(("index", "middle", "ring")):
            link = hand
            for joint in range(3):
                place = (0.03 - 0.03 * k, 0, -0.1) if joint == 0 else (0, 0, -0.03)
                name = f"{side}_{finger}_{joint}"
                link = b.add(name, link, place, (inward, 0, 0), (-1.6, 0), centre=(0, 0, -0.03), radius=0.008)
        thumb = b.add(f"{side}_thumb_0", hand, (0.04, 0, -0.04), (0, 0, 1), (-1, 1), centre=(0.02, 0, -0.01))
        b.add(f"{side}_thumb_1", thumb, (0.03, 0, -0.01), (inward, 0, 0), (-1.2, 0), centre=(0.02, 0, -0.02))
    found = served(b)
    for side, inward in (("left", -1), ("right", 1)):
        hand = found.hands[side]
        assert {f: len(j) for f, j in hand.items() if f != "thumb"} == {"index": 3, "middle": 3, "ring": 3}
        assert hand["ring"][0].human == ("ring", "pinky")
        assert all(j.closed == -1.6 for f in ("index", "middle", "ring") for j in hand[f])
        np.testing.assert_allclose(found.arms[side].palm[:, 1], [0, inward, 0], atol=0.05)


def test_fingers_that_follow_one_joint_by_mimic():
    """At 1 the fingers are stretched, at 0 they are curled towards the body (as on some small humanoids)."""
    b = Builder()
    for side, hand in both_arms(b, "base_link").items():
        inward = 1 if side == "left" else -1
        leader = f"{side}_hand"
        b.add(leader, hand, axis=(0, 0, 1), limits=(0, 1), centre=(0, 0, 0))
        for k in range(3):
            place = (0.03 - 0.03 * k, 0.012 * -inward, -0.1)
            finger = b.add(f"{side}_f{k}_a", hand, place, (inward, 0, 0), (-2, 2), mimic=(leader, 1.2),
                           centre=(0, -0.03 * inward, 0))  # fmt: skip
            b.add(f"{side}_f{k}_b", finger, (0, -0.04 * inward, 0), (inward, 0, 0), (-2, 2), mimic=(leader, 1.2),
                  centre=(0, 0, 0.03))  # fmt: skip
    found = served(b)
    for side in ("left", "right"):
        (row,) = found.hands[side]["index"]
        assert (row.joint, row.open, row.closed) == (f"{side}_hand", 1.0, 0.0)


def test_a_desk_robot_that_is_only_a_head():
    b = Builder()
    b.head("base_link", 0.2)
    found = served(b)
    assert found.head == ("neck_yaw", "neck_pitch")
    assert set(found.groups) == {"head"}


def test_a_single_joint_head():
    b = Builder()
    b.add("head_pan", "base_link", (0, 0, 0.3), (0, 0, 1), centre=(0, 0, 0.1), radius=0.05)
    assert served(b).head == ("head_pan",)


def test_one_arm_and_no_head():
    b = Builder()
    b.arm("base_link", "right", 1.2, wrists=3)
    found = served(b)
    assert set(found.groups) == {"right_arm"}
    assert "head" in found.missing


def test_a_root_that_looks_backward():
    b = Builder()
    both_arms(b, "base_link", front=-1.0)
    b.head("base_link", 1.45)
    found = served(b)
    np.testing.assert_allclose(found.body[:, 0], [-1, 0, 0], atol=1e-6)
    assert found.arms["left"].shoulder[1] == pytest.approx(-0.2)


def test_a_neck_on_passive_joints_is_refused_with_the_reason():
    b = Builder()
    for k in range(6):
        link = b.add(f"stewart_{k}", "base_link", (0.05 * np.cos(k), 0.05 * np.sin(k), 0.1), (0, 1, 0))
        for axis in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
            link = b.add(f"passive_{k}_{'xyz'[axis.index(1)]}", link, axis=axis, velocity=1e8)
    with pytest.raises(RobotError, match="closed chain"):
        map_robot(RobotModel.from_string(b.text))


def test_placeholder_velocities_are_capped():
    b = Builder()
    both_arms(b, "base_link")
    b.add("head_pan", "base_link", (0, 0, 1.5), (0, 0, 1), centre=(0, 0, 0.1), velocity=1e4)
    robot = RobotModel.from_string(b.text)
    retargeter = IkRetargeter(robot, map_robot(robot))
    assert retargeter.limits.velocity[retargeter.joint_names.index("head_pan")] == MAX_VELOCITY


def test_three_hundred_links_load_and_map_within_two_seconds():
    b, link = Builder(), "base_link"
    both_arms(b, "base_link")
    for k in range(290):
        link = b.add(f"tail_{k}", link, (-0.02, 0, 0), (0, 0, 1), centre=(0, 0, 0))
    began = time.process_time()
    robot = RobotModel.from_string(b.text)
    found = map_robot(robot)
    assert time.process_time() - began < 2.0  # 0.3 s on a quiet machine
    assert {"left_arm", "right_arm"} <= set(found.groups)


def test_inertias_that_are_zero_or_nonsense_do_not_matter():
    b = Builder()
    both_arms(b, "base_link")
    bad = ('<mass value="0"/><inertia ixx="0" iyy="0" izz="0"/>', '<mass value="nan"/><inertia ixx="x"/>',
           '<mass value="1"/><inertia ixx="-1" iyy="1" izz="1"/>', "<mass/>")  # fmt: skip
    plain = map_robot(RobotModel.from_string(b.text)).to_dict()
    for text in bad:
        broken = b.text.replace(
            '<link name="left_elbow_link">', f'<link name="left_elbow_link"><inertial>{text}</inertial>'
        )
        assert map_robot(RobotModel.from_string(broken)).to_dict() == plain


def test_missing_meshes_leave_the_robot_usable():
    b = Builder()
    both_arms(b, "base_link")
    text = b.text.replace('<sphere radius="0.035" />', '<mesh filename="package://nowhere/a.stl" />')
    robot = RobotModel.from_string(text)
    retargeter = IkRetargeter(robot, map_robot(robot))
    assert any("cannot be read" in w for w in retargeter.collision.warnings)


def test_a_collar_bone_is_no_part_of_the_arm():
    b = Builder()
    for side, y in (("left", 0.15), ("right", -0.15)):
        collar = b.add(f"{side}_collar", "base_link", (0, y / 3, 1.4), (1, 0, 0), (-0.3, 0.3), centre=(0, y / 2, 0))
        b.arm(collar, side, -0.1, wrists=3)
    found = served(b)
    for side in ("left", "right"):
        assert len(found.arms[side].joints) == 7
        assert f"{side}_collar" not in found.joints


def test_arms_of_one_build_side_by_side_are_a_pair_by_name():
    """Not mirrored but shifted, as when one arm was mounted twice."""
    b = Builder()
    for side, y in (("left", 0.25), ("right", -0.25)):
        link = b.add(f"{side}_1", "base_link", (0, y, 0.5), (0, 0, 1), (-3, 3), centre=(0, 0, 0))
        link = b.add(f"{side}_2", link, (0.02, 0.03, 0.05), (0, 1, 0), (-2, 2), centre=(0, 0, 0.1), radius=0.03)
        link = b.add(f"{side}_3", link, (0.0, 0.02, 0.3), (0, 1, 0), (-2.5, 0), centre=(0.1, 0, 0), radius=0.03)
        link = b.add(f"{side}_4", link, (0.1, 0.05, 0), (1, 0, 0), (-3, 3), centre=(0.1, 0, 0), radius=0.03)
        b.add(f"{side}_5", link, (0.15, 0.02, 0), (0, 1, 0), (-1, 1), centre=(0.1, 0, 0), radius=0.03)
    found = map_robot(RobotModel.from_string(b.text))
    assert {s: len(a.joints) for s, a in found.arms.items()} == {"left": 5, "right": 5}


def test_a_hand_alone_is_no_robot_with_arms():
    b = Builder()
    for k in range(4):
        link = "base_link"
        for joint in range(4):
            place = (0, 0.03 * k, 0.1) if joint == 0 else (0, 0, 0.04)
            link = b.add(f"j{k}{joint}", link, place, (0, 1, 0), (0, 1.6), centre=(0, 0, 0.03))
    with pytest.raises(RobotError, match="no arms"):
        map_robot(RobotModel.from_string(b.text))


def test_a_gripper_motor_with_endless_limits_closes_about_its_neutral_position():
    b = Builder()
    for side, hand in both_arms(b, "base_link").items():
        b.add(f"{side}_claw", hand, (0.02, 0, -0.06), (0, 1, 0), (-2.6, 2.6), centre=(0, 0, -0.05))
    row = served(b).hands["left"]["index"][0]
    assert max(abs(row.open), abs(row.closed)) <= np.pi / 2 + 1e-9
