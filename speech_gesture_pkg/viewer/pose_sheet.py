"""Pictures of poses: a person, and robots that do the same, with the capsules of their collision models if wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.skeleton import axis_angle_to_matrix
from speech_gesture_pkg.viewer.camera import Camera
from speech_gesture_pkg.viewer.human import HumanFigure
from speech_gesture_pkg.viewer.raster import light_table, rasterise
from speech_gesture_pkg.viewer.robot import RobotFigure
from speech_gesture_pkg.viewer.scene import Stage
from speech_gesture_pkg.viewer.shapes import LinkMesh, capsule

_AZIMUTH, _ELEVATION = 22.0, 14.0
_CAPSULE = (0.93, 0.45, 0.16)
_COVER = 0.5
"""Opacity of capsules."""
_MOST_CUT = 0.42
"""Share of the height that is left out at the bottom at most: legs and bases do not gesture."""
_FILLED = (0.94, 0.84)
"""Share of a picture's width and height that the figure fills; labels are above."""
_MOVES = 0.02
"""Points that the poses carry farther than this show what the robot does, m."""

Capsules = Sequence[tuple[np.ndarray, np.ndarray, float]]


@dataclass(frozen=True)
class RobotPoses:
    """A robot in some poses.

    Attributes:
        name: label.
        urdf: its file.
        poses: label -> {joint: rad or m}; joints not named are at 0.
        body: rotation from the body frame (x forward, y left, z up) to the root link's frame. Shape [3, 3].
        capsules: label -> (start, end, radius) in the root link's frame, m; empty = none to be drawn.
    """

    name: str
    urdf: str | Path
    poses: Mapping[str, Mapping[str, float]]
    body: np.ndarray
    capsules: Mapping[str, Capsules]


@dataclass
class _Posed:
    """Figure that is framed by what the poses reach (see `scene.Figure`)."""

    mesh: LinkMesh
    low: np.ndarray
    high: np.ndarray


def robot_pictures(robot: RobotPoses, cell: tuple[int, int]) -> dict[str, list[np.ndarray]]:
    """Pictures of every pose: without capsules, and with them where there are any. Each [H, W, 3], uint8.

    Raises RobotError for a bad URDF, InputError for no poses or unknown joints.
    """
    if not robot.poses:
        raise InputError("the list of robot poses to draw is empty")
    figure = RobotFigure.from_file(robot.urdf)
    unknown = sorted({name for q in robot.poses.values() for name in q} - set(figure.joint_names))
    if unknown:
        raise InputError(f"robot {figure.name!r} has no movable joint named {', '.join(unknown)}")
    front = np.eye(4)
    front[:3, :3] = robot.body.T
    placed = {label: front @ figure.transforms(q) for label, q in robot.poses.items()}
    stage = _stage(figure.mesh, list(placed.values()), cell)
    found = {}
    for label, transforms in placed.items():
        found[label] = [stage.draw(transforms)]
        if robot.capsules.get(label):
            found[label].append(_with_capsules(stage, found[label][0], robot.capsules[label], front))
    return found


def human_pictures(motions: Mapping[str, MotionFrames], cell: tuple[int, int]) -> dict[str, np.ndarray]:
    """The person in the first frame of every motion. Each [H, W, 3], uint8."""
    figure = HumanFigure()
    placed = {label: figure.transforms(axis_angle_to_matrix(m.poses[0])) for label, m in motions.items()}
    stage = _stage(figure.mesh, list(placed.values()), cell)
    return {label: stage.draw(transforms) for label, transforms in placed.items()}


def _stage(mesh: LinkMesh, placed: Sequence[np.ndarray], cell: tuple[int, int]) -> Stage:
    """A stage that holds all poses, down to what they move and a little more."""
    points = np.array([mesh.posed(transforms)[0] for transforms in placed])
    low, high = points.min((0, 1)), points.max((0, 1))
    moved = np.ptp(points, axis=0).max(1) > _MOVES
    least = points[:, moved, 2].min() if moved.any() else low[2]
    cut = low[2] + float(np.clip(least - low[2] - 0.04 * (high[2] - low[2]), 0.0, _MOST_CUT * (high[2] - low[2])))
    camera = Camera.framing(np.array([*low[:2], cut]), high, cell, _AZIMUTH, _ELEVATION)
    seen = points[points[..., 2] >= cut]
    for _ in range(3):  # as near as the figure itself allows, which is thinner than its box
        pixels, depth = camera.project(seen)
        begin, end = pixels.min(0), pixels.max(0)
        right, down = ((begin + end) / 2 - np.array(cell) / 2) * float(np.median(depth)) / camera.focal
        camera.eye = camera.eye + right * camera.axes[0] - down * camera.axes[1]
        camera.focal *= min(_FILLED[0] * cell[0] / (end - begin)[0], _FILLED[1] * cell[1] / (end - begin)[1])
    return Stage(_Posed(mesh, low, high), *cell, camera=camera)


def _with_capsules(stage: Stage, picture: np.ndarray, capsules: Capsules, front: np.ndarray) -> np.ndarray:
    """The picture with capsules laid over it, translucent."""
    mesh = LinkMesh.merge([(0, capsule(a, b, r, detail=(12, 3)).moved(front, _CAPSULE)) for a, b, r in capsules])
    over, _ = rasterise(stage.camera, *mesh.posed(np.eye(4)[None]), mesh, light_table(mesh.colours))
    share = _COVER * (over[..., 3:] > 0)
    return np.round((1 - share) * picture + share * over[..., :3]).astype(np.uint8)
