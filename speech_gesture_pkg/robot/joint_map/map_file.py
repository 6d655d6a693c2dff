"""The YAML that overrides the automatic joint map: reading it, and a sentence with the line for what is wrong in it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import yaml

from speech_gesture_pkg.errors import RobotError, one_of
from speech_gesture_pkg.motion.parts import ARKIT_INDEX
from speech_gesture_pkg.robot.joint_map.kinematic_tree import Anatomy
from speech_gesture_pkg.robot.joint_map.robot_map import FINGERS, FaceJoint, FingerJoint
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.robot.urdf import FARTHEST
from speech_gesture_pkg.safe_yaml import compose_yaml, read_yaml

SECTIONS = (
    "forward",
    "up",
    "floor",
    "left_arm",
    "right_arm",
    "head",
    "torso",
    "left_hand",
    "right_hand",
    "face",
    "exclude",
    "motion",
)
ARM_KEYS = ("joints", "elbow", "shoulder", "elbow_point", "wrist_point", "finger_direction", "palm_normal")


class Override(dict[str, object]):
    """Sections of a robot map.

    Attributes:
        name: of the file, for messages.
        lines: line number of each key, e.g. "left_arm.joints" or "face[1]".
    """

    def __init__(self, sections: Mapping[str, object], name: str = "robot map", lines: Mapping[str, int] | None = None):
        super().__init__(sections)
        self.name, self.lines = name, dict(lines or {})

    def at(self, key: str) -> str:
        """Where a key stands: the beginning of a sentence about it."""
        line = self.lines.get(key, self.lines.get(key.rpartition(".")[0]))
        return f"{self.name}, line {line}: '{key}'" if line else f"{self.name}: '{key}'"

    def section(self, key: str, keys: Iterable[str] | None = None) -> dict[str, object] | None:
        """A section: {} if absent, None if it drops the part. Raises RobotError if it is no table or has other keys."""
        if key not in self:
            return {}
        value = self[key]
        if value is not None and not isinstance(value, dict):
            raise RobotError(f"{self.at(key)} is {value!r}; it must be a table of keys, or null to drop the part")
        for inner in value or {}:
            if keys is not None and inner not in keys:
                raise RobotError(f"{self.at(f'{key}.{inner}')} is unknown; it must be one of: {', '.join(keys)}")
        return value


def read_override(text: str, name: str = "robot map") -> Override:
    """Parse an override. Raises RobotError naming the file and the line."""
    try:
        plain, node = read_yaml(text), compose_yaml(text)
    except yaml.YAMLError as e:
        raise RobotError(f"{name} is not valid YAML: {' '.join(str(e).split())}") from e
    if plain is None:
        return Override({}, name)
    if not isinstance(plain, dict):
        raise RobotError(f"{name} is not a table of sections; the sections are: {', '.join(SECTIONS)}")
    lines: dict[str, int] = {}
    _number(node, "", lines)
    return Override({str(k): v for k, v in plain.items()}, name, lines)


def _number(node: yaml.Node | None, path: str, lines: dict[str, int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = f"{path}.{key.value}" if path else str(key.value)
            lines[inner] = key.start_mark.line + 1
            _number(value, inner, lines)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            lines[f"{path}[{i}]"] = value.start_mark.line + 1
            _number(value, f"{path}[{i}]", lines)


def check_sections(override: Override, joint_names: Iterable[str]) -> None:
    """Raises RobotError for a section that does not exist; for the name of a joint it says how to leave that out."""
    for key in override:
        if key not in SECTIONS:
            line = override.lines.get(key)
            where = f"{override.name}, line {line}: section" if line else f"{override.name} section"
            hint = f". It is a joint of the robot: exclude: [{key}] leaves it alone" if key in joint_names else ""
            raise RobotError(one_of(where, key, SECTIONS) + hint)


def nearest(name: str, known: Iterable[str]) -> str:
    """What to write instead of a mistyped name: the nearest ones, or the first of all."""
    names = list(known)
    low = {n.lower(): n for n in names}
    near = [low[n] for n in difflib.get_close_matches(name.lower(), list(low), 2, 0.6)]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"it has: {', '.join(names[:40])}{', ...' if len(names) > 40 else ''}"


def joints(tree: Anatomy, override: Override, key: str, names: object, any_joint: bool = False) -> list[int]:
    """Node indices of a list of joint names: joints that can be driven, or any."""
    if not isinstance(names, (list, tuple)):
        raise RobotError(f"{override.at(key)} is {names!r}; it must be a list of joint names")
    by_name = {n.name: n.index for n in tree.nodes[1:] if n.actuated or any_joint}
    for name in names:
        if not isinstance(name, str):
            raise RobotError(f"{override.at(key)} holds {name!r}; it must hold names of joints")
        if name in by_name:
            continue
        if name in tree.robot.problems:
            raise RobotError(f"{override.at(key)} names a joint that cannot be used: {tree.robot.problems[name]}")
        if name in tree.robot.full_names:
            raise RobotError(f"{override.at(key)} names '{name}', a joint that nothing drives (mimic or passive)")
        raise RobotError(
            f"{override.at(key)} names the joint '{name}', which the robot does not have; {nearest(str(name), by_name)}"
        )
    return [by_name[n] for n in names]


def vector(override: Override, key: str, value: object) -> np.ndarray:
    """Three finite numbers. Shape [3]."""
    try:
        found = np.asarray(value, float)
    except (TypeError, ValueError) as e:
        raise RobotError(f"{override.at(key)} is {value!r}; it must be three numbers") from e
    if found.shape != (3,) or not np.isfinite(found).all():
        raise RobotError(f"{override.at(key)} is {value!r}; it must be three numbers")
    return found


def height(override: Override, key: str) -> float | None:
    """A length, m, or null. Raises RobotError."""
    value = override[key]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= FARTHEST:
        raise RobotError(f"{override.at(key)} is {value!r}; it must be a height in m, or null")
    return float(value)


def finger_joint(tree: Anatomy, override: Override, key: str, row: Any) -> FingerJoint:
    """One row of a hand's finger."""
    try:
        joints(tree, override, key, [row["joint"]])
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
            f"{override.at(key)} is {row!r}; it needs joint, open, closed, weights (4 numbers), full, human"
        ) from e


def face_joints(override: Override, robot: RobotModel, section: list[Any]) -> tuple[FaceJoint, ...]:
    """The rows of the section `face`."""
    rows = []
    for i, row in enumerate(section):
        key = f"face[{i}]"
        try:
            if row["joint"] not in robot.joint_index:
                raise RobotError(
                    f"{override.at(key)} names the joint '{row['joint']}', which the robot does not have; "
                    + nearest(str(row["joint"]), robot.joint_names)
                )
            shapes = tuple((str(n), float(p), float(g)) for n, p, g in row["shapes"])
            strange = [n for n, _, _ in shapes if n not in ARKIT_INDEX]
            if strange:
                raise RobotError(
                    f"{override.at(key)} uses unknown ARKit shapes: {', '.join(strange)}; "
                    + nearest(strange[0], ARKIT_INDEX)
                )
            rows.append(FaceJoint(row["joint"], str(row.get("role", "")), float(row.get("neutral", 0)), shapes))
        except (KeyError, TypeError, ValueError) as e:
            raise RobotError(
                f"{override.at(key)} is {row!r}; it needs joint, role, neutral, shapes ([name, position, gain])"
            ) from e
    return tuple(rows)
