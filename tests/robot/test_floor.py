"""Hands stay above the floor where the file or the robot map says where it is."""

from __future__ import annotations

import numpy as np
import pytest
from retarget_poses import DOWN, held, mirror, posed
from robot_builder import Builder

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.retargeting.ik_retargeter import IkRetargeter
from speech_gesture_pkg.robot.joint_map.auto_map import map_robot
from speech_gesture_pkg.robot.joint_map.report import from_yaml, to_yaml
from speech_gesture_pkg.robot.model import RobotModel

REACH = 0.28 + 0.25 + 0.04 + 0.03
"""From shoulder to the end of the builder's hand, m."""


def low_robot(height: float, root: str = "base_footprint", lift: bool = True) -> RobotModel:
    """Two arms whose shoulders are at `height` over the root link, on a lift that is down."""
    built = Builder(root=root)
    base = built.add("lift", root, (0, 0, 0), (0, 0, 1), (0, 0.4), "prismatic" if lift else "revolute", radius=0)
    for side in ("left", "right"):
        built.arm(base, side, height, wrists=3)
    built.head(base, height + 0.2)
    return RobotModel.from_string(built.text)


def lowest_hand(robot: RobotModel, retargeter: IkRetargeter, q: np.ndarray) -> float:
    """Height of the lowest point of the hands' spheres (0.03 m, 0.04 m beyond the wrist) over poses [T, J]."""
    columns = [robot.joint_index[n] for n in retargeter.joint_names]
    found = np.inf
    for row in np.atleast_2d(q):
        full = robot.neutral()
        full[columns] = row
        poses = robot.link_transforms(full)
        for side in ("left", "right"):
            for joint in ("wrist_roll", "wrist_pitch", "wrist_yaw"):
                centre = poses[f"{side}_{joint}_link"] @ [0, 0, -0.04, 1]
                found = min(found, centre[2] - 0.03)
    return float(found)


HANGING = posed({"left": DOWN, "right": mirror(DOWN)})


def test_hanging_arms_stop_above_the_floor():
    robot = low_robot(0.8 * REACH)
    found = map_robot(robot)
    assert found.floor == 0.0
    assert any("lift as in the neutral pose" in w and "'floor' in the robot map" in w for w in found.warnings)
    retargeter = IkRetargeter(robot, found)
    assert lowest_hand(robot, retargeter, retargeter.rest) > 0.0
    q, _ = retargeter.step(held(HANGING, 60), retargeter.start())
    assert lowest_hand(robot, retargeter, q) > 0.0
    unaware = IkRetargeter(robot, map_robot(robot, {"floor": None}))
    q, _ = unaware.step(held(HANGING, 60), unaware.start())
    assert lowest_hand(robot, unaware, q) < -0.05


def test_a_raised_lift_is_told_by_the_map():
    """The lift stands 0.3 m up: seen from the neutral pose the floor is 0.3 m lower, and arms hang again."""
    robot = low_robot(0.8 * REACH)
    found = map_robot(robot, from_yaml("floor: -0.3"))
    assert found.floor == -0.3
    retargeter = IkRetargeter(robot, found)
    q, _ = retargeter.step(held(HANGING, 60), retargeter.start())
    assert -0.3 < lowest_hand(robot, retargeter, q) < -0.05


def test_a_floor_out_of_reach_changes_nothing():
    robot = low_robot(1.3, lift=False)
    found = map_robot(robot)
    assert found.floor == 0.0
    assert not [w for w in found.warnings if "floor" in w]
    with_floor, without = (IkRetargeter(robot, map_robot(robot, o)) for o in ({}, {"floor": None}))
    np.testing.assert_array_equal(with_floor.rest, without.rest)
    (one, _), (other, _) = (r.step(held(HANGING, 20), r.start()) for r in (with_floor, without))
    np.testing.assert_allclose(one, other, atol=1e-9)


def test_other_roots_are_no_floor():
    assert map_robot(low_robot(0.5, root="base_link")).floor is None


def test_the_yaml_takes_the_floor_back():
    robot = low_robot(0.5)
    text = to_yaml(map_robot(robot))
    assert "\nfloor: 0.0\n" in text
    assert map_robot(robot, from_yaml(text)).floor == 0.0
    with pytest.raises(RobotError, match=r"line 1: 'floor' is 'low'; it must be a height in m, or null"):
        map_robot(robot, from_yaml("floor: low", "map.yaml"))
