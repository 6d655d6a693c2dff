"""LinkPoints: speeds of elbows, wrists and hands against finite differences of the robot's own kinematics."""

from __future__ import annotations

import numpy as np
import pytest
from robot_builder import Builder

from speech_gesture_pkg.robot.joint_map.auto_map import map_robot
from speech_gesture_pkg.robot.link_points import LinkPoints
from speech_gesture_pkg.robot.model import RobotModel


@pytest.fixture(scope="module")
def robot(demo_urdf):
    return RobotModel.from_file(demo_urdf)


@pytest.fixture(scope="module")
def points(robot):
    return LinkPoints(robot, map_robot(robot), robot.joint_names)


def test_points_of_the_demo_humanoid(points):
    for side in ("left", "right"):
        assert {points.names.count(f"{side}_{part}") for part in ("elbow", "wrist")} == {1}
        assert points.names.count(f"{side}_hand") > 3
    elbow, wrist = (points.places[points.names.index(f"left_{p}")] for p in ("elbow", "wrist"))
    np.testing.assert_allclose(elbow, [0, 0.208, 0.98], atol=1e-6)
    np.testing.assert_allclose(wrist, [0, 0.208, 0.74], atol=1e-6)
    hand = points.places[[n == "left_hand" for n in points.names]]
    assert {c for n, c in zip(points.names, points.carriers, strict=True) if n == "left_hand"} == {"left_hand"}
    # A grown-up's hand hanging down, seen from the wrist: long, broad and not thick.
    assert 0.15 < wrist[2] - hand[:, 2].min() < 0.22
    assert 0.07 < np.ptp(hand[:, 0]) < 0.16
    assert np.ptp(hand[:, 1]) < 0.08


def test_no_shape_of_the_hand_is_faster_than_its_points(robot, points):
    random = np.random.default_rng(8)
    neutral = robot.link_transforms(robot.neutral())
    fingers = [robot.joint_index[n] for n in map_robot(robot).groups["left_hand"]]
    for _ in range(10):
        q = random.uniform(robot.lower, robot.upper)
        q[fingers] = robot.neutral()[fingers]
        dq = random.normal(0, 2, len(q))
        dq[fingers] = 0.0
        speeds = points.speeds(q[None], dq[None])[0]
        fastest = max(s for s, n in zip(speeds, points.names, strict=True) if n == "left_hand")
        ahead, behind = (robot.link_transforms(q + h * dq) for h in (1e-6, -1e-6))
        for link in (n for n in neutral if n.startswith(("left_hand", "left_index", "left_thumb", "left_pinky"))):
            for shape in robot.links[link].collisions:
                moved = ((ahead[link] - behind[link]) @ shape.origin)[:3, 3] / 2e-6
                assert np.linalg.norm(moved) <= fastest * (1 + 1e-6)


def test_speeds_are_those_of_finite_differences(robot, points):
    random = np.random.default_rng(3)
    neutral = robot.link_transforms(robot.neutral())
    for _ in range(5):
        q = random.uniform(robot.lower, robot.upper)
        dq = random.normal(0, 2, len(q))
        speeds = points.speeds(q[None], dq[None])[0]
        ahead, behind = (robot.link_transforms(q + h * dq) for h in (1e-6, -1e-6))
        for link, place, speed in zip(points.carriers, points.places, speeds, strict=True):
            local = np.linalg.inv(neutral[link]) @ np.append(place, 1)
            moved = ((ahead[link] - behind[link]) @ local)[:3] / 2e-6
            assert speed == pytest.approx(np.linalg.norm(moved), abs=1e-6)


def test_speeds_are_linear_in_time_and_rows_do_not_mix(robot, points):
    random = np.random.default_rng(4)
    q = random.uniform(robot.lower, robot.upper, (6, len(robot.joint_names)))
    dq = random.normal(0, 1, q.shape)
    together = points.speeds(q, dq)
    one_by_one = np.concatenate([points.speeds(a[None], b[None]) for a, b in zip(q, dq, strict=True)])
    np.testing.assert_allclose(together, one_by_one, atol=1e-12)
    np.testing.assert_allclose(points.speeds(q, 0.1 * dq), 0.1 * together, atol=1e-12)


def test_reach_bounds_the_speed_that_one_joint_gives_in_any_pose(robot, points):
    random = np.random.default_rng(5)
    q = random.uniform(robot.lower, robot.upper, (200, len(robot.joint_names)))
    for j, name in enumerate(robot.joint_names):
        dq = np.zeros_like(q)
        dq[:, j] = 1.0
        assert (points.speeds(q, dq) <= points.reach[:, j] + 1e-9).all(), name
    # The waist and the arms move the hands; fingers, face and neck do not.
    moving = {robot.joint_names[j] for j in np.flatnonzero(points.reach.max(0) > 0)}
    found = map_robot(robot)
    assert moving == {*found.torso, *found.arms["left"].joints, *found.arms["right"].joints}
    # 0.26 + 0.24 m of bones and the hand, corner to corner
    assert 0.65 < points.reach[:, robot.joint_index["left_shoulder_pitch"]].max() < 0.85


def test_joints_that_are_not_commanded_count_as_locked(robot):
    found = map_robot(robot)
    arm = LinkPoints(robot, found, found.arms["left"].joints)
    left = np.array([n.startswith("left") for n in arm.names])
    assert arm.reach.shape == (len(left), 7)
    assert (arm.reach[~left] == 0).all()
    assert (arm.speeds(np.zeros((1, 7)), np.ones((1, 7)))[0, ~left] == 0).all()


def test_a_robot_without_arms_has_no_points():
    b = Builder()
    b.head("base_link", 0.2)
    robot = RobotModel.from_string(b.text)
    points = LinkPoints(robot, map_robot(robot), robot.joint_names)
    assert points.names == ()
    assert points.speeds(np.zeros((2, 2)), np.ones((2, 2))).shape == (2, 0)


def test_frames_without_shapes_count():
    """A tip 0.2 m beyond the wrist, which is a frame and nothing else, is the farthest point of the hand."""
    made = Builder()
    for side in ("left", "right"):
        hand = made.arm("base_link", side, 1.2, wrists=3)
        made.add(f"{side}_tip", hand, (0, 0, -0.2), kind="fixed", radius=0)
    model = RobotModel.from_string(made.text)
    points = LinkPoints(model, map_robot(model), model.joint_names)
    wrist = points.places[points.names.index("left_wrist")]
    hand = points.places[[n == "left_hand" for n in points.names]]
    assert wrist[2] - hand[:, 2].min() == pytest.approx(0.2, abs=1e-6)
