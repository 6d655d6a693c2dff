"""map_robot: which joint of a robot does what, from its names and geometry; a YAML override has the last word."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from speech_gesture_pkg.errors import RobotError, one_of
from speech_gesture_pkg.robot.joint_map.face_joints import find_face
from speech_gesture_pkg.robot.joint_map.fingers import finger_chains, map_fingers, name_fingers, palm_frame
from speech_gesture_pkg.robot.joint_map.kinematic_tree import UP, Anatomy, meeting_point, nearest_on_axis, unit
from speech_gesture_pkg.robot.joint_map.limbs import Limbs, elbow_of, find_limbs, shoulder_of
from speech_gesture_pkg.robot.joint_map.limit_report import locked_joints, report_limits
from speech_gesture_pkg.robot.joint_map.map_file import (
    ARM_KEYS,
    Override,
    check_sections,
    face_joints,
    finger_joint,
    height,
    joints,
    vector,
)
from speech_gesture_pkg.robot.joint_map.motion_profile import read_profile
from speech_gesture_pkg.robot.joint_map.robot_map import FINGERS, GROUPS, SIDES, ArmMap, FingerJoint, RobotMap
from speech_gesture_pkg.robot.joint_map.upright import least_turn, upright
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.robot.stewart_neck.clearance import with_room
from speech_gesture_pkg.robot.stewart_neck.platform import Platform, find_platform, platform_base
from speech_gesture_pkg.robot.urdf_limits import summed_up

_FOOTPRINT = "base_footprint"


def map_robot(robot: RobotModel, override: Mapping[str, object] | None = None, strict: bool = True) -> RobotMap:
    """Map a robot's joints to the human's.

    A joint whose limits contradict themselves (lower > upper, velocity 0) is left out with a warning where the part can
    do without it: head, waist, hands, face. An arm cannot, and no part can do without limits at all.

    Args:
        robot: the robot.
        override: sections as `RobotMap.to_dict` writes them. A section replaces what was found, key by key; a section
            that is None drops the part. `exclude` lists joints that must not be used.
        strict: refuse a robot for such joints, by name; else leave every one of them out with a warning.

    Raises:
        RobotError: nothing can be mapped, a mapped joint has no usable limits, or the override names joints or sections
            that are not there.
    """
    override = override if isinstance(override, Override) else Override(override or {})
    check_sections(override, robot.full_names)
    tree = Anatomy(robot)
    standing, sentence = upright(tree)
    if override.get("up") is not None:
        standing, sentence = _turn(unit(vector(override, "up", override["up"])), override), ""
    raised = tree.turned(standing)
    excluded = joints(tree, override, "exclude", override.get("exclude") or [], any_joint=True)
    limbs = find_limbs(raised, raised is tree)
    warnings = [sentence] if sentence else []
    warnings += limbs.warnings
    limbs.body = standing.T @ limbs.body
    platform = _platform(tree, limbs, override)
    if override.get("forward") is not None:
        limbs.body = _body(override, standing[2])
    for side in SIDES:
        part = f"{side}_arm"
        section = override.section(part, ARM_KEYS)
        if section is None:
            limbs.arms.pop(side, None)
        elif "joints" in section:
            limbs.arms[side] = joints(tree, override, f"{part}.joints", section["joints"] or [])
    for part, chain in (("head", limbs.head), ("torso", limbs.torso)):
        section = override.section(part, ("joints",))
        if section is None:
            chain.clear()
        elif "joints" in section:
            chain[:] = joints(tree, override, f"{part}.joints", section["joints"] or [])
    left_out = _left_out(tree, limbs, excluded, strict)
    excluded += left_out
    warnings += _remarks(tree, left_out)
    arms: dict[str, ArmMap] = {}
    hands: dict[str, dict[str, tuple[FingerJoint, ...]]] = {}
    for side in SIDES:
        chain = [i for i in limbs.arms.get(side, []) if i not in excluded]
        if len(chain) >= 2:
            arms[side], fingers = _arm(tree, side, chain, limbs.body, override, warnings)
            hand = _hand(tree, side, fingers, arms[side], chain[-1], override, excluded)
            if hand:
                hands[side] = hand
    taken = {i for c in (limbs.head, limbs.torso) for i in c} | set(excluded) | _motors(tree)
    taken |= {i for c in limbs.arms.values() if c for i in tree.subtree(c[0])}  # the jaw of a gripper is no face
    face = find_face(raised, taken)
    if "face" in override:
        rows = override["face"]
        if not isinstance(rows, (list, type(None))):
            raise RobotError(f"{override.at('face')} is {rows!r}; it must be a list of rows, or null")
        face = face_joints(override, robot, rows or [])

    def listed(chain: list[int]) -> tuple[str, ...]:
        return tuple(tree.nodes[i].name for i in chain if i not in excluded)

    parts: dict[str, tuple[str, ...]] = {
        **{f"{s}_arm": arms[s].joints for s in SIDES if s in arms},
        "head": listed(limbs.head),
        "torso": listed(limbs.torso),
        **{f"{s}_hand": tuple(j.joint for f in hands[s].values() for j in f) for s in SIDES if s in hands},
        "face": tuple(f.joint for f in face),
    }
    groups = {g: parts[g] for g in GROUPS if parts.get(g)}
    missing = tuple(g for g in GROUPS if g not in groups and not (g == "head" and platform))
    floor = _floor(tree, limbs, override, warnings)
    _check_closed_chain(robot, tree, groups, platform, strict, warnings)
    _check(robot, groups)
    warnings += report_limits(tree, groups, strict)
    return RobotMap(
        robot.name,
        limbs.body,
        arms,
        parts["head"],
        parts["torso"],
        hands,
        face,
        groups,
        missing,
        tuple(warnings),
        read_profile(override.get("motion"), override.at),
        platform,
        floor,
    )


def _floor(tree: Anatomy, limbs: Limbs, override: Override, warnings: list[str]) -> float | None:
    """Height of the floor: REP-120's link "base_footprint" is the robot's place on it. Lifts are warned about."""
    if "floor" in override:
        return height(override, "floor")
    joint, pose = tree.robot.link_frames.get(_FOOTPRINT, (-1, np.eye(4)))
    if joint != 0:
        return None
    carrying = {i for chain in limbs.arms.values() if chain for i in tree.path(chain[0])}
    lifts = [n.name for n in tree.nodes if n.index in carrying and n.actuated and not n.turns]
    if lifts:
        warnings.append(
            f"hands stay above the floor (link '{_FOOTPRINT}') with {', '.join(lifts)} as in the neutral pose; if it "
            "is always raised, lower 'floor' in the robot map by as much, and hands may hang lower"
        )
    return float(pose[:3, 3] @ limbs.body[:, 2])


def _left_out(tree: Anatomy, limbs: Limbs, excluded: list[int], strict: bool) -> list[int]:
    """Joints without usable limits. Raises RobotError (strict) if one of them is needed."""
    robot = tree.robot
    arms = {i for chain in limbs.arms.values() for i in chain}
    wanted = arms | set(limbs.head) | set(limbs.torso)
    bad = [n.index for n in tree.nodes if n.problem and n.index not in excluded]
    needed = [i for i in bad if i in arms or (i in wanted and tree.nodes[i].name in robot.unlimited)]
    if needed and strict:
        sentences = summed_up({tree.nodes[i].name: robot.problems[tree.nodes[i].name] for i in needed})
        raise RobotError(
            f"URDF {robot.source} has unusable limits at joints that gestures need: {sentences}; correct them, or list "
            "the joints under 'exclude' in a robot map (YAML)"
        )
    return bad


def _remarks(tree: Anatomy, left_out: list[int]) -> list[str]:
    """Warnings about joints that are not used."""
    robot = tree.robot
    warnings = []
    if left_out:
        sentences = summed_up({tree.nodes[i].name: robot.problems[tree.nodes[i].name] for i in left_out}, 3)
        warnings.append(f"not used for their limits: {sentences}")
    return warnings


def _motors(tree: Anatomy) -> set[int]:
    """Joints that drive a closed chain: a passive joint follows them directly."""
    return {n.parent for n in tree.nodes if n.passive}


def _platform(tree: Anatomy, limbs: Limbs, override: Override) -> Platform | None:
    """The parallel neck, if there is one. Then (or if it is a neck that is not understood) the head has no chain."""
    base = platform_base(tree)
    if base is None:
        return None
    motors = _motors(tree)
    if not limbs.arms and "torso" not in override:
        limbs.torso[:] = [i for i in tree.path(base) if tree.nodes[i].actuated and tree.nodes[i].turns]
    limbs.head[:] = [i for i in limbs.head if i not in limbs.torso and not set(tree.path(i)) & motors]
    if "head" in override:
        return None
    platform = find_platform(tree)
    return None if platform is None else with_room(tree, platform)


def _check_closed_chain(
    robot: RobotModel,
    tree: Anatomy,
    groups: dict[str, tuple[str, ...]],
    platform: Platform | None,
    strict: bool,
    warnings: list[str],
) -> None:
    """What is said about passive joints; a robot whose head they carry is refused if their mechanism is not known."""
    passive = [n.name for n in tree.nodes if n.passive]
    if not passive:
        return
    if platform is not None:
        low, high = np.degrees([platform.lower.min(), platform.upper.max()])
        warnings.append(
            f"the head stands on a platform of {len(platform.joints)} motors ({', '.join(platform.joints)}; "
            f"{low:.0f} to {high:.0f} degrees), which are computed from its pose"
        )
        return
    sentence = (
        f"moves by a closed chain (passive joints such as {passive[0]}) that is not a platform on six legs, closed in "
        "the neutral pose; a URDF cannot express it and joint limits cannot describe it"
    )
    if strict and not set(groups) & {"left_arm", "right_arm", "head"}:
        raise RobotError(
            f"robot '{robot.name}' {sentence}; command its head through the robot's own driver, or set robot.strict to "
            "false to use the other joints"
        )
    warnings.append(f"a part {sentence}: what hangs on it is left alone")


def _check(robot: RobotModel, groups: dict[str, tuple[str, ...]]) -> None:
    """Refuse an empty or contradictory map."""
    if not groups:
        locked = f" ({locked_joints(robot, robot.locked)})" if robot.locked else ""
        raise RobotError(
            f"robot '{robot.name}' has no arms, head, waist, hands or face that can be recognised among its "
            f"{len(robot.joint_names)} joints{locked}; name them in a robot map (YAML)"
        )
    seen: dict[str, str] = {}
    for group, names in groups.items():
        for name in names:
            if name in seen:
                raise RobotError(
                    f"joint '{name}' is mapped twice, to {seen[name]} and {group}; a joint can do one thing"
                )
            seen[name] = group


def _turn(up: np.ndarray, override: Override) -> np.ndarray:
    """The least rotation that takes the direction `up` of the root frame to z. Shape [3, 3]."""
    if not up.any():
        raise RobotError(f"{override.at('up')} is {override['up']!r}; it must be a direction, such as [0, 1, 0]")
    return least_turn(up, UP)


def _body(override: Override, up: np.ndarray) -> np.ndarray:
    """Columns forward, left, up of the root frame for a given way of facing."""
    forward = vector(override, "forward", override["forward"])
    direction = forward - (forward @ up) * up
    if np.linalg.norm(direction) < 1e-6:
        raise RobotError(f"{override.at('forward')} is {override['forward']!r}; it must have a horizontal part")
    front = unit(direction)
    return np.stack([front, np.cross(up, front), up], 1)


def _arm(
    tree: Anatomy, side: str, chain: list[int], body: np.ndarray, override: Override, warnings: list[str]
) -> tuple[ArmMap, dict[str, list[int]]]:
    """Points and palm of an arm, and its fingers."""
    where = f"{side}_arm"
    section = override.section(where) or {}

    def given(key: str, found: np.ndarray) -> np.ndarray:
        return vector(override, f"{where}.{key}", section[key]) if key in section else found

    chains = finger_chains(tree, chain[-1])
    bases = [tree.nodes[c[0]].origin for c in chains]
    hand = (
        np.mean(bases, 0) if bases else np.concatenate([tree.nodes[i].points for i in tree.subtree(chain[-1])]).mean(0)
    )
    elbow = elbow_of(tree, chain, hand)
    if "elbow" in section:
        elbow = joints(tree, override, f"{where}.elbow", [section["elbow"]])[0]
        if elbow not in chain:
            own = ", ".join(tree.nodes[i].name for i in chain)
            raise RobotError(
                f"{override.at(f'{where}.elbow')} is '{section['elbow']}', which is not among the arm's joints: {own}"
            )
    shoulder = given("shoulder", shoulder_of(tree, chain))
    elbow_point = given("elbow_point", nearest_on_axis(shoulder, tree.nodes[elbow]))
    wrist = given("wrist_point", _wrist(tree, chain[chain.index(elbow) + 1 :], elbow_point, hand))
    fingers = name_fingers(tree, chains, wrist)
    palm, warning = palm_frame(tree, chain, fingers, wrist, elbow_point, body)
    if "finger_direction" in section or "palm_normal" in section:
        along = unit(given("finger_direction", palm[:, 0]))
        normal = given("palm_normal", palm[:, 1])
        normal = unit(normal - (normal @ along) * along)
        palm, warning = np.stack([along, normal, np.cross(along, normal)], 1), ""
        if not (along.any() and normal.any()):
            raise RobotError(f"{override.at(where)} has a palm_normal along its finger_direction; they must differ")
    if warning:
        warnings.append(f"{side} hand {warning}")
    names = tuple(tree.nodes[i].name for i in chain)
    return ArmMap(side, names, tree.nodes[elbow].name, shoulder, elbow_point, wrist, palm), fingers


def _wrist(tree: Anatomy, after: list[int], elbow: np.ndarray, hand: np.ndarray) -> np.ndarray:
    """Where the axes after the elbow meet; the hand if they do not, or if there is one at most."""
    length = float(np.linalg.norm(hand - elbow))
    if len(after) >= 2:
        point, residual = meeting_point([tree.nodes[i] for i in after])
        if residual > 0.02 and len(after) > 2:
            point, residual = meeting_point([tree.nodes[i] for i in after[-2:]])
        if residual < 0.05 and 0.4 * length < np.linalg.norm(point - elbow) < 1.5 * length:
            return point
    if after:
        origin = tree.nodes[after[-1]].origin
        if np.linalg.norm(origin - elbow) > 0.4 * length:
            return origin
    return hand


def _hand(
    tree: Anatomy,
    side: str,
    fingers: dict[str, list[int]],
    arm: ArmMap,
    last: int,
    override: Override,
    excluded: list[int],
) -> dict[str, tuple[FingerJoint, ...]]:
    part = f"{side}_hand"
    section = override.section(part)
    if section is None:
        return {}
    thumb_side = arm.palm[:, 2] * (-1.0 if side == "left" else 1.0)
    kept = {f: [i for i in c if i not in excluded] for f, c in fingers.items()}
    hand = map_fingers(tree, {f: c for f, c in kept.items() if c}, arm.palm, thumb_side, last)
    for finger, rows in section.items():
        if finger not in FINGERS:
            raise RobotError(f"{override.at(f'{part}.{finger}')}: {one_of('finger', finger, FINGERS)}")
        if not isinstance(rows, (list, type(None))):
            raise RobotError(f"{override.at(f'{part}.{finger}')} is {rows!r}; it must be a list of rows, or null")
        keys = [f"{part}.{finger}[{i}]" for i in range(len(rows or ()))]
        hand[finger] = tuple(finger_joint(tree, override, k, row) for k, row in zip(keys, rows or (), strict=True))
    return {f: j for f, j in hand.items() if j}
