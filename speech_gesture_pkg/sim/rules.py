"""What ros2_control's joint_trajectory_controller accepts, per ROS distribution.

Facts are those of ros2_controllers' branches humble, jazzy, kilted and master (6.9). Nothing checks for NaN there, and
so nothing does here: non-finite goals are accepted and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from speech_gesture_pkg.errors import ConfigError, one_of


@dataclass(frozen=True)
class Rules:
    """How one distribution's controller behaves.

    Attributes:
        distro: name of the rule set.
        nonzero_end: default of `allow_nonzero_velocity_at_trajectory_end`.
        commands_ahead: the command written in a cycle is the reference one period later (Jazzy and newer), so that
            the hardware is in time; Humble writes the reference of the cycle itself.
        blends: unless `allow_trajectory_replacement` is false, a new trajectory is blended with the active one, and a
            stamp in the past becomes now (newest); otherwise it replaces it at once.
        desired_parameter: the parameter that makes a new trajectory start from the commanded state instead of the
            measured one.
    """

    distro: str
    nonzero_end: bool
    commands_ahead: bool
    blends: bool
    desired_parameter: str = "interpolate_from_desired_state"


RULES: dict[str, Rules] = {
    "humble": Rules(
        "humble", nonzero_end=True, commands_ahead=False, blends=False, desired_parameter="open_loop_control"
    ),
    "jazzy": Rules("jazzy", nonzero_end=False, commands_ahead=True, blends=False),
    "kilted": Rules("kilted", nonzero_end=False, commands_ahead=True, blends=False),
    "newest": Rules("newest", nonzero_end=False, commands_ahead=True, blends=True),
}


def rules_of(distro: str) -> Rules:
    """The rule set by name. Raises ConfigError listing the names."""
    if distro not in RULES:
        raise ConfigError(one_of("distro", distro, RULES))
    return RULES[distro]


Rows = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Goal:
    """A JointTrajectory as received, unchecked.

    Attributes:
        joint_names: the joints it names.
        stamp: when it starts, seconds on the controller's clock; None (header stamp 0) means at once.
        times: time_from_start of each point, seconds. Shape [P].
        positions: one row per point, each of any length; likewise velocities, accelerations, efforts (empty rows
            where the field was empty).
    """

    joint_names: tuple[str, ...]
    stamp: float | None
    times: np.ndarray
    positions: Rows
    velocities: Rows
    accelerations: Rows
    efforts: Rows = field(default=())


@dataclass(frozen=True)
class Rejection:
    """Why a goal was refused: a short reason to count by, and the sentence to log."""

    reason: str
    sentence: str


def check_goal(
    goal: Goal, joints: tuple[str, ...], now: float, allow_partial: bool, allow_nonzero_end: bool
) -> Rejection | None:
    """The controller's validation, in its order. None if the goal is accepted.

    Args:
        goal: what was received.
        joints: the controller's joints.
        now: time on the controller's clock, seconds.
        allow_partial: `allow_partial_joints_goal`.
        allow_nonzero_end: `allow_nonzero_velocity_at_trajectory_end`.
    """
    names = goal.joint_names
    if not allow_partial and len(names) != len(joints):
        missing = [j for j in joints if j not in names]
        return Rejection("joints", f"the trajectory has {len(names)} joints, not {len(joints)}; missing: {missing}")
    if not names:
        return Rejection("joints", "the trajectory names no joints")
    if not len(goal.times):
        return Rejection("empty", "the trajectory has no points")
    strange = [n for n in names if n not in joints]
    if strange:
        return Rejection("joints", f"joints {strange} are not of this controller, which has {list(joints)}")
    if not allow_nonzero_end:
        for name, v in zip(names, goal.velocities[-1], strict=False):
            if abs(v) > np.finfo(np.float32).eps:
                return Rejection("end_velocity", f"the last point's velocity of {name} is {v:.6g}; it must be zero")
    if goal.stamp is not None and goal.stamp + goal.times[-1] < now:
        late = now - goal.stamp - goal.times[-1]
        return Rejection("past", f"the trajectory ended {late:.3f} s in the past")
    for i in range(len(goal.times)):
        if i and goal.times[i] <= goal.times[i - 1]:
            before, here = goal.times[i - 1], goal.times[i]
            return Rejection(
                "time",
                f"time_from_start must strictly increase; points {i - 1} and {i} have {before:.9g} and {here:.9g} s",
            )
        for kind, rows, needed in (
            ("positions", goal.positions, True),
            ("velocities", goal.velocities, False),
            ("accelerations", goal.accelerations, False),
        ):
            if len(rows[i]) != len(names) and (needed or len(rows[i])):
                return Rejection("size", f"point {i} has {len(rows[i])} {kind} for {len(names)} joints")
        if len(goal.efforts) and len(goal.efforts[i]):
            return Rejection("effort", f"point {i} has efforts; this controller commands positions only")
    return None


def in_order(goal: Goal, joints: tuple[str, ...]) -> Goal:
    """The accepted `goal` with its joints in the order of `joints` (as far as it names them)."""
    order = [goal.joint_names.index(j) for j in joints if j in goal.joint_names]
    if order == list(range(len(goal.joint_names))):
        return goal

    def sort(rows: Rows) -> Rows:
        return [[row[i] for i in order] if len(row) else row for row in rows]

    return replace(
        goal,
        joint_names=tuple(goal.joint_names[i] for i in order),
        positions=sort(goal.positions),
        velocities=sort(goal.velocities),
        accelerations=sort(goal.accelerations),
    )
