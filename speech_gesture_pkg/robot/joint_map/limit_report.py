"""What is said about the limits of the joints that gestures use, and which limits no robot is moved with."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.robot.joint_map.kinematic_tree import Anatomy
from speech_gesture_pkg.robot.model import PLACEHOLDER_VELOCITY, RobotModel
from speech_gesture_pkg.robot.urdf_limits import AGREEING, DEGREE, grouped

_BODY = ("left_arm", "right_arm", "head", "torso")


def report_limits(tree: Anatomy, groups: Mapping[str, tuple[str, ...]], strict: bool) -> list[str]:
    """Warnings about limits of mapped joints, and about joints among them that cannot move.

    Args:
        tree: of the robot.
        groups: mapped joints by group.
        strict: refuse limits in degrees where several joints agree that they are.

    Raises:
        RobotError: arms, head and waist have limits in degrees (strict).
    """
    robot = tree.robot
    _check_degrees(robot, groups, strict)
    mapped = dict.fromkeys(name for names in groups.values() for name in names)
    warnings = grouped((name, sentence) for name in mapped for sentence in robot.remarks.get(name, ()))
    stuck = _in_the_way(tree, groups)
    if stuck:
        warnings.append(f"{locked_joints(robot, stuck)}, though gestures depend on them; give them a range")
    fast = [n for n in mapped if n in robot.placeholders]
    if fast:
        warnings.append(
            f"velocity limits above {PLACEHOLDER_VELOCITY:g} rad/s look like placeholders (or degrees), capped: "
            f"{_with_speeds(robot, fast)}; give what the motors can, in rad/s"
        )
    return warnings


def locked_joints(robot: RobotModel, names: tuple[str, ...]) -> str:
    """ "cannot move, because their limits are equal: 'a' (0), 'b' (0)"."""
    listed = ", ".join(f"'{n}' ({robot.stated_lower[robot.joint_index[n]]:g})" for n in names[:12])
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"joints that cannot move, because their lower and upper limits are equal: {listed}{more}"


def _check_degrees(robot: RobotModel, groups: Mapping[str, tuple[str, ...]], strict: bool) -> None:
    suspects = [n for group in _BODY for n in groups.get(group, ()) if robot.units.get(n) == DEGREE]
    if not strict or len(suspects) < AGREEING:
        return
    slots = [robot.joint_index[n] for n in suspects]
    listed = ", ".join(
        f"'{n}' ({robot.stated_lower[i]:g} to {robot.stated_upper[i]:g})"
        for n, i in zip(suspects[:12], slots[:12], strict=True)
    )
    more = f" and {len(suspects) - 12} more" if len(suspects) > 12 else ""
    raise RobotError(
        f"URDF {robot.source} has limits that look like degrees: {listed}{more}; a URDF states radians (90 degrees are "
        "1.5708), so correct them, make joints that really turn so far 'continuous', or set robot.strict to false to "
        "have them taken as degrees"
    )


def _in_the_way(tree: Anatomy, groups: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Locked joints that carry mapped ones, or are part of an arm or a neck."""
    index = {node.name: node.index for node in tree.nodes[1:]}
    mapped = [index[n] for names in groups.values() for n in names]
    limbs = [index[groups[g][0]] for g in ("left_arm", "right_arm", "head") if g in groups]
    involved = {i for m in mapped for i in tree.path(m)} | {i for first in limbs for i in tree.subtree(first)}
    return tuple(n for n in tree.robot.locked if index[n] in involved)


def _with_speeds(robot: RobotModel, names: list[str]) -> str:
    """ "a, b (100), c (180)": joints of the same speed together."""
    speed = {n: f"{robot.velocity[robot.joint_index[n]]:g}" for n in names}
    ordered = sorted(names, key=lambda n: float(speed[n]))
    return ", ".join(f"{', '.join(same)} ({value})" for value, same in groupby(ordered, speed.__getitem__))
