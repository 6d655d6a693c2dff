"""Finds jaw, lids, brows and antennas by name, and which way they move by geometry and limits."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.robot.joint_map.kinematic_tree import Anatomy, Node, hinted, side_of
from speech_gesture_pkg.robot.joint_map.robot_map import FaceJoint

_ROLES = {
    "jaw": ("jaw", "mouth_open", "chin", "mandible"),
    "lid": ("lid", "blink"),
    "brow": ("brow",),
    "antenna": ("antenna",),
}
_SWING = 0.4
"""How far an antenna swings from its calm position, rad."""


def find_face(tree: Anatomy, taken: set[int]) -> tuple[FaceJoint, ...]:
    """Face joints in the order of the file, outside the joints in `taken`."""
    found = []
    for node in tree.nodes[1:]:
        if not node.actuated or node.index in taken:
            continue
        role = next((r for r, hints in _ROLES.items() if hinted(node.name, hints)), "")
        if role:
            found.append(face_joint(tree, node, role))
    order = {n: i for i, n in enumerate(tree.robot.joint_names)}
    return tuple(sorted(found, key=lambda f: order[f.joint]))


def face_joint(tree: Anatomy, node: Node, role: str) -> FaceJoint:
    """Shapes of one joint. The calm position is zero; a jaw or lid acts towards its farther limit."""
    side = side_of(node.name, node.link)
    sides = [side.capitalize()] if side else ["Left", "Right"]
    share = 1.0 / len(sides)
    far = node.upper if node.upper - node.neutral >= node.neutral - node.lower else node.lower
    near = node.lower if far == node.upper else node.upper
    if role == "jaw":
        return FaceJoint(node.name, role, node.neutral, (("jawOpen", far, 1.0),))
    shapes: list[tuple[str, float, float]] = []
    if role == "lid":
        for s in sides:
            shapes += [
                (f"eyeBlink{s}", far, share),
                (f"eyeSquint{s}", far, 0.4 * share),
                (f"eyeLookDown{s}", far, 0.35 * share),
                (f"eyeWide{s}", near, share),
            ]
        return FaceJoint(node.name, role, node.neutral, tuple(shapes))
    if role == "antenna":
        out = 1.0 if _outward(tree, node) > 0 else -1.0
        reach = [float(np.clip(node.neutral + s * out * _SWING, node.lower, node.upper)) for s in (-1, 1)]
        for s in sides:
            shapes += [(f"browOuterUp{s}", reach[0], share), (f"browDown{s}", reach[1], share)]
        return FaceJoint(node.name, role, node.neutral, (("browInnerUp", reach[0], 0.6), *shapes))
    up, down = (node.upper, node.lower) if _rises(tree, node) > 0 else (node.lower, node.upper)
    shapes.append(("browInnerUp", up, 0.6))
    for s in sides:
        shapes += [(f"browOuterUp{s}", up, 0.6 * share), (f"browDown{s}", down, share)]
    return FaceJoint(node.name, role, node.neutral, tuple(shapes))


def _rises(tree: Anatomy, node: Node) -> float:
    """Upward speed of what a joint carries per unit of its own speed; the wider range if it carries no shape."""
    if not node.turns:
        return float(node.axis[2])
    rise = float(np.cross(node.axis, node.points.mean(0) - node.origin)[2])
    return rise if abs(rise) > 1e-4 else (node.upper - node.neutral) - (node.neutral - node.lower)


def _outward(tree: Anatomy, node: Node) -> float:
    """Speed of an antenna's tip away from the axis through the head's middle, per unit of the joint's speed."""
    tip = node.points[np.argmax(np.linalg.norm(node.points - node.origin, axis=1))]
    if np.linalg.norm(tip - node.origin) < 1e-3:
        tip = node.origin + np.array([0.0, 0.0, 0.1])
    away = node.origin - np.mean([n.origin for n in tree.nodes if n.parent == node.parent and n.name], 0)
    return float(np.cross(node.axis, tip - node.origin) @ (away * [1, 1, 0]))
