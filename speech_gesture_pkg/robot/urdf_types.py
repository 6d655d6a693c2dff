"""What a URDF says, as plain data: shapes, links, joints, the tree."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

PASSIVE_HINTS = ("passive", "unactuated")
"""What the names of joints that nothing drives say."""
MOVING_TYPES = ("revolute", "continuous", "prismatic")
JOINT_TYPES = (*MOVING_TYPES, "fixed", "floating", "planar")


@dataclass(frozen=True)
class Geometry:
    """One visual or collision shape.

    Attributes:
        kind: "box", "cylinder" (capsules too), "sphere" or "mesh".
        size: box edges x, y, z; cylinder (radius, length along z); sphere (radius,), metres; of a mesh its scale
            x, y, z, in which negative numbers mirror it.
        origin: pose of the shape in its link's frame. Shape [4, 4].
        colour: red, green, blue in [0, 1]; None where the file gives none.
        mesh: the file name as written in the URDF, empty for primitives.
        rounded: whether half balls close the ends of a cylinder, beyond its length (a capsule).
    """

    kind: str
    size: tuple[float, ...]
    origin: np.ndarray
    colour: tuple[float, float, float] | None = None
    mesh: str = ""
    rounded: bool = False


@dataclass(frozen=True)
class Link:
    """A link's name and its shapes.

    Attributes:
        mass_box: the solid box with the mass and inertia of the link, where the file gives a usable one: it shows
            roughly where the link is and how big, even if its meshes cannot be read.
        mass: kg; 0 where `mass_box` is None.
    """

    name: str
    visuals: tuple[Geometry, ...] = ()
    collisions: tuple[Geometry, ...] = ()
    mass_box: Geometry | None = None
    mass: float = 0.0


@dataclass(frozen=True)
class Joint:
    """A joint as the URDF states it.

    Attributes:
        kind: one of `JOINT_TYPES`.
        origin: pose of the joint frame in the parent link's frame. Shape [4, 4].
        axis: unit axis in the joint frame. Shape [3].
        lower, upper: position limits, rad or m; NaN where the file gives none.
        velocity: rad/s or m/s; NaN where the file gives none.
        mimic: (joint followed, multiplier, offset) or None.
        unstated: of "lower" and "upper", what its <limit> leaves out; by the URDF specification that is 0.
        soft: soft limits of its <safety_controller>, rad or m; None without any.
        effort: Nm or N; NaN where the file gives none, or no number.
    """

    name: str
    kind: str
    parent: str
    child: str
    origin: np.ndarray
    axis: np.ndarray
    lower: float = math.nan
    upper: float = math.nan
    velocity: float = math.nan
    mimic: tuple[str, float, float] | None = None
    unstated: tuple[str, ...] = ()
    soft: tuple[float, float] | None = None
    effort: float = math.nan


@dataclass(frozen=True)
class Urdf:
    """Links by name, joints in the order of the file, and the root link."""

    name: str
    links: dict[str, Link]
    joints: tuple[Joint, ...]
    root: str
    children: dict[str, list[Joint]] = field(default_factory=dict)

    def depth_first(self) -> list[Joint]:
        """All joints, each after the joint that carries its parent link."""
        ordered: list[Joint] = []
        stack = list(reversed(self.children.get(self.root, [])))
        while stack:
            joint = stack.pop()
            ordered.append(joint)
            stack.extend(reversed(self.children.get(joint.child, [])))
        return ordered
