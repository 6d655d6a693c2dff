"""map_robot: which joint of a robot does what, from its names and geometry; a YAML override has the last word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from speech_gesture_pkg.body.parts import ARKIT_INDEX
from speech_gesture_pkg.errors import RobotError, one_of
from speech_gesture_pkg.retarget.anatomy import UP, Anatomy, meeting_point, nearest_on_axis, unit
from speech_gesture_pkg.retarget.faces import find_face
from speech_gesture_pkg.retarget.hands import finger_chains, map_fingers, name_fingers, palm_frame
from speech_gesture_pkg.retarget.limbs import Limbs, elbow_of, find_limbs, shoulder_of
from speech_gesture_pkg.retarget.robot import PLACEHOLDER_VELOCITY, RobotModel, shortened
from speech_gesture_pkg.retarget.robot_map import FINGERS, GROUPS, SIDES, ArmMap, FaceJoint, FingerJoint, RobotMap

SECTIONS = ("forward", "left_arm", "right_arm", "head", "torso", "left_hand", "right_hand", "face", "exclude")


def map_robot(robot: RobotModel, override: Mapping[str, Any] | None = None, strict: bool = True) -> RobotMap:
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
    override = dict(override or {})
    for key in override:
        if key not in SECTIONS:
            raise RobotError(one_of("robot map section", key, SECTIONS))
    tree = Anatomy(robot)
    excluded = _joints(tree, {"joints": override.get("exclude") or []}, "exclude", any_joint=True)
    limbs = find_limbs(tree)
    warnings = list(limbs.warnings)
    if override.get("forward") is not None:
        limbs.body = _body(override["forward"])
    for side in SIDES:
        section = _section(override, f"{side}_arm")
        if section is None:
            limbs.arms.pop(side, None)
        elif "joints" in section:
            limbs.arms[side] = _joints(tree, section, f"{side}_arm")
    for part, chain in (("head", limbs.head), ("torso", limbs.torso)):
        section = _section(override, part)
        if section is None:
            chain.clear()
        elif "joints" in section:
            chain[:] = _joints(tree, section, part)
    left_out = _left_out(tree, limbs, excluded, strict)
    excluded += left_out
    warnings += _remarks(tree, left_out)
    arms: dict[str, ArmMap] = {}
    hands: dict[str, dict[str, tuple[FingerJoint, ...]]] = {}
    for side in SIDES:
        chain = [i for i in limbs.arms.get(side, []) if i not in excluded]
        if len(chain) >= 2:
            arms[side], fingers = _arm(tree, side, chain, limbs.body, _section(override, f"{side}_arm") or {}, warnings)
            hand = _hand(tree, side, fingers, arms[side], chain[-1], override, excluded)
            if hand:
                hands[side] = hand
    taken = {i for c in (limbs.head, limbs.torso) for i in c} | set(excluded)
    taken |= {i for c in limbs.arms.values() if c for i in tree.subtree(c[0])}  # the jaw of a gripper is no face
    face = _face(override, robot) if isinstance(override.get("face"), list) else find_face(tree, taken)
    if "face" in override and override["face"] is None:
        face = ()

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
    missing = tuple(g for g in GROUPS if g not in groups)
    _check(robot, tree, groups, warnings)
    return RobotMap(
        robot.name, limbs.body, arms, parts["head"], parts["torso"], hands, face, groups, missing, tuple(warnings)
    )


def _left_out(tree: Anatomy, limbs: Limbs, excluded: list[int], strict: bool) -> list[int]:
    """Joints without usable limits. Raises RobotError (strict) if one of them is needed."""
    robot = tree.robot
    arms = {i for chain in limbs.arms.values() for i in chain}
    beyond = {j for chain in limbs.arms.values() for j in tree.subtree(chain[-1])} - arms
    wanted = arms | beyond | set(limbs.head) | set(limbs.torso)
    bad = [n.index for n in tree.nodes if n.problem and n.index not in excluded]
    needed = [i for i in bad if i in arms or (i in wanted and tree.nodes[i].name in robot.unlimited)]
    if needed and strict:
        sentences = shortened([robot.problems[tree.nodes[i].name] for i in needed])
        raise RobotError(
            f"URDF {robot.source} has unusable limits at joints that gestures need: {sentences}; correct them, or list "
            "the joints under 'exclude' in a robot map (YAML)"
        )
    return bad


def _remarks(tree: Anatomy, left_out: list[int]) -> list[str]:
    """Warnings about joints that are not used."""
    robot, passive = tree.robot, [n for n in tree.nodes if n.passive]
    warnings = []
    if left_out:
        sentences = shortened([robot.problems[tree.nodes[i].name] for i in left_out], 3)
        warnings.append(f"not used for their limits: {sentences}")
    if passive:
        warnings.append(
            f"{len(passive)} passive joints ({passive[0].name}, ...) belong to a closed chain, which a URDF cannot "
            "express; what hangs on them is left alone"
        )
    return warnings


def _check(robot: RobotModel, tree: Anatomy, groups: dict[str, tuple[str, ...]], warnings: list[str]) -> None:
    """Refuse an empty or contradictory map; warn about odd joints."""
    passive = [n.name for n in tree.nodes if n.passive]
    if passive and not set(groups) & {"left_arm", "right_arm"}:
        raise RobotError(
            f"robot '{robot.name}' moves its head by a closed chain (passive joints such as {passive[0]}), which a "
            "URDF cannot express and joint limits cannot describe; command its head pose through the robot's own driver"
        )
    if not groups:
        raise RobotError(
            f"robot '{robot.name}' has no arms, head, waist, hands or face that can be recognised among its "
            f"{len(robot.joint_names)} joints; name them in a robot map (YAML)"
        )
    seen: dict[str, str] = {}
    for group, names in groups.items():
        for name in names:
            if name in seen:
                raise RobotError(
                    f"joint '{name}' is mapped twice, to {seen[name]} and {group}; a joint can do one thing"
                )
            seen[name] = group
    odd = [n for n in robot.placeholders if n in seen]
    if odd:
        warnings.append(
            f"velocity limits above {PLACEHOLDER_VELOCITY:g} rad/s look like placeholders, capped: {', '.join(odd)}"
        )


def _section(override: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    """A section of the override: {} if absent, None if it drops the part."""
    if key not in override:
        return {}
    value = override[key]
    if value is None or isinstance(value, dict):
        return value
    raise RobotError(f"robot map section '{key}' is {value!r}; it must be a table of keys, or null to drop the part")


def _joints(tree: Anatomy, section: Mapping[str, Any], where: str, any_joint: bool = False) -> list[int]:
    """Node indices of `section['joints']`: joints that can be driven, or any."""
    names = section.get("joints") or []
    if not isinstance(names, (list, tuple)):
        raise RobotError(f"robot map: '{where}.joints' is {names!r}; it must be a list of joint names")
    by_name = {n.name: n.index for n in tree.nodes[1:] if n.actuated or any_joint}
    unknown = [str(n) for n in names if n not in by_name]
    if unknown:
        raise RobotError(
            f"robot map: '{where}' names joints that the robot cannot move: {', '.join(unknown)}; "
            f"it has: {', '.join(by_name)}"
        )
    return [by_name[n] for n in names]


def _vector(value: Any, where: str) -> np.ndarray:
    try:
        vector = np.asarray(value, float)
    except (TypeError, ValueError) as e:
        raise RobotError(f"robot map: '{where}' is {value!r}; it must be three numbers") from e
    if vector.shape != (3,) or not np.isfinite(vector).all():
        raise RobotError(f"robot map: '{where}' is {value!r}; it must be three numbers")
    return vector


def _body(forward: Any) -> np.ndarray:
    direction = _vector(forward, "forward") * [1, 1, 0]
    if np.linalg.norm(direction) < 1e-6:
        raise RobotError(f"robot map: 'forward' is {forward!r}; it must have a horizontal part")
    front = unit(direction)
    return np.stack([front, np.cross(UP, front), UP], 1)


def _arm(
    tree: Anatomy, side: str, chain: list[int], body: np.ndarray, section: dict[str, Any], warnings: list[str]
) -> tuple[ArmMap, dict[str, list[int]]]:
    """Points and palm of an arm, and its fingers."""
    where = f"{side}_arm"
    chains = finger_chains(tree, chain[-1])
    bases = [tree.nodes[c[0]].origin for c in chains]
    hand = (
        np.mean(bases, 0) if bases else np.concatenate([tree.nodes[i].points for i in tree.subtree(chain[-1])]).mean(0)
    )
    elbow = elbow_of(tree, chain, hand)
    if "elbow" in section:
        elbow = _joints(tree, {"joints": [section["elbow"]]}, f"{where}.elbow")[0]
        if elbow not in chain:
            raise RobotError(f"robot map: '{where}.elbow' is '{section['elbow']}', which is not among the arm's joints")
    shoulder = shoulder_of(tree, chain)
    if "shoulder" in section:
        shoulder = _vector(section["shoulder"], f"{where}.shoulder")
    elbow_point = nearest_on_axis(shoulder, tree.nodes[elbow])
    if "elbow_point" in section:
        elbow_point = _vector(section["elbow_point"], f"{where}.elbow_point")
    wrist = _wrist(tree, chain[chain.index(elbow) + 1 :], elbow_point, hand)
    if "wrist_point" in section:
        wrist = _vector(section["wrist_point"], f"{where}.wrist_point")
    fingers = name_fingers(tree, chains, wrist)
    palm, warning = palm_frame(tree, chain, fingers, wrist, elbow_point, body)
    if "finger_direction" in section or "palm_normal" in section:
        along = unit(_vector(section.get("finger_direction", palm[:, 0]), f"{where}.finger_direction"))
        normal = _vector(section.get("palm_normal", palm[:, 1]), f"{where}.palm_normal")
        normal = unit(normal - (normal @ along) * along)
        palm, warning = np.stack([along, normal, np.cross(along, normal)], 1), ""
        if not (along.any() and normal.any()):
            raise RobotError(f"robot map: '{where}' has a palm_normal along its finger_direction; they must differ")
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
    override: Mapping[str, Any],
    excluded: list[int],
) -> dict[str, tuple[FingerJoint, ...]]:
    section = _section(override, f"{side}_hand")
    if section is None:
        return {}
    thumb_side = arm.palm[:, 2] * (-1.0 if side == "left" else 1.0)
    kept = {f: [i for i in c if i not in excluded] for f, c in fingers.items()}
    hand = map_fingers(tree, {f: c for f, c in kept.items() if c}, arm.palm, thumb_side, last)
    for finger, rows in section.items():
        if finger not in FINGERS:
            raise RobotError(one_of(f"robot map: finger of {side}_hand", finger, FINGERS))
        hand[finger] = tuple(_finger_joint(tree, row, f"{side}_hand.{finger}") for row in rows or ())
    return {f: j for f, j in hand.items() if j}


def _finger_joint(tree: Anatomy, row: Any, where: str) -> FingerJoint:
    try:
        _joints(tree, {"joints": [row["joint"]]}, where)
        w0, w1, w2, w3 = (float(w) for w in row["weights"])
        return FingerJoint(
            row["joint"],
            float(row["open"]),
            float(row["closed"]),
            (w0, w1, w2, w3),
            max(float(row.get("full", 1.0)), 1e-3),
            tuple(f for f in row["human"] if f in FINGERS),
        )
    except (KeyError, TypeError, ValueError) as e:
        raise RobotError(
            f"robot map: a row of '{where}' is {row!r}; it needs joint, open, closed, weights (4 numbers), full, human"
        ) from e


def _face(override: Mapping[str, Any], robot: RobotModel) -> tuple[FaceJoint, ...]:
    rows = []
    for row in override["face"]:
        try:
            if row["joint"] not in robot.joint_index:
                raise RobotError(f"robot map: 'face' names the joint '{row['joint']}', which the robot does not have")
            shapes = tuple((str(n), float(p), float(g)) for n, p, g in row["shapes"])
            unknown = [n for n, _, _ in shapes if n not in ARKIT_INDEX]
            if unknown:
                raise RobotError(f"robot map: 'face' uses unknown ARKit shapes: {', '.join(unknown)}")
            rows.append(FaceJoint(row["joint"], str(row.get("role", "")), float(row.get("neutral", 0)), shapes))
        except (KeyError, TypeError, ValueError) as e:
            raise RobotError(
                f"robot map: a row of 'face' is {row!r}; it needs joint, role, neutral, shapes ([name, position, gain])"
            ) from e
    return tuple(rows)
