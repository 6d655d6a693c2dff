"""URDFs made to take time, memory or a line of the log: one sentence, soon."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from robot_builder import Builder
from test_bad_urdf import joint, link, robot, snake

from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.robot import urdf_bounds
from speech_gesture_pkg.robot.joint_map.kinematic_tree import Anatomy
from speech_gesture_pkg.robot.joint_map.limbs import find_limbs
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.robot.urdf_limits import FASTEST
from speech_gesture_pkg.viewer.robot import RobotFigure


def test_a_chain_of_20000_joints_is_refused_at_once():
    """It took 72 s, and Pinocchio's matrices grow with the square."""
    text = snake(20_001)
    began = time.process_time()
    with pytest.raises(RobotError, match="has 20001 links; at most 2000 are served"):
        RobotModel.from_string(text)
    with pytest.raises(RobotError, match="has 20001 links; at most 2000 are served"):
        RobotFigure(text)
    assert time.process_time() - began < 5.0


def test_joints_that_move_are_counted_apart():
    with pytest.raises(RobotError, match="has 501 joints that can move; at most 500 are served"):
        RobotModel.from_string(snake(502))
    fixed = snake(1500).replace('type="revolute"', 'type="fixed"')
    assert len(RobotModel.from_string(fixed).links) == 1500


def test_text_of_any_length_is_not_parsed(monkeypatch):
    monkeypatch.setattr(urdf_bounds, "MOST_CHARACTERS", 1000)
    with pytest.raises(RobotError, match=r"has \d+ characters; at most 1000 are read"):
        RobotModel.from_string(snake(50))


def test_reach_is_found_once_a_joint(monkeypatch):
    """A hundred fingers on one link: each was measured against each of the others, three times."""
    built = Builder()
    for k in range(100):
        built.add(f"j{k}", "base_link", (0, 0.01 * k, 0))
    tree = Anatomy(RobotModel.from_string(built.text))
    count = []
    subtree = tree.subtree
    monkeypatch.setattr(tree, "subtree", lambda index: count.append(index) or subtree(index))
    find_limbs(tree)
    assert len(count) < 10 * 100


@pytest.mark.parametrize("what", ["robot", "link", "joint"])
def test_names_that_forge_a_line_are_refused(what):
    forged = "arm&#10;[ERROR] all is lost"
    text = robot(link("base"), link("tip"), joint("elbow", "base", "tip"))
    old = {"robot": 'name="odd"', "link": '"tip"', "joint": '"elbow"'}[what]
    new = f'name="{forged}"' if what == "robot" else f'"{forged}"'
    with pytest.raises(
        RobotError, match=rf"has a {what} named 'arm\\n\[ERROR\] all is lost'; a name must be"
    ) as caught:
        RobotModel.from_string(text.replace(old, new))
    assert "\n" not in str(caught.value)
    with pytest.raises(RobotError, match="most 300 characters"):
        RobotModel.from_string(text.replace(old, new.replace(forged, "x" * 301)))


@pytest.mark.parametrize("value", ["1e300", "-1e300", "2e6"])
def test_limits_beyond_any_joint(demo_urdf, tmp_path, value, capsys):
    tree = ET.fromstring(demo_urdf.read_text())
    limit = tree.find("joint[@name='left_elbow']/limit")
    limit.set("lower", str(min(float(value), -1.0)))
    limit.set("upper", str(max(float(value), 1.0)))
    path = tmp_path / "odd.urdf"
    path.write_text(ET.tostring(tree, encoding="unicode"))
    robot = RobotModel.from_file(path)
    slot = robot.joint_index["left_elbow"]
    assert max(abs(robot.lower[slot]), abs(robot.upper[slot])) == 1e6
    main(["robot", "check", str(path)])
    told = capsys.readouterr()
    assert "farther than any joint goes" in told.out + told.err
    assert max(map(len, (told.out + told.err).splitlines())) < 400


def test_speeds_beyond_any_joint_are_read_as_the_fastest(demo_urdf, tmp_path, capsys):
    path = tmp_path / "odd.urdf"
    path.write_text(demo_urdf.read_text().replace('velocity="7"', 'velocity="1e300"'))
    found = RobotModel.from_file(path)
    assert np.isfinite(np.square(found.velocity)).all()
    assert found.velocity.max() == FASTEST
    assert main(["robot", "check", str(path)]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) < 400
