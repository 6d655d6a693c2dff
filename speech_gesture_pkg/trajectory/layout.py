"""Which joints are commanded, through which controller, within which limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.config import SafetyConfig
from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.robot.joint_map.robot_map import RobotMap
from speech_gesture_pkg.robot.link_points import LinkPoints
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.trajectory.limits import MotionLimits
from speech_gesture_pkg.trajectory.link_speed_limit import LinkLimit
from speech_gesture_pkg.trajectory.turns import TURN, turn_range

_GROUP_KIND = {
    "left_arm": "arms",
    "right_arm": "arms",
    "left_hand": "hands",
    "right_hand": "hands",
    "head": "head",
    "torso": "torso",
    "face": "face",
}

FASTEST = 10.0
"""No joint but the face's is driven faster, rad/s: higher limits in a URDF are placeholders."""

_ENDLESS = 1e4
"""Position limit of a continuous joint, rad: nobody winds one up so far."""


@dataclass(frozen=True, eq=False)
class JointLayout:
    """The commanded joints and how they fall into controllers, limbs and the retargeter's joints.

    Attributes:
        joint_names: all joints of all controllers, J.
        controllers: joint indices of each controller, in the controller's own order.
        limits: limits with the margins of the safety parameters. [J].
        rest: rest pose of the mapped joints; NaN where a joint is not ours and keeps its place. Shape [J].
        source: index into the retargeter's joints for each commanded joint, -1 where it is not mapped. Shape [J].
        robot_index: index of each commanded joint among the robot's joints. Shape [J].
        watched: joints of arms, head and torso, whose measured position must follow. Shape [J], bool.
        dropped: sentences about mapped groups that no controller moves.
        continuous: joints that turn without end. Shape [J], bool.
        turn_limits: least and most number of whole turns by which the retargeter's joints may be moved. Shape [2, J].
    """

    joint_names: tuple[str, ...]
    controllers: dict[str, np.ndarray]
    limits: MotionLimits
    rest: np.ndarray
    source: np.ndarray
    robot_index: np.ndarray
    watched: np.ndarray
    dropped: tuple[str, ...]
    continuous: np.ndarray
    turn_limits: np.ndarray

    def turns(self, hold: np.ndarray) -> np.ndarray:
        """Whole turns, rad, from the retargeter's joints to those of a robot that starts at `hold` [J]. Shape [J].

        A wrist that stands six turns from zero gestures there instead of unwinding first. The same for as long as
        `hold` is: the pose at which motion started.
        """
        away = np.nan_to_num((hold - self.rest) / TURN, nan=0.0, posinf=0.0, neginf=0.0)
        return TURN * np.clip(np.round(away), *self.turn_limits)

    def from_retargeter(self, q: np.ndarray, hold: np.ndarray) -> np.ndarray:
        """Retargeter output `[T, R]` as commanded joints `[T, J]`; joints that are not mapped stay at `hold` `[J]`.

        Moved by whole turns to where the robot stood (see `turns`), and clipped to the limits: a wild frame must not
        make the approach to it last for minutes.
        """
        result = np.repeat(hold[None], len(q), 0)
        mapped = self.source >= 0
        moved = q[:, self.source[mapped]] + self.turns(hold)[mapped]
        result[:, mapped] = np.clip(moved, self.limits.lower[mapped], self.limits.upper[mapped])
        return result

    def to_retargeter(self, q: np.ndarray, hold: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """Commanded joints `[J]` as the retargeter's `[R]`: the inverse of `from_retargeter`.

        Joints of the retargeter that no controller moves are at `rest`, the retargeter's rest pose `[R]`.
        """
        result = np.array(rest, float)
        mapped = self.source >= 0
        result[self.source[mapped]] = (q - self.turns(hold))[mapped]
        return result

    def rest_from(self, hold: np.ndarray) -> np.ndarray:
        """The rest pose, moved by whole turns to where the robot stood; joints that are not ours at `hold`. Shape [J].

        Args:
            hold: the pose at which motion started. Shape [J].
        """
        return np.where(np.isnan(self.rest), hold, self.rest + self.turns(hold))


def make_layout(
    robot: RobotModel,
    groups: Mapping[str, tuple[str, ...]],
    mapped: tuple[str, ...],
    rest: np.ndarray,
    controllers: Mapping[str, tuple[str, ...]],
    safety: SafetyConfig,
    strict: bool = True,
    robot_map: RobotMap | None = None,
) -> JointLayout:
    """Build the layout.

    Args:
        robot: the robot.
        groups: mapped joints by group (left_arm, head, ...).
        mapped: the retargeter's joints, R.
        rest: the retargeter's rest pose. Shape [R].
        controllers: controller name -> its joints, in its order; those without a mapped joint are left alone.
        safety: margins and acceleration limits.
        strict: whether a mapped joint without a controller is an error (else its group stays still, with a sentence).
        robot_map: where hands and elbows are; without it their speed is not limited.

    Raises:
        RobotError: unknown joint in a controller, one joint in two controllers, or (strict) a mapped joint that no
            controller moves; the sentence lists them.
    """
    names = tuple(j for joints in controllers.values() for j in joints)
    if not names:
        raise RobotError("no trajectory controller with joints is known; name them in controllers.names")
    _check_controllers(robot, controllers, names)
    # A lift, wheels, a gripper that gestures do not move: other people's, so that it gets no commands at all.
    controllers = {c: joints for c, joints in controllers.items() if not set(mapped).isdisjoint(joints)}
    if not controllers:
        raise RobotError("no controller moves a joint that gestures; name others in controllers.names")
    names = tuple(j for joints in controllers.values() for j in joints)
    dropped = []
    for group, joints in groups.items():
        absent = [j for j in joints if j not in names]
        if absent:
            sentence = f"group {group}: no controller moves {', '.join(absent)}"
            if strict:
                raise RobotError(
                    f"{sentence}; add them to a controller, or set robot.strict to false to leave them still"
                )
            dropped.append(sentence)
    index = {n: i for i, n in enumerate(names)}
    robot_index = np.array([robot.joint_names.index(n) for n in names])
    source = np.array([mapped.index(n) if n in mapped else -1 for n in names])
    kind = {j: _GROUP_KIND.get(group, "arms") for group, joints in groups.items() for j in joints}
    limbs = tuple(tuple(index[j] for j in joints if j in index) for joints in groups.values())
    # Joints that are not ours keep their place, beyond soft limits too.
    ends = ((robot.lower, robot.stated_lower), (robot.upper, robot.stated_upper))
    lower, upper = (
        np.clip(np.where(source >= 0, ours[robot_index], stated[robot_index]), -_ENDLESS, _ENDLESS)
        for ours, stated in ends
    )
    # Fingers and face rest at their limits (an open eye, a straight finger): no margin there. Nor for joints that are
    # not ours: an open gripper at its limit must stay there.
    wide = np.array([kind.get(n) in ("arms", "head", "torso") for n in names])
    margin = np.where(wide, np.minimum(safety.position_margin, 0.05 * (upper - lower)), 0.0)
    face = np.array([kind.get(n) == "face" for n in names])
    speed = np.minimum(robot.velocity[robot_index], FASTEST)
    limits = MotionLimits(
        names,
        lower + margin,
        upper - margin,
        np.where(face, robot.velocity[robot_index], speed) * safety.velocity_scale,
        np.array([getattr(safety, f"acceleration_{kind.get(n, 'torso')}") for n in names]),
        tuple(limb for limb in limbs if limb),
        _links(robot, robot_map, names, safety),
    )
    pose = np.where(source >= 0, np.asarray(rest)[np.maximum(source, 0)], np.nan)
    pose = np.where(np.isnan(pose), pose, np.clip(pose, limits.lower, limits.upper))
    parts = {c: np.array([index[j] for j in joints]) for c, joints in controllers.items()}
    turning = ~np.asarray(robot.prismatic)[robot_index]
    turns = turn_range(pose, limits.lower, limits.upper, turning)
    endless = np.isinf((robot.upper - robot.lower)[robot_index])
    for array in (pose, endless, turns):
        array.setflags(write=False)
    return JointLayout(names, parts, limits, pose, source, robot_index, wide, tuple(dropped), endless, turns)


def _links(
    robot: RobotModel, robot_map: RobotMap | None, names: tuple[str, ...], safety: SafetyConfig
) -> LinkLimit | None:
    """Limit on the speed of hands and elbows; None for a robot without arms."""
    if robot_map is None or not robot_map.arms:
        return None
    points = LinkPoints(robot, robot_map, names)
    return LinkLimit(safety.max_link_speed, points.reach, points.speeds)


def default_controllers(groups: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Controllers for a robot that has none yet (simulation): one an arm, one for hands, head with face, and torso."""
    plan = {
        "left_arm_controller": ("left_arm",),
        "right_arm_controller": ("right_arm",),
        "hands_controller": ("left_hand", "right_hand"),
        "head_controller": ("head", "face"),
        "torso_controller": ("torso",),
    }
    made = {name: tuple(j for g in members for j in groups.get(g, ())) for name, members in plan.items()}
    return {name: joints for name, joints in made.items() if joints}


def _check_controllers(robot: RobotModel, controllers: Mapping[str, tuple[str, ...]], names: tuple[str, ...]) -> None:
    unknown = [f"{j} (of {c})" for c, joints in controllers.items() for j in joints if j not in robot.joint_names]
    if unknown:
        raise RobotError(f"the URDF has no actuated joint {', '.join(unknown)}; controllers and URDF must fit")
    double = sorted({n for n in names if names.count(n) > 1})
    if double:
        raise RobotError(f"joint {', '.join(double)} is in two controllers; each joint may be in one only")
