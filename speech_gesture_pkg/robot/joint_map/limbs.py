"""Finds the limbs of a robot: arms, neck, waist, and the way it faces. From names where they help, else geometry."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from speech_gesture_pkg.robot.joint_map.kinematic_tree import (
    UP,
    Anatomy,
    hinted,
    line_distance,
    meeting_point,
    side_of,
    tokens,
    unit,
)

ARM_HINTS = ("arm", "shoulder", "elbow", "wrist", "clavicle", "collar", "gripper", "hand")
LEG_HINTS = ("leg", "hip", "knee", "ankle", "thigh", "shin", "calf", "foot", "toe", "wheel")
HEAD_HINTS = ("head", "neck", "skull")
FACE_HINTS = ("jaw", "mouth", "chin", "lid", "blink", "brow", "eye", "lip", "ear", "antenna", "tongue", "cheek")
HAND_HINTS = ("hand", "finger", "gripper", "thumb", "knuckle", "claw", "index", "middle", "ring", "pinky", "little")
WRIST_HINTS = ("wrist", "arm", "roll", "pitch", "yaw")
"""A joint named after the hand that turns the whole hand, such as "hand_roll"."""
FINGER_HINTS = tuple(h for h in HAND_HINTS if h != "hand")
SENSOR_HINTS = ("camera", "hokuyo", "lidar", "laser", "spindle", "optical", "sensor", "imu", "d435")
WAIST_HINTS = ("waist", "torso", "spine", "chest", "trunk", "lumbar", "hip")
WAIST_REFUSED = ("knee", "ankle", "wheel", "caster", "leg", "base_joint", "slide", "lift")

MIN_ARM_JOINTS, MAX_ARM_JOINTS = 3, 8
MIN_ARM_REACH = 0.12
"""Of the robot's extent: shorter mirrored chains are fingers, lids, ears."""
_AHEAD = 0.98
"""Cosine within which a robot that seems to face a little aside faces +x (REP-103)."""
LARGE = 0.3
"""Long enough for an arm whatever else the robot has, m."""


@dataclass
class Limbs:
    """Node indices of what was found.

    Attributes:
        arms: side -> chain from the shoulder to the wrist.
        head: neck chain.
        torso: waist chain.
        body: columns forward, left, up in the root frame. Shape [3, 3].
        warnings: sentences on what was assumed.
    """

    arms: dict[str, list[int]] = field(default_factory=dict)
    head: list[int] = field(default_factory=list)
    torso: list[int] = field(default_factory=list)
    body: np.ndarray = field(default_factory=lambda: np.eye(3))
    warnings: list[str] = field(default_factory=list)


def serial_chain(tree: Anatomy, start: int) -> list[int]:
    """Actuated turning joints from `start` outwards, up to the hand: a branching, a gripper or the end."""
    chain: list[int] = []
    index = start
    while True:
        node = tree.nodes[index]
        is_hand = bool(chain) and (
            node.followed
            or not node.turns
            or (hinted(node.name, HAND_HINTS) and not hinted(node.name, WRIST_HINTS) and not _carries(tree, index))
        )
        if is_hand and len(chain) >= MIN_ARM_JOINTS:
            return chain
        if node.actuated and node.turns:
            chain.append(index)
        onward = tree.driven(index)
        if len(onward) > 1:
            reaches = sorted((tree.reach(c) + np.linalg.norm(tree.nodes[c].origin - node.origin), c) for c in onward)
            (second, _), (first, best) = reaches[-2:]
            # A camera on the forearm does not end an arm; a hand full of fingers does.
            if first < 2.5 * second or len(chain) >= 6:
                return chain
            onward = [best]
        if not onward:
            return chain
        index = onward[0]


def _carries(tree: Anatomy, index: int) -> bool:
    """Whether a joint named after the hand is a wrist: fingers of other names hang on it."""
    below = tree.driven(index)
    return not hinted(tree.nodes[index].name, FINGER_HINTS) and len(below) > 1


def _branches(tree: Anatomy) -> list[int]:
    """Joints at which a limb may begin: children of a branching, and the first joint of all."""
    starts = []
    for node in tree.nodes:
        onward = tree.driven(node.index)
        if len(onward) > 1 or node.index == 0:
            starts += onward
    return starts


def _mirrored(tree: Anatomy, one: list[int], two: list[int]) -> bool:
    """Whether two chains are mirror images of each other across the plane between their first joints' midpoints.

    If their names say that they are a pair, one may lack up to two joints at its end (a fixed wrist), and they may be
    two arms of the same build side by side.
    """
    if set(one) & set(two):
        return False
    named = {side_of(*tree.names(one)), side_of(*tree.names(two))} == {"left", "right"}
    if len(one) != len(two) and (abs(len(one) - len(two)) > 2 or not named):
        return False
    one, two = (chain[: min(len(one), len(two))] for chain in (one, two))
    a, b = (np.array([tree.nodes[i].origin for i in chain]) for chain in (one, two))
    size = max(tree.reach(one[0]), tree.reach(two[0]))
    normal = unit(a.mean(0) - b.mean(0))
    if not normal.any() or abs(normal @ UP) > 0.5:
        return False
    middle = (a.mean(0) + b.mean(0)) / 2
    reflected = a - 2 * np.outer((a - middle) @ normal, normal)
    if np.abs(reflected - b).max() < 0.15 * size:
        return True
    bones = [np.linalg.norm(np.diff(c, axis=0), axis=1) for c in (a, b)]
    return named and len(bones[0]) > 2 and bool(np.abs(bones[0] - bones[1]).max() < 0.05 * size)


def _one_of_many(tree: Anatomy, start: int, chains: dict[int, list[int]]) -> bool:
    """Whether three or more chains of the same build begin at one link, none named after an arm: fingers, legs."""
    alike = [
        s
        for s, c in chains.items()
        if c
        and tree.nodes[s].parent == tree.nodes[start].parent
        and not tree.driven(c[-1])
        and len(c) == len(chains[start])
        and abs(tree.reach(s) - tree.reach(start)) < 0.2 * tree.reach(start)
    ]
    return (
        start in alike
        and len(alike) >= 3
        and not any(hinted(n, ARM_HINTS) for s in alike for n in tree.names(chains[s]))
    )


def _score(tree: Anatomy, chain: list[int]) -> float:
    """How much a chain looks like an arm rather than a leg or a neck."""
    names = tree.names(chain)
    arm, leg, head = (sum(hinted(n, h) for n in names) / len(names) for h in (ARM_HINTS, LEG_HINTS, HEAD_HINTS))
    height = (tree.nodes[chain[0]].origin[2] - tree.low[2]) / max(tree.high[2] - tree.low[2], 1e-6)
    ends_low = min(tree.nodes[i].points[:, 2].min() for i in tree.subtree(chain[-1])) - tree.low[2] < 0.05 * tree.extent
    return 2 * arm - 3 * leg - 3 * head + height - 1.5 * ends_low


def find_limbs(tree: Anatomy, conventional: bool = True) -> Limbs:
    """Arms, head, waist and facing of a robot that stands upright. Parts that are not there stay empty.

    Args:
        tree: with z up.
        conventional: whether the root frame is one of REP-103, so that +x is likely to be ahead.
    """
    limbs = Limbs()
    chains = {s: serial_chain(tree, s) for s in _branches(tree)}
    large = {
        s: c
        for s, c in chains.items()
        if len(c) >= MIN_ARM_JOINTS and tree.reach(s) > min(MIN_ARM_REACH * tree.extent, LARGE)
    }
    many = {s for s in chains if _one_of_many(tree, s, chains)}
    large = {s: c for s, c in large.items() if s not in many}
    pairs = [(s, t) for s, t in combinations(large, 2) if _mirrored(tree, large[s], large[t])]
    ranked = sorted(((_score(tree, large[s]) + _score(tree, large[t]), s, t) for s, t in pairs), reverse=True)
    found: list[list[int]] = []
    if ranked and ranked[0][0] > 0:
        found = [_from_shoulder(tree, large[i][-MAX_ARM_JOINTS:]) for i in ranked[0][1:]]
    else:
        single = sorted(((_score(tree, c), s) for s, c in large.items() if len(c) >= MIN_ARM_JOINTS + 1), reverse=True)
        if single and single[0][0] > 0:
            # Without a branching the waist and the arm are one chain: an arm has at most seven joints.
            found = [large[single[0][1]][-7:]]
    limbs.body = _facing(tree, found, conventional, limbs.warnings)
    _name_sides(tree, found, limbs)
    legs = {i for s, t in pairs for k in (s, t) if large[k] and _score(tree, large[k]) <= 0 for i in tree.subtree(k)}
    legs |= {i for s in many for i in tree.subtree(s)}
    trunk = _trunk(tree, found)
    limbs.head = _find_head(tree, found, legs, trunk, limbs.body)
    if not found and limbs.head:
        trunk = tree.path(limbs.head[0])[:-1]
    limbs.torso = [
        i
        for i in trunk
        if tree.nodes[i].actuated
        and tree.nodes[i].turns
        and not tree.robot.continuous[tree.robot.joint_index[tree.nodes[i].name]]
        and not hinted(tree.nodes[i].name, WAIST_REFUSED)
        and i not in limbs.head
    ][-3:]
    return limbs


def _trunk(tree: Anatomy, arms: list[list[int]]) -> list[int]:
    """Nodes from the root to the link that carries the arms."""
    paths = [tree.path(chain[0])[:-1] for chain in arms]
    if not paths:
        return [0]
    return [i for i in paths[0] if all(i in p for p in paths)]


def _facing(tree: Anatomy, arms: list[list[int]], conventional: bool, warnings: list[str]) -> np.ndarray:
    """Forward, left, up as columns: from left/right names, from the way elbows bend, else +x (REP-103)."""
    pairs: dict[tuple[str, ...], dict[str, np.ndarray]] = {}
    for node in tree.nodes[1:]:
        side = side_of(node.name)
        if side:
            bare = tuple(t for t in tokens(node.name) if side_of(t) != side)
            pairs.setdefault(bare, {})[side] = node.origin
    votes = []
    apart = [p["left"] - p["right"] for p in pairs.values() if len(p) == 2]
    if apart:
        left = np.mean(apart, 0) * [1, 1, 0]
        if np.linalg.norm(left) > 0.005 * tree.extent:
            votes.append(5.0 * np.cross(unit(left), UP))
    lateral = None
    if len(arms) == 2:
        across = tree.nodes[arms[0][0]].origin - tree.nodes[arms[1][0]].origin
        across[2] = 0
        lateral = unit(across) if np.linalg.norm(across) > 1e-3 else None
    for chain in arms if len(arms) == 2 else ():  # a single arm may bend any way
        votes.append(1.5 * _bending(tree, chain))
    votes.append(np.array([0.5 if conventional else 1e-3, 0, 0]))
    total = np.sum(votes, 0)
    if lateral is not None:
        total = total - (total @ lateral) * lateral
    total[2] = 0
    forward = unit(total)
    if not forward.any():
        forward = np.array([1.0, 0, 0])
        warnings.append("which way the robot faces is not clear from names or elbows; +x of the root link is taken")
    elif conventional and forward[0] > _AHEAD:
        forward = np.array([1.0, 0, 0])  # joints of one name need not stand exactly across from each other
    elif conventional:
        angle = np.degrees(np.arctan2(forward[1], forward[0]))
        warnings.append(f"the robot faces {angle:.0f} degrees away from +x of its root link (REP-103 wants 0)")
    return np.stack([forward, np.cross(UP, forward), UP], 1)


def _from_shoulder(tree: Anatomy, chain: list[int]) -> list[int]:
    """A long arm without its collar bone: a first joint whose axis misses the point where the next three meet."""
    if len(chain) < 8:
        return chain
    whole, inner = (meeting_point([tree.nodes[i] for i in chain[k : k + 3]])[1] for k in (0, 1))
    return chain[1:] if whole > 0.03 and inner < 0.01 else chain


def _bending(tree: Anatomy, chain: list[int]) -> np.ndarray:
    """Horizontal direction in which the elbow's longer range moves the hand; zero if undecided."""
    if len(chain) < 3:
        return np.zeros(3)
    hand = tree.nodes[chain[-1]].points.mean(0)
    elbow = tree.nodes[elbow_of(tree, chain, hand)]
    upward, downward = elbow.upper - elbow.neutral, elbow.neutral - elbow.lower
    if not np.isfinite(upward + downward) or max(upward, downward) < 1.5 * min(upward, downward):
        return np.zeros(3)
    move = np.sign(upward - downward) * np.cross(elbow.axis, hand - elbow.origin)
    move[2] = 0
    return unit(move) if np.linalg.norm(move) > 0.02 else np.zeros(3)


def shoulder_of(tree: Anatomy, chain: list[int]) -> np.ndarray:
    """Centre of the shoulder: where the first three axes meet, two if three miss each other by more than 3 cm."""
    point, residual = meeting_point([tree.nodes[i] for i in chain[:3]])
    if residual > 0.03 or len(chain) < 5:
        point, _ = meeting_point([tree.nodes[i] for i in chain[:2]])
    return point


def elbow_of(tree: Anatomy, chain: list[int], hand: np.ndarray) -> int:
    """The joint that maximises the smaller lever to shoulder and hand; names decide between near equals."""
    shoulder = shoulder_of(tree, chain)
    levers = []
    for k, i in enumerate(chain):
        node = tree.nodes[i]
        lever = min(line_distance(shoulder, node), line_distance(hand, node)) if k > 0 else -1.0
        # Arms that are bent in the neutral pose, with a long hand, give the wrist as long a lever as the elbow.
        late = len(chain) >= 6 and k >= len(chain) - 2
        levers.append(
            lever * (1.3 if hinted(node.name, ("elbow",)) else 0.75 if late or hinted(node.name, ("wrist",)) else 1)
        )
    return chain[int(np.argmax(levers))]


def _name_sides(tree: Anatomy, arms: list[list[int]], limbs: Limbs) -> None:
    """Left and right by name if the names differ, else by geometry."""
    left = limbs.body[:, 1]
    if len(arms) == 2:
        named = [side_of(*tree.names(c)) for c in arms]
        offsets = [float(tree.nodes[c[0]].origin @ left) for c in arms]
        order = ["left", "right"] if offsets[0] > offsets[1] else ["right", "left"]
        if set(named) == {"left", "right"}:
            if named != order:
                limbs.warnings.append("names and geometry disagree on left and right; the names are taken")
            order = named
        limbs.arms = dict(zip(order, arms, strict=True))
    elif arms:
        middle = (tree.low + tree.high) / 2 if not limbs.torso else tree.nodes[limbs.torso[-1]].origin
        trunk = tree.nodes[_trunk(tree, arms)[-1]].origin
        offset = float((tree.nodes[arms[0][0]].origin - trunk) @ left)
        if abs(offset) < 0.01 * tree.extent:
            offset = float((tree.nodes[arms[0][0]].origin - middle) @ left)
        side = side_of(*tree.names(arms[0])) or ("left" if offset > 0 else "right")
        limbs.arms = {side: arms[0]}


def _find_head(tree: Anatomy, arms: list[list[int]], legs: set[int], trunk: list[int], body: np.ndarray) -> list[int]:
    """The neck: a short chain from the trunk upwards, near the middle."""
    taken = legs.union(*(tree.subtree(c[0]) for c in arms)) if arms else set(legs)
    best: tuple[float, list[int]] = (0.9, [])
    shoulders = np.mean([tree.nodes[c[0]].origin for c in arms], 0) if arms else (tree.low + tree.high) / 2
    for parent in trunk:
        for start in tree.driven(parent):
            if start in taken or start in trunk:
                continue
            chain = _neck_chain(tree, start)
            if not chain:
                continue
            names = tree.names(tree.subtree(start))
            headed = any(hinted(n, HEAD_HINTS) for n in names)
            if not headed and any(hinted(n, FINGER_HINTS) for n in tree.names(chain)):
                continue
            top = np.concatenate([tree.nodes[i].points for i in tree.subtree(start)])[:, 2].max()
            aside = abs(float((tree.nodes[chain[-1]].origin - shoulders) @ body[:, 1]))
            score = (
                2.0 * headed
                + 0.7 * bool(top > shoulders[2])
                + 0.5 * bool(aside < 0.1 * tree.extent)
                - 2.0 * any(hinted(n, LEG_HINTS) for n in tree.names(chain))
            )
            if score > best[0]:
                best = (score, chain)
    return best[1]


def _neck_chain(tree: Anatomy, start: int) -> list[int]:
    """Up to four turning joints from `start`, ending before a branching or a face joint."""
    chain: list[int] = []
    index = start
    while len(chain) < 4:
        node = tree.nodes[index]
        if hinted(node.name, FACE_HINTS + SENSOR_HINTS) and not hinted(node.name, HEAD_HINTS):
            break
        if node.actuated and node.turns and (hinted(node.name, HEAD_HINTS) or not hinted(node.name, WAIST_HINTS)):
            chain.append(index)
        onward = tree.driven(index)
        heads = [c for c in onward if not hinted(tree.nodes[c].name, FACE_HINTS + SENSOR_HINTS)]
        if len(heads) != 1:
            break
        index = heads[0]
    return chain
