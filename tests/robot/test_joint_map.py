"""map_robot on variants of the demo humanoid: geometry must carry where names do not."""

from __future__ import annotations

import numpy as np
import pytest
from robot_variants import ARM_JOINTS, Variant

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.robot.joint_map.auto_map import map_robot
from speech_gesture_pkg.robot.joint_map.map_file import read_override
from speech_gesture_pkg.robot.joint_map.report import format_table, mapping_table, to_yaml
from speech_gesture_pkg.robot.joint_map.robot_map import GROUPS, RobotMap
from speech_gesture_pkg.robot.model import RobotModel


def mapped(variant: Variant, override: dict | None = None) -> RobotMap:
    return map_robot(RobotModel.from_string(variant.text), override)


@pytest.fixture(scope="module")
def plain(demo_urdf):
    return mapped(Variant(demo_urdf))


def arm_names(side: str, table: dict[str, str] | None = None) -> tuple[str, ...]:
    return tuple((table or {}).get(f"{side}_{j}", f"{side}_{j}") for j in ARM_JOINTS)


def test_the_demo_humanoid(plain):
    assert plain.missing == ()
    assert plain.warnings == ()
    assert tuple(plain.groups) == GROUPS
    for side, y in (("left", 0.208), ("right", -0.208)):
        arm = plain.arms[side]
        assert arm.joints == arm_names(side)
        assert arm.elbow == f"{side}_elbow"
        np.testing.assert_allclose(arm.shoulder, [0, y, 1.24], atol=1e-6)
        np.testing.assert_allclose(arm.elbow_point, [0, y, 0.98], atol=1e-6)
        np.testing.assert_allclose(arm.wrist_point, [0, y, 0.74], atol=1e-6)
        np.testing.assert_allclose(arm.palm[:, 0], [0, 0, -1], atol=0.05)
        np.testing.assert_allclose(arm.palm[:, 1], [0, -np.sign(y), 0], atol=0.05)
    assert plain.head == ("neck_yaw", "neck_pitch", "neck_roll")
    assert plain.torso == ("waist_yaw", "waist_pitch", "waist_roll")
    np.testing.assert_allclose(plain.body, np.eye(3), atol=1e-9)


def test_curl_signs_come_from_geometry(plain):
    for side, sign in (("left", -1), ("right", 1)):
        for finger, joints in plain.hands[side].items():
            for joint in joints:
                assert np.sign(joint.closed - joint.open) == sign, (finger, joint)
    assert [j.weights[3] for j in plain.hands["left"]["thumb"]] == [1.0, 0.0, 0.0]


def test_face_directions(plain):
    face = {f.joint: {n: p for n, p, _ in f.shapes} for f in plain.face}
    assert face["jaw"]["jawOpen"] == 0.4
    assert face["left_eyelid"]["eyeBlinkLeft"] == 1.3
    assert face["right_brow"]["browOuterUpRight"] == -0.35
    assert face["right_brow"]["browDownRight"] == 0.2
    assert "browOuterUpLeft" not in face["right_brow"]


@pytest.mark.parametrize("yaw", [0, 90, 180, -120])
def test_arms_without_meaningful_names(demo_urdf, plain, yaw):
    variant = Variant(demo_urdf)
    table = variant.anonymous_arms()
    found = mapped(variant.yawed(yaw) if yaw else variant)
    for side in ("left", "right"):
        assert found.arms[side].joints == arm_names(side, table)
        assert found.arms[side].elbow == table[f"{side}_elbow"]
        assert {table[n] for n in plain.groups[f"{side}_hand"]} == set(found.groups[f"{side}_hand"])
        assert set(found.hands[side]) == {"thumb", "index", "middle", "ring", "pinky"}
        for finger, joints in plain.hands[side].items():
            assert [table[j.joint] for j in joints] == [j.joint for j in found.hands[side][finger]]
    angle = np.radians(yaw)
    np.testing.assert_allclose(found.body[:, 0], [np.cos(angle), np.sin(angle), 0], atol=0.02)
    assert bool(found.warnings) == (yaw != 0)


def test_facing_without_any_left_or_right_in_names(demo_urdf):
    """A root that looks backward and no names at all: the bending of the elbows says where the front is."""
    variant = Variant(demo_urdf)
    variant.anonymous_arms()
    for part in ("eyelid", "brow"):
        for side in ("left", "right"):
            variant.cut(f"{side}_{part}")
    variant.rename(
        {f"{s}_{p}_mount": f"{p}{k}" for k, s in enumerate(("left", "right")) for p in ("hip", "knee", "ankle")}
    )
    found = mapped(variant.yawed(180))
    np.testing.assert_allclose(found.body[:, 0], [-1, 0, 0], atol=0.02)
    assert found.arms["left"].shoulder[1] == pytest.approx(-0.208, abs=1e-6)


@pytest.mark.parametrize("gone", ["left", "right"])
def test_one_arm(demo_urdf, gone):
    found = mapped(Variant(demo_urdf).cut(f"{gone}_shoulder_pitch"))
    kept = "right" if gone == "left" else "left"
    assert found.arms.keys() == {kept}
    assert found.arms[kept].joints == arm_names(kept)
    assert found.missing == tuple(g for g in GROUPS if g in (f"{gone}_arm", f"{gone}_hand"))
    np.testing.assert_allclose(found.body, np.eye(3), atol=0.02)


def test_no_hands(demo_urdf):
    variant = Variant(demo_urdf).cut("left_wrist_pitch").cut("right_wrist_pitch")
    found = mapped(variant)
    assert found.missing == ("left_hand", "right_hand")
    assert found.arms["left"].joints == arm_names("left")[:5]
    assert any("palm" in w for w in found.warnings)
    np.testing.assert_allclose(found.arms["left"].palm[:, 1], [0, -1, 0], atol=0.1)


def test_no_head_and_head_only(demo_urdf):
    assert mapped(Variant(demo_urdf).cut("neck_yaw")).missing == ("head", "face")
    alone = mapped(Variant(demo_urdf).cut("left_shoulder_pitch").cut("right_shoulder_pitch"))
    assert set(alone.groups) == {"head", "torso", "face"}
    assert alone.head == ("neck_yaw", "neck_pitch", "neck_roll")


def test_order_of_the_file_does_not_matter(demo_urdf, plain):
    found = mapped(Variant(demo_urdf).reverse_order())
    assert {s: a.joints for s, a in found.arms.items()} == {s: a.joints for s, a in plain.arms.items()}
    assert (found.head, found.torso) == (plain.head, plain.torso)


def test_a_robot_without_any_body_part_is_refused():
    text = (
        '<robot name="cart"><link name="a"/><link name="b"/><joint name="wheel" type="continuous">'
        '<parent link="a"/><child link="b"/><axis xyz="0 1 0"/><limit velocity="3" effort="1"/></joint></robot>'
    )
    with pytest.raises(RobotError, match="robot 'cart' has no arms"):
        map_robot(RobotModel.from_string(text))


def test_a_part_does_without_a_joint_whose_limits_contradict_themselves(demo_urdf):
    variant = Variant(demo_urdf)
    variant.limit("neck_roll").set("lower", "2")
    found = mapped(variant)
    assert found.head == ("neck_yaw", "neck_pitch")
    assert any("joint 'neck_roll' has lower 2 > upper" in w for w in found.warnings)


def test_joints_of_no_part_may_have_any_limits(demo_urdf, plain):
    variant = Variant(demo_urdf)
    leg = variant.joint("left_knee_mount")
    leg.set("type", "revolute")
    found = mapped(variant)
    assert found.groups == plain.groups
    assert any("left_knee_mount" in w for w in found.warnings)


def test_an_arm_needs_all_its_limits_and_every_part_needs_some(demo_urdf):
    variant = Variant(demo_urdf)
    variant.limit("left_elbow").set("lower", "2")
    with pytest.raises(RobotError, match="joint 'left_elbow' has lower 2 > upper"):
        mapped(variant)
    assert "left_elbow" not in map_robot(RobotModel.from_string(variant.text), strict=False).groups["left_arm"]
    bare = Variant(demo_urdf)
    bare.joint("neck_yaw").remove(bare.limit("neck_yaw"))
    with pytest.raises(RobotError, match="joint 'neck_yaw' has no position limits"):
        mapped(bare)
    assert mapped(bare, {"exclude": ["neck_yaw"]}).head == ("neck_pitch", "neck_roll")


def test_placeholder_velocities_are_warned_about(demo_urdf):
    variant = Variant(demo_urdf)
    variant.limit("left_elbow").set("velocity", "100")
    robot = RobotModel.from_string(variant.text)
    found = map_robot(robot)
    assert any("left_elbow" in w and "placeholder" in w for w in found.warnings)
    flags = {row.joint: row.flags for row in mapping_table(robot, found)}
    assert flags["left_elbow"] == "placeholder velocity"


def test_table_holds_every_mapped_joint_once(demo_urdf, plain):
    robot = RobotModel.from_file(demo_urdf)
    rows = mapping_table(robot, plain)
    assert sorted(r.joint for r in rows) == sorted(plain.joints)
    roles = {r.joint: (r.human, r.role) for r in rows}
    assert roles["left_elbow"] == ("left_elbow", "elbow")
    assert roles["right_wrist_roll"] == ("right_wrist", "wrist")
    assert roles["left_thumb_1"][1] == "opposition"
    assert len(format_table(rows).splitlines()) == len(rows) + 1


def test_yaml_round_trip(demo_urdf, plain):
    robot = RobotModel.from_file(demo_urdf)
    again = map_robot(robot, read_override(to_yaml(plain)))
    assert again.to_dict() == plain.to_dict()
    assert again.groups == plain.groups


def test_overrides_have_the_last_word(demo_urdf):
    variant = Variant(demo_urdf)
    found = mapped(
        variant,
        {
            "right_arm": None,
            "face": None,
            "exclude": ["neck_roll"],
            "left_arm": {
                "joints": list(arm_names("left"))[:5],
                "palm_normal": [1, 0, 0],
                "finger_direction": [0, 0, -1],
            },
            "torso": {"joints": ["waist_yaw"]},
            "forward": [0, 1, 0],
            "left_hand": None,
        },
    )
    assert found.missing == ("right_arm", "left_hand", "right_hand", "face")
    assert found.head == ("neck_yaw", "neck_pitch")
    assert found.torso == ("waist_yaw",)
    assert found.arms["left"].joints == arm_names("left")[:5]
    np.testing.assert_allclose(found.arms["left"].palm[:, 1], [1, 0, 0], atol=1e-9)
    np.testing.assert_allclose(found.body[:, 1], [-1, 0, 0], atol=1e-9)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ({"legs": {}}, "section 'legs' is unknown"),
        ({"head": {"joints": ["nose"]}}, "nose"),
        ({"head": "neck_yaw"}, "must be a table"),
        ({"head": {"joints": "neck_yaw"}}, "must be a list of joint names"),
        ({"forward": [0, 0, 1]}, "horizontal"),
        ({"forward": "north"}, "three numbers"),
        ({"left_arm": {"elbow": "neck_yaw"}}, "not among the arm's joints"),
        ({"left_hand": {"toe": []}}, "'toe' is unknown"),
        ({"left_hand": {"index": [{"joint": "left_index_1"}]}}, "it needs joint, open, closed"),
        ({"face": [{"joint": "jaw", "shapes": [["grin", 1, 1]]}]}, "unknown ARKit shapes: grin"),
        ({"head": {"joints": ["left_elbow"]}}, "mapped twice"),
        ({"head": {"joints": ["neck_yawn"]}}, "did you mean neck_yaw?"),
        ({"head": {"joints": ["left_index_3"]}}, "a joint that nothing drives"),
        ({"left_arm": {"elbows": "left_elbow"}}, "'left_arm.elbows' is unknown; it must be one of: joints, elbow"),
        (
            {"face": [{"joint": "jawz", "shapes": []}]},
            "'face[0]' names the joint 'jawz', which the robot does not have",
        ),
        ({"face": [{"joint": "jaw", "shapes": [["jawOpn", 1, 1]]}]}, "did you mean jawOpen?"),
        ({"face": "jaw"}, "must be a list of rows"),
        ({"left_hand": {"index": 3}}, "must be a list of rows"),
        ({"up": [0, 0, 0]}, "must be a direction"),
        (
            {"motion": {"amplitude": 3}},
            "'motion.amplitude' is 3; it must be a number in [0, 1]: a map file can only",
        ),
        ({"motion": {"amplitude": 1.5}}, "'motion.amplitude' is 1.5; it must be a number in [0, 1]"),
        ({"neck_roll": None}, "It is a joint of the robot: exclude: [neck_roll] leaves it alone"),
        ({"motion": {"max_link_speed": 0}}, "'motion.max_link_speed' is 0; it must be a positive number"),
        ({"motion": {"speed": 1}}, "'motion.speed' is unknown; it must be one of: amplitude, max_link_speed"),
        ({"motion": 3}, "must be a table"),
    ],
)
def test_bad_overrides_are_one_sentence(demo_urdf, override, says):
    with pytest.raises(RobotError) as caught:
        mapped(Variant(demo_urdf), override)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_wrong_in_a_file_is_said_with_its_line(demo_urdf):
    text = "# mine\nforward: [1, 0, 0]\nleft_arm:\n  joints: [left_shoulder_pitch, left_elbov]\n"
    with pytest.raises(RobotError, match=r"^map.yaml, line 4: 'left_arm.joints' names .* did you mean left_elbow"):
        mapped(Variant(demo_urdf), read_override(text, "map.yaml"))
    with pytest.raises(RobotError, match=r"^map.yaml, line 2: section 'hed' is unknown"):
        mapped(Variant(demo_urdf), read_override("forward: [1, 0, 0]\nhed: {}\n", "map.yaml"))
    rows = "left_hand:\n  index:\n  - {joint: left_index_1}\n"
    with pytest.raises(RobotError, match=r"^map.yaml, line 3: 'left_hand.index\[0\]' is .* it needs joint"):
        mapped(Variant(demo_urdf), read_override(rows, "map.yaml"))


def test_the_same_trouble_of_many_joints_is_told_once(demo_urdf):
    variant = Variant(demo_urdf)
    for joint in arm_names("left"):
        variant.joint(joint).remove(variant.limit(joint))
    with pytest.raises(RobotError) as caught:
        mapped(variant)
    message = str(caught.value)
    assert message.count("no position limits") == 1
    assert "joints 'left_shoulder_pitch', 'left_shoulder_roll'" in message
    assert all(f"'{n}'" in message for n in arm_names("left"))


def test_fingers_without_limits_are_left_out(demo_urdf):
    variant = Variant(demo_urdf)
    variant.joint("left_pinky_2").remove(variant.limit("left_pinky_2"))
    found = mapped(variant)
    assert "left_pinky_1" in found.groups["left_hand"]
    assert "left_pinky_2" not in found.joints
    assert any("left_pinky_2" in w for w in found.warnings)


def test_a_profile_of_its_own(demo_urdf):
    found = mapped(Variant(demo_urdf), read_override("motion: {amplitude: 0.5, acceleration_arms: 9}\n"))
    assert (found.profile.amplitude, found.profile.acceleration) == (0.5, {"arms": 9.0})
    assert found.profile.max_link_speed == float("inf")


def test_bad_yaml():
    with pytest.raises(RobotError, match="not valid YAML"):
        read_override("head: [")
    with pytest.raises(RobotError, match="not a table"):
        read_override("- head")
    assert read_override("") == {}
