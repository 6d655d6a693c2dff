"""speech-gesture robot check URDF"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.cli.common import report, writable_file
from speech_gesture_pkg.cli.robot_poses import GESTURES, check_poses, pose_motion
from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.pipeline.build import read_map_file
from speech_gesture_pkg.resources import ROBOTS, robot_path
from speech_gesture_pkg.retargeting.base import Retargeter
from speech_gesture_pkg.retargeting.stewart_neck_retargeter import StewartNeckCollision, make_retargeter
from speech_gesture_pkg.robot.collision.capsules import Capsule
from speech_gesture_pkg.robot.collision.model import CollisionModel, limb_of_joints
from speech_gesture_pkg.robot.joint_map.auto_map import map_robot
from speech_gesture_pkg.robot.joint_map.report import format_table, mapping_table, to_yaml
from speech_gesture_pkg.robot.joint_map.robot_map import RobotMap
from speech_gesture_pkg.robot.model import RobotModel

_CELL, _SMALL = (260, 210), (150, 172)
_DEEP = 0.02
"""Hands this far below the rest of the robot are warned about, m."""


@dataclass(frozen=True)
class Checked:
    """A robot that was looked at.

    Attributes:
        name: as it was asked for.
        retargeter: over its map.
        map_file: that changed the automatic map, or "".
    """

    name: str
    path: Path
    model: RobotModel
    map: RobotMap
    retargeter: Retargeter
    map_file: str = ""

    @property
    def warnings(self) -> list[str]:
        """Of the map, of the capsules, and of arms that are longer than the robot is high."""
        return [*self.map.warnings, *inner_collision(self.retargeter).warnings, *_below_the_floor(self)]


def add_arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Options of the verb; returns the parser of the action, which takes the common options."""
    actions = parser.add_subparsers(dest="action", required=True)
    check = actions.add_parser("check", help="map, limits, warnings, picture, YAML override")
    check.add_argument("urdf", nargs="+", help=f"URDF file, or one of {', '.join(ROBOTS)}; several for one picture")
    check.add_argument("--png", help="picture to write: a person and the robot in rest and gesture poses")
    check.add_argument("--capsules", action="store_true", help="with --png: also the capsules of the collision model")
    check.add_argument("--map", default="", metavar="FILE", help="the robot's map file (robot.map_file), to check it")
    check.add_argument("--yaml", help="joint map to write, to edit and give as robot.map_file")
    return check


def run(options: argparse.Namespace) -> int:
    """Print the joint map, and write picture and YAML."""
    for name in ("yaml", "map"):
        if getattr(options, name) and len(options.urdf) > 1:
            raise ConfigError(f"--{name} was given with {len(options.urdf)} robots; a joint map belongs to one")
    png = writable_file(options.png, ".png") if options.png else None
    robots = [look_at(name, options.map) for name in options.urdf]
    results, texts = [described(robot) for robot in robots], [told(robot) for robot in robots]
    written = []
    if options.yaml:
        writable_file(options.yaml, ".yaml", ".yml").write_text(to_yaml(robots[0].map), encoding="utf-8")
        written.append(options.yaml)
    if png is not None:
        if len(robots) == 1:
            _one_sheet(robots[0], png, options.capsules)
        else:
            _many_sheet(robots, png)
        written.append(options.png)
    result: dict[str, Any] = results[0] if len(robots) == 1 else {"robots": results}
    report(options, result | {"written": written}, "\n\n".join(texts) + "".join(f"\nwrote {w}" for w in written))
    return 0


def look_at(name: str, map_file: str = "") -> Checked:
    """Load and map a robot. Raises RobotError, ConfigError, MissingDependencyError."""
    path = robot_path(name)
    model = RobotModel.from_file(path)
    found = map_robot(model, read_map_file(map_file))
    retargeter = make_retargeter(model, found)
    return Checked(name if name in ROBOTS else model.name, path, model, found, retargeter, map_file)


def inner_collision(retargeter: Retargeter) -> CollisionModel:
    """The capsules of a robot, over all joints but those of a platform."""
    collision = retargeter.collision
    inner = collision.inner if isinstance(collision, StewartNeckCollision) else collision
    assert isinstance(inner, CollisionModel), "make_retargeter makes no other"
    return inner


def _below_the_floor(robot: Checked) -> list[str]:
    """A warning where hands at rest are lower than all that the arms do not move: on some robots, with lifts down."""
    rest = dict(zip(robot.retargeter.joint_names, robot.retargeter.rest.tolist(), strict=True))
    places = capsule_places(robot, rest)
    limb = limb_of_joints(robot.model, robot.map)[[c.joint for c in own_capsules(inner_collision(robot.retargeter))]]
    up = robot.map.body[:, 2]
    lowest = np.array([min(a @ up, b @ up) - radius for a, b, radius in places])
    if not (limb > 0).any() or not (limb == 0).any():
        return []
    depth = float(lowest[limb == 0].min() - lowest[limb > 0].min())
    if depth < _DEEP:
        return []
    return [
        f"hands at rest hang {100 * depth:.0f} cm below everything else of the robot; if it stands on the floor, raise "
        "its lift before it gestures: or give the height of the 'floor' in the robot map"
    ]


def described(robot: Checked) -> dict[str, Any]:
    """For JSON."""
    return {
        "robot": robot.model.name,
        "groups": {k: list(v) for k, v in robot.retargeter.groups.items()},
        "warnings": robot.warnings,
        "missing": list(robot.map.missing),
        "map_file": robot.map_file or None,
    }


def told(robot: Checked) -> str:
    """For a person."""
    lines = [robot.model.name, format_table(mapping_table(robot.model, robot.map))]
    lines += [f"warning: {w}" for w in grouped(robot.warnings)]
    if robot.map_file:
        lines.append(f"with the map file {robot.map_file}")
    if robot.map.missing:
        lines.append(f"missing: {', '.join(robot.map.missing)}")
    return "\n".join(lines)


def grouped(sentences: Sequence[str], keep: int = 6) -> list[str]:
    """Sentences that differ only in the joint or link that they begin with, as one: "a, b, c: sentence"."""
    same: dict[str, list[str]] = {}
    for sentence in sentences:
        subject, colon, rest = sentence.partition(": ")
        whole = not colon or " " in subject.removeprefix("joint ").removeprefix("link ")
        same.setdefault(sentence if whole else rest, []).append("" if whole else subject)
    out = []
    for sentence, subjects in same.items():
        more = f" and {len(subjects) - keep} more" if len(subjects) > keep else ""
        head = ", ".join(s for s in subjects[:keep] if s)
        out.append(f"{head}{more}: {sentence}" if head else sentence)
    return out


def _one_sheet(robot: Checked, out: Path, capsules: bool) -> None:
    """Person and robot side by side in every pose; with capsules, the robot again below."""
    from speech_gesture_pkg.viewer.picture import save_png, sheet
    from speech_gesture_pkg.viewer.pose_sheet import human_pictures, robot_pictures

    poses = dict(check_poses(robot.retargeter))
    humans = human_pictures({label: pose_motion(label) for label in poses}, _CELL)
    drawn = robot_pictures(_posed(robot, poses, capsules), _CELL)
    cells = []
    for label in poses:
        pair = np.concatenate([humans[label], drawn[label][0]], 1)
        if len(drawn[label]) > 1:
            pair = np.concatenate([pair, drawn[label][1]], 1)
        cells.append((label, pair))
    columns = 3 if capsules else 4
    rows = [cells[k : k + columns] for k in range(0, len(cells), columns)]
    labelled = [[sheet([[picture]], [label]) for label, picture in row] for row in rows]
    save_png(sheet(labelled), out)


def _many_sheet(robots: Sequence[Checked], out: Path) -> None:
    """The person and every robot: a column each, a gesture a row."""
    from speech_gesture_pkg.viewer.picture import save_png, sheet
    from speech_gesture_pkg.viewer.pose_sheet import human_pictures, robot_pictures

    columns = [human_pictures({label: pose_motion(label) for label in GESTURES}, _SMALL)]
    for robot in robots:
        poses = {label: q for label, q in check_poses(robot.retargeter) if label in GESTURES}
        drawn = robot_pictures(_posed(robot, poses, False), _SMALL)
        columns.append({label: pictures[0] for label, pictures in drawn.items()})
    rows = [[column[label] for column in columns] for label in GESTURES]
    save_png(sheet(rows, ["human", *(r.name for r in robots)], GESTURES), out, colours=256)


def _posed(robot: Checked, poses: dict[str, dict[str, float]], capsules: bool) -> Any:
    from speech_gesture_pkg.viewer.pose_sheet import RobotPoses

    places = {label: capsule_places(robot, q) for label, q in poses.items()} if capsules else {}
    return RobotPoses(robot.name, robot.path, poses, robot.map.body, places)


def capsule_places(robot: Checked, q: dict[str, float]) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Start, end (root link's frame) and radius of every capsule of a robot at `q`, m."""
    full = robot.model.neutral()
    for name, value in q.items():
        full[robot.model.joint_index[name]] = value
    collision = inner_collision(robot.retargeter)
    ends = collision.end_points(full[None])[:, :, 0]
    return [(a, b, c.radius) for (a, b), c in zip(ends, own_capsules(collision), strict=False)]


def own_capsules(collision: CollisionModel) -> list[Capsule]:
    """The capsules but that of the floor, which is the last."""
    return collision.capsules[: len(collision.capsules) - (collision.floor is not None)]
