"""Real robots with no hand-written file. The pip packages that carry them are optional: absent ones are skipped."""

from __future__ import annotations

import sysconfig
import time
from pathlib import Path

import numpy as np
import pytest

from speech_gesture_pkg.cli.robot_poses import pose_motion
from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.retargeting.ik_retargeter import IkRetargeter
from speech_gesture_pkg.robot.joint_map.auto_map import map_robot
from speech_gesture_pkg.robot.model import RobotModel

SITE = Path(sysconfig.get_paths()["purelib"])
EXAMPLES = SITE / "cmeel.prefix" / "share" / "example-robot-data" / "robots"
ROBOTS = {
    "g1": EXAMPLES / "g1_description/urdf/g1_29dof_with_hand_rev_1_0.urdf",
    "talos": EXAMPLES / "talos_data/robots/talos_full_v2.urdf",
    "romeo": EXAMPLES / "romeo_description/urdf/romeo.urdf",
    "icub": EXAMPLES / "icub_description/robots/icub.urdf",
    "tiago_dual": EXAMPLES / "tiago_description/robots/tiago_dual.urdf",
    "baxter": EXAMPLES / "baxter_description/urdf/baxter.urdf",
    "pr2": EXAMPLES / "pr2_description/urdf/pr2.urdf",
    "go2": EXAMPLES / "go2_description/urdf/go2.urdf",
    "pepper": SITE / "qibullet/robot_data/pepper.urdf",
    "nao": SITE / "qibullet/robot_data/nao.urdf",
}
PACKAGES = {"pepper": "qibullet", "nao": "qibullet"}

# Joints per part: left arm, right arm, head, waist, left hand, right hand; the two elbows.
PARTS = {
    "g1": ((7, 7, 0, 3, 7, 7), "left_elbow_joint", "right_elbow_joint"),
    "talos": ((7, 7, 2, 2, 1, 1), "arm_left_4_joint", "arm_right_4_joint"),
    "romeo": ((7, 7, 4, 1, 0, 0), "LElbowYaw", "RElbowYaw"),
    "icub": ((7, 7, 3, 3, 0, 0), "l_elbow", "r_elbow"),
    "tiago_dual": ((7, 7, 2, 0, 29, 29), "arm_left_4_joint", "arm_right_4_joint"),
    "baxter": ((7, 7, 1, 0, 1, 1), "left_e1", "right_e1"),
    "pr2": ((7, 7, 2, 0, 1, 1), "l_elbow_flex_joint", "r_elbow_flex_joint"),
    "pepper": ((5, 5, 2, 2, 1, 1), "LElbowRoll", "RElbowRoll"),
    "nao": ((5, 5, 2, 0, 1, 1), "LElbowRoll", "RElbowRoll"),
}
GROUPS = ("left_arm", "right_arm", "head", "torso", "left_hand", "right_hand")


def model(name: str) -> RobotModel:
    if not ROBOTS[name].is_file():
        pytest.skip(f"{name}: pip package {PACKAGES.get(name, 'example-robot-data')} is not installed")
    return RobotModel.from_file(ROBOTS[name])


@pytest.mark.parametrize("name", PARTS)
def test_parts_are_found_without_a_hand_written_file(name):
    found = map_robot(model(name))
    counts, left, right = PARTS[name]
    assert tuple(len(found.groups.get(g, ())) for g in GROUPS) == counts
    assert (found.arms["left"].elbow, found.arms["right"].elbow) == (left, right)
    # Left is on the left of the way it faces, and the palms are mirror images of each other.
    one, two = (found.body.T @ found.arms[s].shoulder for s in ("left", "right"))
    assert one[1] > two[1]
    palms = [found.body.T @ found.arms[s].palm[:, 1] for s in ("left", "right")]
    np.testing.assert_allclose(palms[0], palms[1] * [1, -1, 1], atol=0.45)


@pytest.mark.parametrize("name", PARTS)
def test_loading_takes_less_than_two_seconds(name):
    robot = model(name)
    began = time.perf_counter()
    robot = RobotModel.from_file(robot.source)
    map_robot(robot)
    assert time.perf_counter() - began < 2.0  # 0.05 s on a quiet machine


def test_icub_faces_the_back_of_its_root_link():
    found = map_robot(model("icub"))
    np.testing.assert_allclose(found.body[:, 0], [-1, 0, 0], atol=0.02)
    assert any("placeholders" in w for w in found.warnings)


def test_hands_of_pepper_and_nao_close_where_their_fingers_meet():
    for name, joint in (("pepper", "LHand"), ("nao", "LHand")):
        row = map_robot(model(name)).hands["left"]["index"][0]
        assert row.joint == joint
        assert row.closed < row.open


def test_joints_that_gestures_do_not_need_may_lack_limits():
    """TIAGo's casters have none, Romeo's hands have the velocity 0."""
    assert any("caster" in w for w in map_robot(model("tiago_dual")).warnings)
    assert any("LHand" in w for w in map_robot(model("romeo")).warnings)


def test_quadrupeds_are_refused_with_the_reason():
    with pytest.raises(RobotError, match="no arms"):
        map_robot(model("go2"))


@pytest.mark.parametrize("name", ["g1", "talos", "pepper", "nao", "icub"])
def test_gestures_keep_their_meaning(name):
    """Forearms go where the human's go (independent of the solver: positions of the links), arms hang at rest."""
    robot = model(name)
    found = map_robot(robot)
    retargeter = IkRetargeter(robot, found)
    assert retargeter.collision.distance(retargeter.rest[None])[0] > 0

    def forearm(q, side):
        arm = found.arms[side]
        full = robot.neutral()
        full[[robot.joint_index[n] for n in retargeter.joint_names]] = q
        poses = robot.joint_transforms(np.stack([robot.neutral(), full]))
        ends = []
        for point, joint in ((arm.elbow_point, arm.elbow), (arm.wrist_point, arm.joints[-1])):
            k = robot.full_names.index(joint) + 1
            local = np.linalg.inv(poses[k, 0]) @ np.append(point, 1)
            ends.append((poses[k, 1] @ local)[:3])
        bone = found.body.T @ (ends[1] - ends[0])
        return bone / np.linalg.norm(bone)

    for side in ("left", "right"):
        assert forearm(retargeter.rest, side)[2] < (-0.7 if name != "icub" else 0.2)
    q, state = retargeter.step(pose_motion("offer", 90), retargeter.start())
    assert np.isfinite(q).all()
    for side, sign in (("left", 1), ("right", -1)):
        assert forearm(q[-1], side) @ np.array([0.94, sign * 0.33, 0.0]) > 0.85
    q, _ = retargeter.step(pose_motion("point", 90), state)
    assert forearm(q[-1], "right")[0] > 0.85
