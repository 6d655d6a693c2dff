"""What `robot check` shows: the joint map as a table, and the YAML that a user may edit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import yaml

from speech_gesture_pkg.robot.joint_map.robot_map import SIDES, RobotMap
from speech_gesture_pkg.robot.model import PLACEHOLDER_VELOCITY, RobotModel
from speech_gesture_pkg.robot.urdf_limits import DEGREE

_TEMPLATE = """\
# Joints that no gesture may move, whatever part they belong to.
# exclude: [{joint}]
# How calmly this robot must move: the calmer of this and the parameters of the same name holds.
# motion:
#   amplitude: 0.8          # times style.amplitude
#   max_link_speed: 1.0     # hands, wrists and elbows, m/s
#   acceleration_arms: 15.0 # rad/s^2; also acceleration_hands, _head, _torso, _face
"""


@dataclass(frozen=True)
class MappingRow:
    """One mapped joint.

    Attributes:
        group: one of `GROUPS`.
        human: SMPL-X joints (or ARKit weights) that it shows.
        joint: the robot's joint.
        role: what it does, e.g. "shoulder", "elbow", "wrist", "curl", "opposition", "jaw".
        lower, upper: position limits, rad (m for sliding joints); infinite for continuous joints.
        velocity: velocity limit, rad/s.
        flags: remarks, e.g. "placeholder velocity", "continuous".
    """

    group: str
    human: str
    joint: str
    role: str
    lower: float
    upper: float
    velocity: float
    flags: str


def mapping_table(robot: RobotModel, robot_map: RobotMap) -> list[MappingRow]:
    """Rows in the order of the groups, each group from the trunk outwards."""
    rows: list[MappingRow] = []

    def add(group: str, human: str, joint: str, role: str) -> None:
        i = robot.joint_index[joint]
        flags = []
        if robot.velocity[i] > PLACEHOLDER_VELOCITY:
            flags.append("placeholder velocity")
        if joint in robot.units:
            flags.append("taken as degrees" if robot.units[joint] == DEGREE else "taken as millimetres")
        if joint in robot.softened:
            flags.append("soft limits")
        if robot.continuous[i]:
            flags.append("continuous")
        if robot.prismatic[i]:
            flags.append("slides")
        if not robot.continuous[i] and robot.upper[i] - robot.lower[i] < 0.1 and not robot.prismatic[i]:
            flags.append("narrow range")
        limits = (float(robot.lower[i]), float(robot.upper[i]), float(robot.velocity[i]))
        rows.append(MappingRow(group, human, joint, role, *limits, ", ".join(flags)))

    for side in SIDES:
        arm = robot_map.arms.get(side)
        if arm is None:
            continue
        bend = arm.joints.index(arm.elbow)
        for k, joint in enumerate(arm.joints):
            role = "shoulder" if k < bend else "elbow" if k == bend else "wrist"
            add(f"{side}_arm", f"{side}_{role}", joint, role)
    for joint in robot_map.head:
        add("head", "neck, head", joint, "neck")
    for joint in robot_map.platform.joints if robot_map.platform else ():
        add("head", "neck, head", joint, "platform leg")
    for joint in robot_map.torso:
        add("torso", "spine1, spine2, spine3", joint, "waist")
    for side in SIDES:
        for finger, joints in robot_map.hands.get(side, {}).items():
            for row in joints:
                human = ", ".join(f"{side}_{h}{k + 1}" for h in row.human for k in range(3) if row.weights[k])
                role = "opposition" if row.weights[3] else f"{finger} curl"
                add(f"{side}_hand", human or f"{side}_thumb1", row.joint, role)
    for face in robot_map.face:
        add("face", ", ".join(dict.fromkeys(s[0] for s in face.shapes)), face.joint, face.role)
    return rows


def to_yaml(robot_map: RobotMap) -> str:
    """The map as YAML; `read_override` and `map_robot` take it back."""
    head = (
        f"# Joint map of {robot_map.robot}. Change what is wrong, delete what is right: absent keys are found again.\n"
        "# Points (m) and directions are in the root link's frame, robot in its neutral pose. null drops a part.\n"
    )
    notes = "".join(f"# Warning: {w}\n" for w in robot_map.warnings)
    missing = f"# Missing: {', '.join(robot_map.missing)}\n" if robot_map.missing else ""
    # A part that was not found is left out rather than dropped by null, so that an edit can add it.
    plain = {k: v for k, v in robot_map.to_dict().items() if v is not None}
    more = _TEMPLATE.format(joint=(robot_map.head or robot_map.torso or sorted(robot_map.joints) or ["joint"])[-1])
    return head + notes + missing + yaml.safe_dump(plain, sort_keys=False, default_flow_style=None, width=120) + more


def format_table(rows: list[MappingRow]) -> str:
    """The rows as aligned text, angles in degrees."""
    cells = [("group", "human", "robot joint", "role", "range [deg]", "speed [deg/s]", "remarks")]
    for r in rows:
        span = f"{_degrees(r.lower)} .. {_degrees(r.upper)}"
        human = r.human if len(r.human) <= 36 else r.human[:33] + "..."
        cells.append((r.group, human, r.joint, r.role, span, _degrees(r.velocity), r.flags))
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells)


def _degrees(value: float) -> str:
    """Whole degrees; what is no angle in few digits."""
    return f"{np.degrees(value):.0f}" if abs(value) < 1e4 else f"{np.degrees(value):.3g}"
