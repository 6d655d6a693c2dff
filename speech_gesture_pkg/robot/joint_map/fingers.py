"""Finds fingers, which way they curl, and the palm they curl into. Joint signs come from geometry, never from names."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.robot.joint_map.gripper import find_grip
from speech_gesture_pkg.robot.joint_map.kinematic_tree import Anatomy, hinted, unit
from speech_gesture_pkg.robot.joint_map.robot_map import FINGERS, FingerJoint

_HINTS = {
    "thumb": ("thumb", "pollex"),
    "index": ("index", "forefinger", "pointer"),
    "middle": ("middle",),
    "ring": ("ring",),
    "pinky": ("pinky", "little"),
}
_SHARES = {
    4: (("index",), ("middle",), ("ring",), ("pinky",)),
    3: (("index",), ("middle",), ("ring", "pinky")),
    2: (("index",), ("middle", "ring", "pinky")),
    1: (("index", "middle", "ring", "pinky"),),
}
_CURLS = 0.5
"""Share of common motion (`Grip.motion`) above which the parts of a hand curl rather than meet as jaws."""
HUMAN_FIST = 4.0
"""Sum of a human finger's three flexions in a fist, rad: a robot finger of one joint is closed there."""


def finger_chains(tree: Anatomy, last: int) -> list[list[int]]:
    """Actuated joints of each finger below the last arm joint; mimic joints follow by themselves."""
    chains = []
    for child in tree.driven(last):
        fork = child
        while len(tree.driven(fork)) == 1:
            fork = tree.driven(fork)[0]
        branches = tree.driven(fork)
        # A finger does not fork into fingers: a joint before the fork moves the palm.
        if len(branches) > 1 and (not tree.nodes[child].actuated or len(_finger_names(tree, branches)) > 1):
            chains += [c for b in branches if (c := _driven_joints(tree, b))]
        elif chain := _driven_joints(tree, child):
            chains.append(chain)
    return chains


def _driven_joints(tree: Anatomy, start: int) -> list[int]:
    return [i for i in tree.subtree(start) if tree.nodes[i].actuated and not tree.nodes[i].problem]


def _finger_names(tree: Anatomy, indices: list[int]) -> set[str]:
    """Fingers that the names of some nodes speak of."""
    return {f for f in FINGERS if any(hinted(n, _HINTS[f]) for n in tree.names(indices))}


def _tip(tree: Anatomy, chain: list[int]) -> np.ndarray:
    """The point of a finger farthest from its base. Shape [3]."""
    base = tree.nodes[chain[0]].origin
    points = np.concatenate([tree.nodes[i].points for i in tree.subtree(chain[0])])
    tip = points[np.argmax(np.linalg.norm(points - base, axis=1))]
    last = tree.nodes[chain[-1]].origin
    if len(chain) > 1 and np.linalg.norm(tip - last) < 2e-3:
        # The file does not say where the last link is: taken to be as long as the one before.
        tip = 2 * last - tree.nodes[chain[-2]].origin
    return tip


def name_fingers(tree: Anatomy, chains: list[list[int]], wrist: np.ndarray) -> dict[str, list[int]]:
    """Finger name -> chain, by name if every name is clear, else by place: the thumb's base is nearest to the wrist."""
    named: dict[str, list[int]] = {}
    for chain in chains:
        match = _finger_names(tree, chain)
        finger = match.pop() if len(match) == 1 else ""
        # Two chains of one name: a motor beside the finger that it moves.
        if finger and len(chain) > len(named.get(finger, ())):
            named[finger] = chain
    if len(named) == len(chains) or len(set(named) - {"thumb"}) >= 2:
        return {f: named[f] for f in FINGERS if f in named}
    rest = list(chains)
    result: dict[str, list[int]] = {}
    if "thumb" in named:
        result["thumb"] = named["thumb"]
        rest.remove(named["thumb"])
    elif len(rest) >= 3:
        thumb = min(rest, key=lambda c: float(np.linalg.norm(tree.nodes[c[0]].origin - wrist)))
        result["thumb"] = thumb
        rest.remove(thumb)
    anchor = tree.nodes[result["thumb"][0]].origin if "thumb" in result else wrist
    rest.sort(key=lambda c: float(np.linalg.norm(tree.nodes[c[0]].origin - anchor)))
    for finger, chain in zip(FINGERS[1:], rest, strict=False):
        result[finger] = chain
    return result


def palm_frame(
    tree: Anatomy, arm: list[int], fingers: dict[str, list[int]], wrist: np.ndarray, elbow: np.ndarray, body: np.ndarray
) -> tuple[np.ndarray, str]:
    """Columns finger direction, palm normal, and their cross product, in the root frame at the neutral pose.

    Returns:
        the frame [3, 3] and a warning ("" if the fingers showed the palm).
    """
    long = {f: c for f, c in fingers.items() if f != "thumb"}
    bases = [tree.nodes[c[0]].origin for c in long.values()]
    forearm = unit(wrist - elbow)
    along = unit(np.mean(bases, 0) - wrist) if bases else np.zeros(3)
    if along @ forearm < 0.5:
        points = np.concatenate([tree.nodes[i].points for i in tree.subtree(arm[-1])])
        ahead = points.mean(0) - wrist
        along = unit(ahead) if unit(ahead) @ forearm > 0.7 and np.linalg.norm(ahead) > 0.02 else forearm
    vote = np.zeros(3)
    gripper = len(fingers) == 1 and len(next(iter(fingers.values()))) == 1
    for chain in long.values():
        tip = _tip(tree, chain)
        for i in chain:
            node = tree.nodes[i]
            if gripper:
                # One jaw says nothing; several fingers that follow one joint curl into the palm.
                grip = find_grip(tree, i, arm[-1])
                vote += 2.0 * grip.motion if grip and np.linalg.norm(grip.motion) > _CURLS else 0.0
                continue
            span = (node.upper - node.neutral) - (node.neutral - node.lower)
            width = node.upper - node.lower
            if node.turns and abs(span) > 0.3 * width:
                vote += np.sign(span) * unit(np.cross(node.axis, tip - node.origin))
    vote = vote - (vote @ along) * along
    warning = ""
    if np.linalg.norm(vote) < 0.5:
        # Arms hang or point ahead with palms facing each other, or spread with palms down (a standing person).
        left = body[:, 1]
        side = np.sign(((wrist + elbow) / 2 - tree.nodes[tree.nodes[arm[0]].parent].origin) @ left) or 1.0
        vote = -side * left if abs(along @ left) < 0.7 else -body[:, 2]
        vote = vote - (vote @ along) * along
        warning = (
            "has no fingers that show where the palm is; the palm is taken to face the body (or down, arms spread)"
        )
    normal = unit(vote)
    return np.stack([along, normal, np.cross(along, normal)], 1), warning


def map_fingers(
    tree: Anatomy, fingers: dict[str, list[int]], palm: np.ndarray, thumb_side: np.ndarray, hand: int
) -> dict[str, tuple[FingerJoint, ...]]:
    """Drive each finger joint by the human angles that it can show.

    Args:
        hand: index of the arm's last joint.
        palm: from `palm_frame`.
        thumb_side: unit vector in the palm's plane on which the human thumb lies. Shape [3].
    """
    count = sum(f != "thumb" for f in fingers)
    shares = dict(zip([f for f in fingers if f != "thumb"], _SHARES.get(count, _SHARES[4]), strict=False))
    if count == 4 and set(fingers) >= set(FINGERS[1:]):
        shares = {f: (f,) for f in FINGERS[1:]}
    result: dict[str, tuple[FingerJoint, ...]] = {}
    for finger, chain in fingers.items():
        whole = len(fingers) == 1 and len(chain) == 1 and tree.nodes[chain[0]].followed
        human = ("thumb",) if finger == "thumb" and not whole else shares.get(finger, _SHARES[1][0])
        alone = len(chain) == 1 and (
            len(fingers) == 1 or tree.nodes[chain[0]].followed or not tree.nodes[chain[0]].turns
        )
        grip = find_grip(tree, chain[0], hand) if alone else None
        if grip is not None and (finger != "thumb" or whole):
            row = FingerJoint(
                tree.nodes[chain[0]].name, grip.opened, grip.closed, (1.0, 1.0, 1.0, 0.0), HUMAN_FIST, human
            )
            result[finger] = (row,)
        else:
            result[finger] = tuple(_drive(tree, finger, chain, human, palm, thumb_side))
    return result


def _drive(
    tree: Anatomy, finger: str, chain: list[int], human: tuple[str, ...], palm: np.ndarray, thumb_side: np.ndarray
) -> list[FingerJoint]:
    tip = _tip(tree, chain)
    along, normal = palm[:, 0], palm[:, 1]
    joints: list[FingerJoint] = []
    curling: list[tuple[int, float]] = []
    for i in chain:
        node = tree.nodes[i]
        move = unit(np.cross(node.axis, tip - node.origin))
        inward = float(move @ normal)
        around = abs(float(node.axis @ along))
        if finger == "thumb" and node.turns and around > 0.75 and len(chain) > 1:
            joints.append(_opposition(tree, i, tip, along, normal, thumb_side))
        elif node.turns and around > 0.75 and len(chain) > 1:
            continue
        elif node.turns and abs(inward) < 0.35 and finger != "thumb" and len(chain) > 1:
            continue  # spreading: stays at neutral
        else:
            span = (node.upper - node.neutral) - (node.neutral - node.lower)
            lopsided = abs(span) > 0.3 * (node.upper - node.lower)
            sign = np.sign(span) if lopsided or abs(inward) < 0.2 else np.sign(inward)
            curling.append((i, float(sign) or 1.0))
    for k, (i, sign) in enumerate(curling):
        node = tree.nodes[i]
        closed = node.upper if sign > 0 else node.lower
        weights = [0.0, 0.0, 0.0, 0.0]
        places: tuple[int, ...]
        if finger == "thumb" and len(curling) < 3:
            # Human thumb: knuckle and end joint flex; its root joint mostly opposes.
            places = (k + 1,) if len(curling) == 2 else (1, 2)
        elif len(curling) == 1:
            places = (0, 1, 2)
        else:
            places = (min(k, 2),)
        for p in places:
            weights[p] = 1.0
        single = len(curling) == 1 and finger != "thumb"
        full = HUMAN_FIST if single or not node.turns else abs(closed - node.neutral)
        w0, w1, w2, w3 = weights
        joints.append(FingerJoint(node.name, node.neutral, closed, (w0, w1, w2, w3), max(full, 1e-3), human))
    return joints


def _opposition(
    tree: Anatomy, i: int, tip: np.ndarray, along: np.ndarray, normal: np.ndarray, thumb_side: np.ndarray
) -> FingerJoint:
    """The thumb's root joint turns it about the hand's axis, from the side of the hand to the front of the palm.

    Human opposition is the azimuth of the thumb about that axis: 0 in the palm's plane, positive in front of the palm.
    """
    node = tree.nodes[i]
    across = thumb_side - (thumb_side @ along) * along
    thumb = tip - node.origin
    azimuth = float(np.arctan2(thumb @ normal, thumb @ unit(across)))
    sign = 1.0 if np.cross(node.axis, unit(across)) @ normal > 0 else -1.0
    start = node.neutral - sign * azimuth
    closed = node.upper if sign > 0 else node.lower
    full = max(abs(closed - start), 1e-3)
    return FingerJoint(node.name, start, closed, (0.0, 0.0, 0.0, 1.0), full, ("thumb",))
