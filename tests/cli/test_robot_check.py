"""What `robot check` warns of beyond the joint map."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

from speech_gesture_pkg.cli.main import main

LEGS = ("thigh", "shin", "foot", "leg", "base_link")


def warnings_of(path, capsys) -> list[str]:
    assert main(f"robot check {path} --json".split()) == 0
    return [w for w in json.loads(capsys.readouterr().out)["warnings"] if "hang" in w]


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
