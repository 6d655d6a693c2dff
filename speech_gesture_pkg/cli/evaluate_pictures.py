"""Pictures of the robot for the report: the viewer draws them, the report puts them in."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

CELL = (170, 190)
"""Size of a picture, pixels."""


def robot_pictures(urdf: str | Path) -> Callable[[Mapping[str, Any]], list[tuple[float, bytes]]] | None:
    """A function that draws the robot of a record at its `poses`; None where the viewer's packages are not installed.

    Args:
        urdf: the robot's URDF file.

    Raises:
        RobotError: the URDF cannot be drawn.
    """
    try:
        from speech_gesture_pkg.viewer.imaging import Image
        from speech_gesture_pkg.viewer.robot import RobotFigure
        from speech_gesture_pkg.viewer.scene import Stage, View
    except ImportError:
        return None
    robot = RobotFigure.from_file(urdf)
    stage = Stage(robot, *CELL, View("upper", azimuth_deg=12.0))

    def draw(record: Mapping[str, Any]) -> list[tuple[float, bytes]]:
        poses = record.get("poses") or {}
        shown = poses.get("robot")
        if not shown:
            return []
        found = []
        for time, q in zip(poses["times_s"], shown["position"], strict=True):
            joints = {n: v for n, v in zip(shown["joint_names"], q, strict=True) if n in robot.joint_names}
            memory = io.BytesIO()
            Image.fromarray(stage.draw(robot.transforms(joints))).quantize(64).save(memory, format="PNG", optimize=True)
            found.append((float(time), memory.getvalue()))
        return found

    return draw
