"""Variants of the demo humanoid's URDF for tests: renamed, cut, reordered, turned."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

ARM_JOINTS = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow", "wrist_roll", "wrist_pitch", "wrist_yaw")


class Variant:
    """A URDF that can be changed step by step; `text` is the result."""

    def __init__(self, path: Path) -> None:
        self.root = ET.fromstring(path.read_text(encoding="utf-8"))

    @classmethod
    def of(cls, text: str) -> Variant:
        """A variant of a URDF that is no file."""
        variant = cls.__new__(cls)
        variant.root = ET.fromstring(text)
        return variant

    @property
    def text(self) -> str:
        return ET.tostring(self.root, encoding="unicode")

    def joint(self, name: str) -> ET.Element:
        found = self.root.find(f"joint[@name='{name}']")
        if found is None:
            raise KeyError(name)
        return found

    def limit(self, name: str) -> ET.Element:
        found = self.joint(name).find("limit")
        if found is None:
            raise KeyError(name)
        return found

    def below(self, link: str) -> set[str]:
        """Links of the subtree under `link`, itself included."""
        found = {link}
        for joint in self.root.findall("joint"):
            parent, child = joint.find("parent"), joint.find("child")
            if parent is not None and child is not None and parent.get("link") == link:
                found |= self.below(str(child.get("link")))
        return found

    def cut(self, joint: str) -> Variant:
        """Remove a joint and everything beyond it."""
        child = self.joint(joint).find("child")
        gone = self.below(str(child.get("link"))) if child is not None else set()
        for element in list(self.root):
            if element.tag == "link" and element.get("name") in gone:
                self.root.remove(element)
            if element.tag == "joint":
                ends = [e.get("link") for e in (element.find("parent"), element.find("child")) if e is not None]
                if set(ends) & gone:
                    self.root.remove(element)
        return self

    def rename(self, table: dict[str, str]) -> Variant:
        """Rename joints and links."""
        for element in self.root.iter():
            for key in ("name", "link", "joint"):
                if element.get(key) in table:
                    element.set(key, table[str(element.get(key))])
        return self

    def anonymous_arms(self) -> dict[str, str]:
        """Give joints and links of arms and hands meaningless names. Returns old name -> new name of the joints."""
        links = self.below("left_shoulder_pitch_link") | self.below("right_shoulder_pitch_link")
        joints = [
            str(j.get("name"))
            for j in self.root.findall("joint")
            if (child := j.find("child")) is not None and child.get("link") in links
        ]
        table = {n: f"m{k:02d}" for k, n in enumerate(sorted(joints, key=lambda n: n[::-1]))}
        self.rename(table | {n: f"part{k:02d}" for k, n in enumerate(sorted(links, key=lambda n: n[::-1]))})
        return table

    def reverse_order(self) -> Variant:
        """Joints in the opposite order in the file."""
        joints = self.root.findall("joint")
        for joint in joints:
            self.root.remove(joint)
        self.root.extend(reversed(joints))
        return self

    def yawed(self, degrees: float) -> Variant:
        """The whole robot turned about z under a new root link."""
        ET.SubElement(self.root, "link", name="turned_root")
        joint = ET.SubElement(self.root, "joint", name="turn", type="fixed")
        ET.SubElement(joint, "parent", link="turned_root")
        ET.SubElement(joint, "child", link="base_link")
        ET.SubElement(joint, "origin", xyz="0 0 0", rpy=f"0 0 {math.radians(degrees)}")
        return self

    def meaningless(self, rng: np.random.Generator) -> dict[str, str]:
        """Every joint and link gets a name without meaning, in random order. Returns old name -> new name."""
        names = [str(e.get("name")) for e in self.root if e.tag in ("link", "joint")]
        table = {n: f"q{k:03d}" for n, k in zip(names, rng.permutation(len(names)), strict=True)}
        self.rename(table)
        return table

    def twist_frames(self, rng: np.random.Generator, root: Rotation | None = None) -> Variant:
        """Every link frame turned by a random fixed rotation: the same robot, described otherwise.

        The root link's frame is turned by `root`, or stays.
        """
        links = [str(e.get("name")) for e in self.root.findall("link")]
        turn = dict(zip(links, Rotation.random(len(links), random_state=rng), strict=True))
        children = {str(_end(j, "child")) for j in self.root.findall("joint")}
        (base,) = set(links) - children
        turn[base] = root or Rotation.identity()
        for joint in self.root.findall("joint"):
            parent, child = turn[str(_end(joint, "parent"))], turn[str(_end(joint, "child"))]
            place, rotation = _pose(joint)
            _set_pose(joint, parent.inv().apply(place), parent.inv() * rotation * child)
            axis = joint.find("axis")
            if axis is None:
                axis = ET.SubElement(joint, "axis", xyz="1 0 0")
            axis.set("xyz", _text(child.inv().apply([float(v) for v in str(axis.get("xyz")).split()])))
        for link in self.root.findall("link"):
            back = turn[str(link.get("name"))].inv()
            for part in (*link.findall("visual"), *link.findall("collision"), *link.findall("inertial")):
                place, rotation = _pose(part)
                _set_pose(part, back.apply(place), back * rotation)
        return self

    def flip_axes(self, rng: np.random.Generator, share: float = 0.5) -> set[str]:
        """Joints chosen by chance turn the other way round, limits and mimics with them. Returns their names."""
        moving = [j for j in self.root.findall("joint") if j.get("type") in ("revolute", "prismatic", "continuous")]
        flipped = {str(j.get("name")) for j in moving if rng.random() < share}
        for joint in moving:
            name, axis, limit, mimic = joint.get("name"), joint.find("axis"), joint.find("limit"), joint.find("mimic")
            if name in flipped and axis is not None:
                axis.set("xyz", _text([-float(v) for v in str(axis.get("xyz")).split()]))
                if limit is not None and limit.get("lower"):
                    low, high = float(str(limit.get("lower"))), float(str(limit.get("upper")))
                    limit.set("lower", repr(-high))
                    limit.set("upper", repr(-low))
            if mimic is not None:
                both = (name in flipped) != (mimic.get("joint") in flipped)
                mimic.set("multiplier", repr(float(mimic.get("multiplier", "1")) * (-1 if both else 1)))
                mimic.set("offset", repr(float(mimic.get("offset", "0")) * (-1 if name in flipped else 1)))
        return flipped

    def dummy_links(self, rng: np.random.Generator, share: float = 0.3) -> Variant:
        """Links without shape: some between a joint and its parent link, some at the end of nothing."""
        for k, joint in enumerate(self.root.findall("joint")):
            if rng.random() >= share:
                continue
            place, rotation = _pose(joint)
            parent = joint.find("parent")
            if parent is None:
                continue
            ET.SubElement(self.root, "link", name=f"dummy_{k}")
            ET.SubElement(self.root, "link", name=f"leaf_{k}")
            for child, xyz in ((f"dummy_{k}", place), (f"leaf_{k}", place)):
                extra = ET.SubElement(self.root, "joint", name=f"{child}_joint", type="fixed")
                ET.SubElement(extra, "parent", link=str(parent.get("link")))
                ET.SubElement(extra, "child", link=child)
                _set_pose(extra, xyz, Rotation.identity())
            parent.set("link", f"dummy_{k}")
            _set_pose(joint, np.zeros(3), rotation)
        return self


def _end(joint: ET.Element, role: str) -> str | None:
    end = joint.find(role)
    return None if end is None else end.get("link")


def _pose(element: ET.Element) -> tuple[np.ndarray, Rotation]:
    origin = element.find("origin")
    xyz, rpy = ("0 0 0", "0 0 0") if origin is None else (origin.get("xyz", "0 0 0"), origin.get("rpy", "0 0 0"))
    return np.array([float(v) for v in xyz.split()]), Rotation.from_euler("xyz", [float(v) for v in rpy.split()])


def _set_pose(element: ET.Element, place, rotation: Rotation) -> None:
    origin = element.find("origin")
    if origin is None:
        origin = ET.Element("origin")
        element.insert(0, origin)
    origin.set("xyz", _text(place))
    origin.set("rpy", _text(rotation.as_euler("xyz")))


def _text(values) -> str:
    return " ".join(repr(float(v)) for v in values)
