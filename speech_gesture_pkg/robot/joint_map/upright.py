"""Which way is up. REP-103 says z; files of other schools (y up, lying) are seen by their heads and legs."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.robot.joint_map.kinematic_tree import UP, Anatomy, hinted, side_of, tokens, unit
from speech_gesture_pkg.robot.model import skew

_HEADS = ("head", "neck", "skull")
_FEET = ("foot", "feet", "ankle", "toe")
_HIPS = ("hip", "pelvis", "thigh")
_DOUBT = 0.5
"""Cosine above which z is up: a robot may lean, or stand with its head far in front."""
_ALIGNED = 0.94
"""Cosine within which a joint's axis counts as a sign of the upward direction."""
_PARALLEL = 0.9995
_MANY = 3
"""So many joints with one direction show a tilted root link where no joint is parallel to z."""


def upright(tree: Anatomy) -> tuple[np.ndarray, str]:
    """The least rotation that takes the robot's upward direction to z, and a warning ("" where z is up).

    Upward leads from the feet, or else from the hips or the whole, to the head; without a head from the feet to the
    whole. It is refined by the axes of the joints, which mostly run along the body's own axes in the neutral pose.

    Returns:
        rotation [3, 3].
    """
    guess = _guess(tree)
    axes = np.array([n.axis for n in tree.nodes[1:] if n.turns]).reshape(-1, 3)
    if not guess.any() or (guess @ UP > _DOUBT and (np.abs(axes @ UP) > _PARALLEL).any()):
        return np.eye(3), ""
    up, count = _refined(axes, guess)
    if guess @ UP > _DOUBT and count < _MANY:
        return np.eye(3), ""
    shown = ", ".join(f"{x:.2f}" for x in up + 0.0)
    return least_turn(up, UP), f"up is ({shown}) in the root link's frame, by head and legs (REP-103 wants z)"


def least_turn(begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The least rotation that takes one unit vector to another. Shape [3, 3]."""
    axis, cosine = np.cross(begin, end), float(begin @ end)
    if cosine < -1 + 1e-9:  # half a turn, about any axis across
        across = unit(np.cross(begin, np.eye(3)[np.argmin(np.abs(begin))]))
        return 2 * np.outer(across, across) - np.eye(3)
    cross = skew(axis[None])[0]
    return np.eye(3) + cross + cross @ cross / (1 + cosine)


def _guess(tree: Anatomy) -> np.ndarray:
    """Upward direction by names, less its part along the line from right to left; zero if names do not show it."""

    def middle(hints: tuple[str, ...]) -> np.ndarray | None:
        found = [n.points.mean(0) for n in tree.nodes[1:] if hinted(n.name, hints) or hinted(n.link, hints)]
        return np.mean(found, 0) if found else None

    whole = np.concatenate([n.points for n in tree.nodes]).mean(0)
    head, feet, hips = (middle(h) for h in (_HEADS, _FEET, _HIPS))
    low = feet if feet is not None else hips if hips is not None and head is not None else whole
    up = (head if head is not None else whole) - low
    left = _left(tree)
    return unit(up - (up @ left) * left) if np.linalg.norm(up) > 0.02 * tree.extent else np.zeros(3)


def _left(tree: Anatomy) -> np.ndarray:
    """Direction from right to left by joints of the same name on both sides; zero without such."""
    pairs: dict[tuple[str, ...], dict[str, np.ndarray]] = {}
    for node in tree.nodes[1:]:
        side = side_of(node.name)
        if side:
            pairs.setdefault(tuple(t for t in tokens(node.name) if side_of(t) != side), {})[side] = node.origin
    apart = [p["left"] - p["right"] for p in pairs.values() if len(p) == 2]
    return unit(np.mean(apart, 0)) if apart else np.zeros(3)


def _refined(axes: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, int]:
    """The direction near the guess that most joint axes share, and how many do; the guess and 0 if there is none."""
    signed = axes * np.where(axes @ guess < 0, -1.0, 1.0)[:, None]
    for cosine in (_ALIGNED, 0.7):
        near = signed[signed @ guess > cosine]
        if len(near):
            alike = near @ near.T > _PARALLEL
            return unit(near[alike[np.argmax(alike.sum(1))]].mean(0)), int(alike.sum(1).max())
    return guess, 0
