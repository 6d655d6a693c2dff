"""Variants of the demo humanoid's URDF for tests: renamed, cut, reordered, turned."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from pathlib import Path

ARM_JOINTS = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow", "wrist_roll", "wrist_pitch", "wrist_yaw")


class Variant:
    """A URDF that can be changed step by step; `text` is the result."""

    def __init__(self, path: Path) -> None:
        self.root = ET.fromstring(path.read_text(encoding="utf-8"))

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
