"""Robots as files: URDF text, and the YAML that overrides the automatic joint map."""

from __future__ import annotations

import copy
import random
import xml.etree.ElementTree as ET

import numpy as np
import yaml
from mutation import NUMBERS, spoilt_text, spoilt_tree

from speech_gesture_pkg.robot.joint_map.auto_map import map_robot
from speech_gesture_pkg.robot.joint_map.map_file import read_override
from speech_gesture_pkg.robot.model import RobotModel

ARM = ("shoulder_pitch", "shoulder_roll", "elbow", "wrist_yaw")


def small_robot() -> str:
    """Two arms of four joints and a neck, as URDF text."""
    links, joints = ['<link name="base"><visual><geometry><box size="0.2 0.3 0.5"/></geometry></visual></link>'], []

    def add(name: str, parent: str, xyz: str, axis: str, low: float, high: float) -> str:
        child = f"{name}_link"
        shape = '<origin xyz="0 0 -0.1" rpy="0 0 0.1"/><geometry><cylinder radius="0.04" length="0.2"/></geometry>'
        links.append(f'<link name="{child}"><collision>{shape}</collision></link>')
        joints.append(
            f'<joint name="{name}" type="revolute"><parent link="{parent}"/><child link="{child}"/>'
            f'<origin xyz="{xyz}" rpy="0 0 0"/><axis xyz="{axis}"/><limit lower="{low}" upper="{high}" velocity="3" '
            'effort="10"/></joint>'
        )
        return child

    for side, y in (("left", 0.2), ("right", -0.2)):
        parent = "base"
        for name, xyz, axis in zip(
            ARM, (f"0 {y} 0.4", "0 0 0", "0 0 -0.28", "0 0 -0.25"), ("0 1 0", "1 0 0", "0 1 0", "0 0 1"), strict=True
        ):
            parent = add(f"{side}_{name}", parent, xyz, axis, -1.5, 1.5)
    neck = add("neck_yaw", "base", "0 0 0.5", "0 0 1", -1.0, 1.0)
    add("neck_pitch", neck, "0 0 0.05", "0 1 0", -0.5, 0.5)
    return f'<robot name="small">\n{chr(10).join(links + joints)}\n</robot>\n'


TOKENS = (
    *(
        'type="continuous"',
        'type="prismatic"',
        'type="fixed"',
        'type="revolute"',
        '<mimic joint="neck_yaw"/>',
        "<limit/>",
    ),
    *(
        'link="base"',
        'name="base"',
        "left_elbow",
        "left_elbow_link",
        "neck_yaw",
        "<robot>",
        "</robot>",
        "<!--",
        "<![CDATA[",
    ),
    *(
        '<!DOCTYPE r [<!ENTITY a "b">]>',
        "&lt;",
        '<mesh filename="file:///dev/zero"/>',
        '<mesh filename="../../x.stl" scale="1 1 -1"/>',
    ),
)


def spoilt_urdf(rng: random.Random, text: str) -> str:
    """By characters and lines, or by elements and attributes."""
    if rng.random() < 0.4:
        return spoilt_text(rng, text, TOKENS)
    root = ET.fromstring(text)
    for _ in range(rng.randint(1, 4)):
        elements = list(root.iter())
        element, what = rng.choice(elements), rng.randrange(6)
        if what <= 2 and element.attrib:
            key = rng.choice(list(element.attrib))
            words = element.attrib[key].split() or [""]
            words[rng.randrange(len(words))] = rng.choice((*NUMBERS, rng.choice(elements).get("name", ""), "-3.2", "7"))
            element.attrib[key] = " ".join(words).replace("\x00", "")
        elif what == 3 and element.attrib:
            del element.attrib[rng.choice(list(element.attrib))]
        elif what == 4 and len(element):
            element.remove(rng.choice(list(element)))
        else:
            element.append(copy.deepcopy(rng.choice(list(root))))
    return ET.tostring(root, encoding="unicode")


def test_urdf(fuzz):
    whole = small_robot()

    def use(text: str) -> None:
        robot = RobotModel.from_string(text, "fuzz")
        assert np.isfinite(robot.velocity).all()
        assert (robot.lower <= robot.upper).all()
        found = map_robot(robot, strict=False)
        poses = robot.link_transforms(np.clip(np.zeros(len(robot.joint_names)), robot.lower, robot.upper))
        assert all(np.isfinite(pose).all() for pose in poses.values())
        assert set(found.groups) <= {"left_arm", "right_arm", "head", "torso", "left_hand", "right_hand", "face"}

    fuzz.run("urdf", lambda rng: spoilt_urdf(rng, whole), use)


OVERRIDE = {
    "forward": [1, 0, 0],
    "up": [0, 0, 1],
    "floor": 0.0,
    "left_arm": {"joints": [f"left_{j}" for j in ARM], "elbow": "left_elbow", "shoulder": [0.0, 0.2, 0.4]},
    "head": {"joints": ["neck_yaw", "neck_pitch"]},
    "right_arm": None,
    "exclude": ["right_elbow"],
}
OVERRIDE_TOKENS = (
    "left_arm",
    "joints",
    "elbow",
    "exclude",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "!!python/name:os.system ",
    "null",
    "~",
)


def test_override(fuzz):
    robot = RobotModel.from_string(small_robot(), "fuzz")
    text = yaml.safe_dump(OVERRIDE)

    def make(rng: random.Random) -> str:
        if rng.random() < 0.5:
            return spoilt_text(rng, text, OVERRIDE_TOKENS)
        try:
            return yaml.safe_dump(spoilt_tree(rng, OVERRIDE))
        except yaml.YAMLError:
            return text

    def use(given: str) -> None:
        map_robot(robot, read_override(given, "map.yaml"), strict=False)

    fuzz.run("override", make, use)
