"""The joint tree of a robot in its neutral pose, and the geometry that the mapping reads from it."""

from __future__ import annotations

import re
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.robot.urdf_types import PASSIVE_HINTS, Link

_TOKEN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_LEFT, _RIGHT = frozenset({"left", "l", "lft"}), frozenset({"right", "r", "rgt"})

UP = np.array([0.0, 0.0, 1.0])


def tokens(name: str) -> list[str]:
    """Lower-case words of a name: "LShoulderPitch_2" gives l, shoulder, pitch, 2."""
    return [t.lower() for t in _TOKEN.findall(name)]


def side_of(*names: str) -> str:
    """ "left" or "right" if the names say so (and agree), else an empty string."""
    words = [t for n in names for t in tokens(n)]
    left, right = sum(t in _LEFT for t in words), sum(t in _RIGHT for t in words)
    return "left" if left > right else "right" if right > left else ""


def hinted(name: str, hints: tuple[str, ...]) -> bool:
    """Whether any hint occurs in a name, ignoring case."""
    low = name.lower()
    return any(h in low for h in hints)


@dataclass(frozen=True)
class Node:
    """A moving joint in the neutral pose; all vectors in the root link's frame.

    Attributes:
        index: place in the Pinocchio model (0 is the root link, which has no joint).
        name: joint name ("" for the root).
        link: the link that the joint carries.
        parent: index of the joint before it.
        origin, axis: of the joint. Shape [3].
        points: centres of the shapes that move rigidly with it (of the mass, for meshes), or its origin. Shape [P, 3].
        actuated: False for mimic joints, passive joints of closed chains, and joints whose range is empty.
        passive: whether its name says that nothing drives it.
        problem: whether its limits cannot be used; its range counts as empty.
        followed: whether other joints mimic it.
    """

    index: int
    name: str
    link: str
    parent: int
    origin: np.ndarray
    axis: np.ndarray
    points: np.ndarray
    actuated: bool
    passive: bool
    problem: bool
    followed: bool
    turns: bool
    lower: float
    upper: float
    neutral: float


class Anatomy:
    """Nodes of a robot with tree queries."""

    def __init__(self, robot: RobotModel) -> None:
        self.robot = robot
        neutral = robot.neutral()
        poses = robot.joint_transforms(neutral[None])[:, 0]
        self.poses = poses
        by_child = {j.child: j for j in robot.tree.joints}
        shapes: list[list[np.ndarray]] = [[] for _ in poses]
        for link, (index, local) in robot.link_frames.items():
            frame = poses[index] @ local
            shapes[index] += [(frame @ pose)[:3, 3] for pose in _centres(robot.links[link])]
        carriers = {index: link for link, (index, local) in reversed(robot.link_frames.items())}
        links = {0: robot.root}
        for link, joint in by_child.items():
            if joint.name in robot.full_names:
                links[robot.full_names.index(joint.name) + 1] = link
        followed = {j.mimic[0] for j in robot.tree.joints if j.mimic}
        self.nodes: list[Node] = []
        for i, pose in enumerate(poses):
            name = robot.full_names[i - 1] if i else ""
            slot = robot.joint_index.get(name, -1)
            problem, passive = name in robot.problems, hinted(name, PASSIVE_HINTS)
            usable = slot >= 0 and not problem and robot.upper[slot] > robot.lower[slot]
            self.nodes.append(
                Node(
                    i,
                    name,
                    links.get(i, carriers.get(i, "")),
                    robot.parents[i] if i else -1,
                    pose[:3, 3],
                    pose[:3, :3] @ (robot.axes[i - 1] if i else UP),
                    np.array(shapes[i] or [pose[:3, 3]]),
                    bool(usable or (problem and slot >= 0)) and not passive,
                    passive,
                    problem,
                    name in followed,
                    bool(i and not robot.slides[i - 1]),
                    float(robot.lower[slot]) if usable else 0.0,
                    float(robot.upper[slot]) if usable else 0.0,
                    float(neutral[slot]) if usable else 0.0,
                )
            )
        self.children: list[list[int]] = [[] for _ in poses]
        for node in self.nodes[1:]:
            self.children[node.parent].append(node.index)
        self._subtrees: dict[int, list[int]] = {}
        self._reaches: dict[int, float] = {}
        # Parents come before their children: from the end, each node hands on whether it or anything below is driven.
        self._drives = [n.actuated for n in self.nodes]
        for node in reversed(self.nodes[1:]):
            self._drives[node.parent] = self._drives[node.parent] or self._drives[node.index]
        everything = np.concatenate([n.points for n in self.nodes])
        self.low, self.high = everything.min(0), everything.max(0)
        self.extent = max(float(np.linalg.norm(self.high - self.low)), 1e-3)
        """Diagonal of the box round the robot, m."""

    def turned(self, rotation: np.ndarray) -> Anatomy:
        """The same tree seen from a root frame that is turned: all vectors times `rotation` [3, 3]."""
        if np.array_equal(rotation, np.eye(3)):
            return self
        other = copy(self)
        other._reaches = {}
        other.nodes = [
            replace(n, origin=rotation @ n.origin, axis=rotation @ n.axis, points=n.points @ rotation.T)
            for n in self.nodes
        ]
        turn = np.eye(4)
        turn[:3, :3] = rotation
        other.poses = turn @ self.poses
        everything = np.concatenate([n.points for n in other.nodes])
        other.low, other.high = everything.min(0), everything.max(0)
        return other

    def subtree(self, index: int) -> list[int]:
        """Indices below and including `index`, depth first."""
        if index not in self._subtrees:
            found, stack = [], [index]
            while stack:
                found.append(stack.pop())
                stack += reversed(self.children[found[-1]])
            self._subtrees[index] = found
        return list(self._subtrees[index])

    def path(self, index: int) -> list[int]:
        """Indices from the root (0) to `index`."""
        found = [index]
        while found[-1] > 0:
            found.append(self.nodes[found[-1]].parent)
        return found[::-1]

    def reach(self, index: int) -> float:
        """Greatest distance from a joint's origin to anything that it carries, m."""
        if index not in self._reaches:
            points = np.concatenate([self.nodes[i].points for i in self.subtree(index)])
            self._reaches[index] = float(np.linalg.norm(points - self.nodes[index].origin, axis=1).max())
        return self._reaches[index]

    def driven(self, index: int) -> list[int]:
        """Children whose subtree holds an actuated joint."""
        return [c for c in self.children[index] if self._drives[c]]

    def names(self, indices: list[int]) -> list[str]:
        """Joint and link names of some nodes."""
        return [n for i in indices for n in (self.nodes[i].name, self.nodes[i].link)]


def _centres(link: Link) -> list[np.ndarray]:
    """Poses of a link's shapes: a mesh is where the link's mass is (its own origin says little)."""
    shapes = link.collisions or link.visuals
    plain = [shape.origin for shape in shapes if shape.kind != "mesh"]
    if len(plain) == len(shapes) and shapes:
        return plain
    return [*plain, link.mass_box.origin] if link.mass_box else [shape.origin for shape in shapes]


def line_distance(point: np.ndarray, node: Node) -> float:
    """Distance of a point from a joint's axis, m."""
    offset = point - node.origin
    return float(np.linalg.norm(offset - (offset @ node.axis) * node.axis))


def nearest_on_axis(point: np.ndarray, node: Node) -> np.ndarray:
    """Point of a joint's axis nearest to `point`. Shape [3]."""
    return node.origin + ((point - node.origin) @ node.axis) * node.axis


def meeting_point(nodes: list[Node]) -> tuple[np.ndarray, float]:
    """Least-squares intersection of joint axes.

    Returns:
        the point [3] (for parallel axes, the one nearest to the joints' origins) and its largest distance to an
        axis, m.
    """
    centre = np.mean([n.origin for n in nodes], 0)
    system, right = 1e-6 * np.eye(3), 1e-6 * centre
    for node in nodes:
        across = np.eye(3) - np.outer(node.axis, node.axis)
        system, right = system + across, right + across @ node.origin
    point = np.linalg.solve(system, right)
    return point, max(line_distance(point, n) for n in nodes)


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector at length 1; zero stays zero."""
    length = np.linalg.norm(vector)
    return vector / length if length > 1e-9 else np.zeros_like(vector)
