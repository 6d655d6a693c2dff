"""speech-gesture robot check URDF"""

from __future__ import annotations

import argparse
from pathlib import Path

from speech_gesture_pkg.commands.common import report, writable_file
from speech_gesture_pkg.commands.robot_poses import check_poses
from speech_gesture_pkg.retarget.mapping import map_robot
from speech_gesture_pkg.retarget.report import format_table, mapping_table, to_yaml
from speech_gesture_pkg.retarget.retargeter import Retargeter
from speech_gesture_pkg.retarget.robot import RobotModel


def add_arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Options of the verb; returns the parser of the action, which takes the common options."""
    actions = parser.add_subparsers(dest="action", required=True)
    check = actions.add_parser("check", help="map, limits, warnings, picture, YAML override")
    check.add_argument("urdf", help="URDF file")
    check.add_argument("--png", help="picture of rest and gesture poses to write")
    check.add_argument("--yaml", help="joint map to write, to edit and give as robot.map_file")
    return check


def run(options: argparse.Namespace) -> int:
    """Print the automatic joint map, and write picture and YAML."""
    robot = RobotModel.from_file(options.urdf)
    mapping = map_robot(robot)
    rows = mapping_table(robot, mapping)
    written = []
    if options.yaml:
        writable_file(options.yaml, ".yaml", ".yml").write_text(to_yaml(mapping), encoding="utf-8")
        written.append(options.yaml)
    if options.png:
        from speech_gesture_pkg.viewer.picture import render_poses

        render_poses(
            Path(options.urdf), check_poses(Retargeter(robot, mapping)), writable_file(options.png, ".png"), columns=3
        )
        written.append(options.png)
    text = "\n".join(
        [format_table(rows), *(f"warning: {w}" for w in mapping.warnings), *(f"missing: {m}" for m in mapping.missing)]
    )
    result = {
        "robot": robot.name,
        "groups": {k: list(v) for k, v in mapping.groups.items()},
        "warnings": list(mapping.warnings),
        "missing": list(mapping.missing),
        "written": written,
    }
    report(options, result, f"{robot.name}\n{text}" + "".join(f"\nwrote {w}" for w in written))
    return 0
