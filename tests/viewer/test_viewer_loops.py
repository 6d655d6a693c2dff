"""Heads on six legs in a drawing: rods and plate are where the motors put them."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation
from stewart_robot import stewart

from speech_gesture_pkg.retargeting.stewart_neck_retargeter import StewartNeckRetargeter
from speech_gesture_pkg.robot.joint_map.auto_map import map_robot
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.viewer.robot import RobotFigure

TEXT = stewart(np.random.default_rng(3))


def test_passive_joints_follow_the_motors():
    """The frames that mark one point of a loop stay at one place, whatever the passive joints are said to be."""
    figure = RobotFigure(TEXT)
    robot = RobotModel.from_string(TEXT)
    platform = map_robot(robot).platform
    motors, reached = platform.reach(Rotation.from_rotvec([[0.0, 0.25, 0.1]]).as_matrix())
    q = dict(zip(platform.joints, motors[0].tolist(), strict=True)) | {"passive_0_x": 1.0}
    poses = dict(zip(figure.link_names, figure.transforms(q), strict=True))
    for k in range(5):
        one, two = (poses[f"end_{k}_{letter}_link"][:3, 3] for letter in "ab")
        np.testing.assert_allclose(one, two, atol=1e-6)
    np.testing.assert_allclose(poses["end_0_b_link"][:3, :3], reached[0], atol=1e-6)


def test_the_same_as_the_retargeter_shows():
    robot = RobotModel.from_string(TEXT)
    retargeter = StewartNeckRetargeter(robot, (found := map_robot(robot)), found.platform, None)
    q = retargeter.rest.copy()
    q[-6:] = found.platform.reach(Rotation.from_rotvec([[0.2, 0.0, 0.0]]).as_matrix())[0][0]
    figure = RobotFigure(TEXT)
    shown = robot.neutral()
    for name, value in retargeter.shown(q).items():
        shown[robot.joint_index[name]] = value
    poses = robot.link_transforms(shown)
    named = dict(zip(retargeter.joint_names, q.tolist(), strict=True))
    for link, pose in zip(figure.link_names, figure.transforms(named), strict=True):
        np.testing.assert_allclose(pose, poses[link], atol=1e-6)


def test_impossible_motors_leave_the_last_pose():
    figure = RobotFigure(TEXT)
    names = [n for n in figure.joint_names if n.startswith("motor_")]
    before = figure.transforms(dict.fromkeys(names, 0.05))
    wild = figure.transforms(dict(zip(names, (3.0, -3.0, 3.0, -3.0, 3.0, -3.0), strict=True)))
    assert np.isfinite(wild).all()
    assert np.isfinite(before).all()


def test_other_robots_are_left_alone(demo_urdf):
    assert RobotFigure.from_file(demo_urdf)._loops is None
