"""What `robot check` warns of beyond the joint map."""

from __future__ import annotations

import argparse
import json
import xml.etree.ElementTree as ET

import pytest

from speech_gesture_pkg.cli.common import urdf_of
from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.pipeline.build import load_robot
from speech_gesture_pkg.resources import robot_file

LEGS = ("thigh", "shin", "foot", "leg", "base_link")


def warnings_of(path, capsys) -> list[str]:
    assert main(f"robot check {path} --json".split()) == 0
    return [w for w in json.loads(capsys.readouterr().out)["warnings"] if "hang" in w]


def test_a_map_file_is_checked_with_its_robot(tmp_path, capsys):
    path = tmp_path / "map.yaml"
    path.write_text("exclude: [neck_roll]\nleft_arm: null\n")
    assert main(["robot", "check", "demo", "--map", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["map_file"] == str(path)
    assert found["groups"]["head"] == ["neck_yaw", "neck_pitch"]
    assert "left_arm" not in {k for k, v in found["groups"].items() if v}
    path.write_text("exclude: [nek_roll]\n")
    assert main(["robot", "check", "demo", "--map", str(path)]) == 5
    assert "line 1: 'exclude' names the joint 'nek_roll'" in capsys.readouterr().err
    assert main(["robot", "check", "demo", "g1", "--map", str(path)]) == 4
    assert main(["robot", "check", str(path)]) == 4
    said = capsys.readouterr().err
    assert "map.yaml is a YAML file, not a URDF; a robot's map file is named beside its URDF: " in said
    assert f"`robot check URDF --map {path}`" in said


def test_the_template_says_how_a_joint_is_left_alone(tmp_path, capsys):
    assert main(["robot", "check", "demo", "--yaml", str(tmp_path / "map.yaml")]) == 0
    text = (tmp_path / "map.yaml").read_text()
    (line,) = (x for x in text.splitlines() if x.startswith("# exclude: ["))
    (tmp_path / "map.yaml").write_text(line.removeprefix("# ") + "\n")
    assert main(["robot", "check", "demo", "--map", str(tmp_path / "map.yaml")]) == 0


def test_a_robots_name_is_taken_wherever_a_urdf_is_expected(capsys):
    assert load_robot(GestureConfig().with_values({"robot.urdf": "demo"})).model.name == "demo_humanoid"
    options = argparse.Namespace(urdf="demo", robot="demo")
    assert urdf_of(options) == robot_file("demo")
    with pytest.raises(ConfigError, match="robot 'robby' is unknown; it must be one of: demo, g1"):
        urdf_of(argparse.Namespace(urdf="robby", robot="demo"))


def test_hands_below_the_floor(demo_urdf, tmp_path, capsys):
    """Without its legs, the demo humanoid ends above its hanging hands."""
    assert warnings_of(demo_urdf, capsys) == []
    tree = ET.parse(demo_urdf)
    for link in tree.getroot().iter("link"):
        if any(word in link.get("name") for word in LEGS):
            for shape in link.findall("visual") + link.findall("collision"):
                link.remove(shape)
    tree.write(tmp_path / "bust.urdf")
    (warning,) = warnings_of(tmp_path / "bust.urdf", capsys)
    assert "cm below everything else of the robot" in warning
    assert "give the height of the 'floor' in the robot map" in warning
