"""Small robots for tests, built joint by joint."""

from __future__ import annotations

import xml.etree.ElementTree as ET


class Builder:
    """A URDF that grows: links are made with the joints that carry them."""

    def __init__(self, name: str = "built", root: str = "base_link") -> None:
        self.root = ET.Element("robot", name=name)
        self._link(root, (0, 0, 0), 0.0)

    @property
    def text(self) -> str:
        return ET.tostring(self.root, encoding="unicode")

    def _link(self, name: str, centre, radius: float) -> None:
        link = ET.SubElement(self.root, "link", name=name)
        if radius:
            shape = ET.SubElement(link, "collision")
            ET.SubElement(shape, "origin", xyz=" ".join(map(str, centre)))
            ET.SubElement(ET.SubElement(shape, "geometry"), "sphere", radius=str(radius))

    def add(
        self,
        name: str,
        parent: str,
        xyz=(0, 0, 0),
        axis=(0, 1, 0),
        limits=(-1.5, 1.5),
        kind: str = "revolute",
        mimic: tuple[str, float] | None = None,
        centre=(0, 0, -0.05),
        radius: float = 0.01,
        velocity: float = 3.0,
    ) -> str:
        """A joint and the link that it carries; returns the link's name."""
        link = f"{name}_link"
        self._link(link, centre, radius)
        joint = ET.SubElement(self.root, "joint", name=name, type=kind)
        ET.SubElement(joint, "parent", link=parent)
        ET.SubElement(joint, "child", link=link)
        ET.SubElement(joint, "origin", xyz=" ".join(map(str, xyz)))
        ET.SubElement(joint, "axis", xyz=" ".join(map(str, axis)))
        low, high = map(str, limits)
        ET.SubElement(joint, "limit", lower=low, upper=high, velocity=str(velocity), effort="1")
        if mimic:
            ET.SubElement(joint, "mimic", joint=mimic[0], multiplier=str(mimic[1]))
        return link

    def arm(self, parent: str, side: str, height: float, wrists: int = 1, front: float = 1.0, names=None) -> str:
        """A hanging arm: shoulder pitch, roll, yaw, elbow, then forearm roll, wrist pitch, wrist yaw."""
        y = (0.2 if side == "left" else -0.2) * front
        names = names or [f"{side}_{n}" for n in ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow")] + [
            f"{side}_wrist_{n}" for n in ("roll", "pitch", "yaw")
        ]
        link = self.add(names[0], parent, (0, y, height), (0, 1, 0), (-3, 1.5), centre=(0, 0, 0))
        link = self.add(names[1], link, axis=(1, 0, 0), limits=(-0.2, 2.5) if y > 0 else (-2.5, 0.2), centre=(0, 0, 0))
        link = self.add(names[2], link, axis=(0, 0, 1), centre=(0, 0, -0.15), radius=0.04)
        bend = (-2.4, 0.0) if front > 0 else (0.0, 2.4)
        link = self.add(names[3], link, (0, 0, -0.28), (0, 1, 0), bend, centre=(0, 0, -0.12), radius=0.035)
        axes = ((0, 0, 1), (0, 1, 0), (1, 0, 0))
        for k in range(wrists):
            place = (0, 0, -0.25) if k == 0 else (0, 0, 0)
            link = self.add(names[4 + k], link, place, axes[k], (-1.2, 1.2), centre=(0, 0, -0.04), radius=0.03)
        return link

    def head(self, parent: str, height: float) -> str:
        link = self.add("neck_yaw", parent, (0, 0, height), (0, 0, 1), centre=(0, 0, 0.02))
        return self.add("neck_pitch", link, (0, 0, 0.04), (0, 1, 0), (-0.6, 0.6), centre=(0, 0, 0.1), radius=0.08)
