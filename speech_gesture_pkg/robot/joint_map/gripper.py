"""Which way a hand closes that one joint moves: grippers, and fingers that follow a leader by mimic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.robot.joint_map.kinematic_tree import Anatomy

_DECIDED = 0.01
"""Share by which a hand must become more compact for a limit to count as the closed one."""


@dataclass(frozen=True)
class Grip:
    """How a hand closes.

    Attributes:
        opened, closed: the joint's positions, rad or m.
        motion: mean way of the moved points from open to closed, as a share of their mean path: near 1 if all go the
            same way (curling fingers), near 0 if they meet (jaws). Shape [3].
    """

    opened: float
    closed: float
    motion: np.ndarray


def find_grip(tree: Anatomy, joint: int, hand: int) -> Grip | None:
    """How `joint` and its mimics close the hand that the arm joint `hand` carries; None if that cannot be seen.

    Closed is the limit at which the parts of the hand are nearer to each other.
    """
    node, robot = tree.nodes[joint], tree.robot
    if not np.isfinite(node.upper - node.lower):
        return None
    lower, upper = node.lower, node.upper
    if node.turns and upper - lower > np.pi:
        # No grip turns so far: these are limits of the motor. What it can do is about the neutral position.
        lower, upper = max(lower, node.neutral - np.pi / 2), min(upper, node.neutral + np.pi / 2)
    q = np.repeat(robot.neutral()[None], 2, 0)
    q[:, robot.joint_index[node.name]] = lower, upper
    poses = robot.joint_transforms(q)
    members = tree.subtree(hand)
    owner = np.concatenate([[i] * len(tree.nodes[i].points) for i in members])
    places = np.concatenate([_moved(tree, i, poses[i]) for i in members], 1)
    shift = places[1] - places[0]
    path = np.linalg.norm(shift, axis=1)
    moving = path > 1e-4
    other = owner[moving][:, None] != owner[None]
    if not moving.any() or not other.any():
        return None
    spread = [float(np.linalg.norm(p[moving][:, None] - p[None], axis=2)[other].mean()) for p in places]
    if abs(spread[0] - spread[1]) < _DECIDED * max(spread):
        return None
    sign = 1.0 if spread[1] < spread[0] else -1.0
    opened, closed = (lower, upper) if sign > 0 else (upper, lower)
    return Grip(opened, closed, sign * shift[moving].mean(0) / path[moving].mean())


def _moved(tree: Anatomy, index: int, poses: np.ndarray) -> np.ndarray:
    """Points of a node at other poses of its joint `[N, 4, 4]`. Shape [N, P, 3]."""
    rest = tree.poses[index]
    local = (tree.nodes[index].points - rest[:3, 3]) @ rest[:3, :3]
    return local @ poses[:, :3, :3].transpose(0, 2, 1) + poses[:, None, :3, 3]
