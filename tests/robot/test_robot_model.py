"""RobotModel on the bundled humanoid and on small URDFs."""

from __future__ import annotations

import math
import runpy
import shutil
import time

import numpy as np
import pytest

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.robot.model import RobotModel


@pytest.fixture(scope="module")
def robot(demo_urdf):
    return RobotModel.from_file(demo_urdf)


def q_of(robot: RobotModel, **positions: float) -> np.ndarray:
    q = np.zeros(len(robot.joint_names))
    for name, value in positions.items():
        q[robot.joint_index[name]] = value
    return q


def test_joints_of_the_demo_humanoid(robot):
    # 3 waist + 3 neck + 2 x 7 arms + 2 x (4 fingers x 2 + 3 thumb) + jaw, 2 lids, 2 brows
    assert len(robot.joint_names) == 3 + 3 + 14 + 22 + 5
    assert "left_index_3" not in robot.joint_names
    assert (robot.lower < robot.upper).all()
    assert (robot.velocity > 0).all()
    assert {"torso", "head", "left_hand", "right_hand"} <= set(robot.links)


def test_the_urdf_is_what_its_script_writes(demo_urdf, tmp_path):
    script = tmp_path / "make_urdf.py"
    shutil.copy(demo_urdf.with_name("make_urdf.py"), script)
    runpy.run_path(str(script), run_name="__main__")
    assert (tmp_path / demo_urdf.name).read_text() == demo_urdf.read_text()


def test_only_primitives_and_valid_inertias(robot):
    shapes = [s for link in robot.links.values() for s in (*link.visuals, *link.collisions)]
    assert {s.kind for s in shapes} == {"box", "cylinder", "sphere"}
    import xml.etree.ElementTree as ET

    for element in ET.fromstring(robot.urdf).iter("inertia"):
        moments = sorted(float(element.get(k, "nan")) for k in ("ixx", "iyy", "izz"))
        assert moments[0] > 0
        assert moments[0] + moments[1] >= moments[2] * (1 - 1e-9)


def test_stature_is_human(robot):
    poses = robot.link_transforms(np.zeros(len(robot.joint_names)))
    assert 1.30 < poses["head"][2, 3] < 1.45
    arm = np.linalg.norm(poses["left_hand"][:3, 3] - poses["left_upper_arm"][:3, 3])
    assert 0.45 < arm < 0.60


def test_mimic_joints_follow(robot):
    q = q_of(robot, left_index_2=-1.0)
    full = dict(zip(robot.full_names, robot.q_full(q), strict=True))
    assert full["left_index_3"] == pytest.approx(-0.7)
    assert full["right_index_3"] == 0.0


def test_right_hand_rule_in_closed_form(robot):
    """Elbow bent 90 degrees: the hand is one forearm ahead of the elbow; roll 90 degrees out: the arm is level."""
    bent = robot.link_transforms(q_of(robot, left_elbow=-math.pi / 2))
    elbow = bent["left_elbow_link"][:3, 3]
    np.testing.assert_allclose(bent["left_hand"][:3, 3] - elbow, [0.24, 0, 0], atol=1e-9)
    spread = robot.link_transforms(q_of(robot, right_shoulder_roll=-math.pi / 2))
    shoulder = spread["right_upper_arm"][:3, 3]
    np.testing.assert_allclose(spread["right_hand"][:3, 3] - shoulder, [0, -0.5, 0], atol=1e-9)
    nod = robot.link_transforms(q_of(robot, neck_pitch=0.5))["head"]
    np.testing.assert_allclose(nod[:3, 0], [math.cos(0.5), 0, -math.sin(0.5)], atol=1e-9)


def test_batched_kinematics_equal_single(robot):
    random = np.random.default_rng(1)
    q = random.uniform(robot.lower, robot.upper, (4, len(robot.joint_names)))
    batch = robot.joint_transforms(q)
    for k in range(len(q)):
        for link, pose in robot.link_transforms(q[k]).items():
            joint, local = robot.link_frames[link]
            np.testing.assert_allclose(batch[joint, k] @ local, pose, atol=1e-9)


def test_loading_is_quick(demo_urdf):
    best = min(_seconds(lambda: RobotModel.from_file(demo_urdf)) for _ in range(5))
    assert best < 0.15  # 0.01 s on a quiet machine


def _seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def one_joint(
    limit: str = '<limit lower="-1" upper="1" velocity="2" effort="1"/>', kind: str = "revolute", more=""
) -> str:
    return (
        '<robot name="r"><link name="a"/><link name="b"/><link name="c"/>'
        f'<joint name="hinge" type="{kind}"><parent link="a"/><child link="b"/><axis xyz="0 0 1"/>{limit}</joint>'
        f'<joint name="tail" type="fixed"><parent link="b"/><child link="c"/></joint>{more}</robot>'
    )


def test_continuous_joints_have_no_limits_but_a_speed():
    robot = RobotModel.from_string(one_joint('<limit velocity="3" effort="1"/>', "continuous"))
    assert robot.continuous.tolist() == [True]
    assert (robot.lower[0], robot.upper[0], robot.velocity[0]) == (-math.inf, math.inf, 3.0)


def test_placeholder_velocity_is_noted():
    robot = RobotModel.from_string(one_joint('<limit lower="-1" upper="1" velocity="100" effort="1"/>'))
    assert robot.placeholders == ("hinge",)


def test_zero_inertia_and_missing_inertia_do_not_matter():
    heavy = one_joint().replace('<link name="b"/>', '<link name="b"><inertial><mass value="0"/></inertial></link>')
    assert RobotModel.from_string(heavy).joint_names == ("hinge",)


def test_three_hundred_links():
    links = "".join(f'<link name="l{k}"/>' for k in range(301))
    joints = "".join(
        f'<joint name="j{k}" type="revolute"><parent link="l{k}"/><child link="l{k + 1}"/><axis xyz="0 1 0"/>'
        '<limit lower="-1" upper="1" velocity="1" effort="1"/></joint>'
        for k in range(300)
    )
    robot = RobotModel.from_string(f'<robot name="snake">{links}{joints}</robot>')
    assert len(robot.link_transforms(np.zeros(300))) == 301


BAD = {
    "empty": ("", "is empty"),
    "cut off": (one_joint()[:150], "not well-formed XML"),
    "not a robot": ("<sdf/>", "starts with <sdf>"),
    "no links": ('<robot name="r"/>', "no links"),
    "no limit": (one_joint(""), "joint 'hinge' has no position limits"),
    "nan limit": (one_joint('<limit lower="nan" upper="1" velocity="2"/>'), "joint 'hinge' has no position limits"),
    "infinite limit": (one_joint('<limit lower="-inf" upper="1" velocity="2"/>'), "joint 'hinge' has infinite"),
    "lower over upper": (one_joint('<limit lower="1" upper="-1" velocity="2"/>'), "'hinge' has lower 1 > upper -1"),
    "no velocity": (one_joint('<limit lower="-1" upper="1"/>'), "joint 'hinge' has no velocity limit"),
    "zero velocity": (one_joint('<limit lower="-1" upper="1" velocity="0"/>'), "'hinge' has the velocity limit 0"),
    "word as limit": (one_joint('<limit lower="low" upper="1" velocity="2"/>'), "lower='low'"),
    "unknown type": (one_joint(kind="hinge"), "joint type 'hinge' is unknown"),
    "zero axis": (one_joint().replace("0 0 1", "0 0 0"), "joint 'hinge' has a zero axis"),
    "two links": (one_joint(more='<link name="a"/>'), "two links named 'a'"),
    "two joints": (
        one_joint(more='<joint name="tail" type="fixed"><parent link="a"/><child link="c"/></joint>'),
        "two joints named 'tail'",
    ),
    "missing link": (one_joint().replace('<child link="b"/>', '<child link="z"/>'), "'z', which is not there"),
    "two parents": (
        one_joint(more='<joint name="x" type="fixed"><parent link="a"/><child link="c"/></joint>'),
        "link 'c' hangs from joints 'tail' and 'x'",
    ),
    "two roots": (one_joint(more='<link name="alone"/>'), "2 root links"),
    "loop": (
        '<robot name="r"><link name="a"/><link name="b"/>'
        '<joint name="x" type="fixed"><parent link="a"/><child link="b"/></joint>'
        '<joint name="y" type="fixed"><parent link="b"/><child link="a"/></joint></robot>',
        "no root link",
    ),
    "mimic of nothing": (
        one_joint('<limit lower="-1" upper="1" velocity="2"/><mimic joint="ghost"/>'),
        "joint 'hinge' mimics 'ghost'",
    ),
    "mimic of itself": (one_joint('<limit lower="-1" upper="1" velocity="2"/><mimic joint="hinge"/>'), "in a circle"),
    "mimic of a fixed joint": (
        one_joint('<limit lower="-1" upper="1" velocity="2"/><mimic joint="tail"/>'),
        "'tail', a joint that cannot move",
    ),
    "bad origin": (one_joint().replace("<axis", '<origin xyz="0 0"/><axis'), "joint 'hinge': origin xyz is '0 0'"),
    "nan origin": (one_joint().replace("<axis", '<origin xyz="0 0 nan"/><axis'), "must be 3 finite numbers"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_urdfs_are_one_sentence(case):
    text, says = BAD[case]
    with pytest.raises(RobotError) as caught:
        RobotModel.from_string(text, "bad.urdf")
    message = str(caught.value)
    assert says in message
    assert "bad.urdf" in message
    assert "\n" not in message


def test_missing_and_unreadable_files(tmp_path):
    with pytest.raises(RobotError, match="does not exist"):
        RobotModel.from_file(tmp_path / "none.urdf")
    with pytest.raises(RobotError, match="cannot be read"):
        RobotModel.from_file(tmp_path)
    (tmp_path / "binary.urdf").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(RobotError, match="cannot be read"):
        RobotModel.from_file(tmp_path / "binary.urdf")


def test_a_joint_without_usable_limits_is_listed_and_locked():
    second = (
        '<link name="d"/><joint name="good" type="revolute"><parent link="c"/><child link="d"/><axis xyz="0 1 0"/>'
        '<limit lower="-1" upper="1" velocity="2" effort="1"/></joint>'
    )
    robot = RobotModel.from_string(one_joint("", more=second))
    assert list(robot.problems) == ["hinge"]
    assert robot.unlimited == {"hinge"}
    assert (robot.lower[0], robot.upper[0], robot.velocity[0]) == (0, 0, 0)
    crossed = RobotModel.from_string(one_joint('<limit lower="1" upper="-1" velocity="2"/>', more=second))
    assert list(crossed.problems) == ["hinge"]
    assert crossed.unlimited == set()
