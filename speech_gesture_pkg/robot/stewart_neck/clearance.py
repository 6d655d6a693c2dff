"""How far a head on a platform of legs may turn before it meets the body that carries it.

Such a head sits close over its body, often round a neck like a bell, so capsules round it would always collide. Its
pose has few parameters, though: about each axis there is one angle up to which its shapes stay clear of the body's. The
angles are found once, with the URDF's own shapes (triangle tests by Coal), for axes all round.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import coal
import numpy as np
from scipy.spatial import ConvexHull

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.robot.collision.shape_cache import collision_shapes, keep, key_of, recall
from speech_gesture_pkg.robot.joint_map.kinematic_tree import Anatomy
from speech_gesture_pkg.robot.meshes import find_mesh, read_mesh
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.robot.stewart_neck import platform as closed_chain
from speech_gesture_pkg.robot.stewart_neck.platform import Platform, turned
from speech_gesture_pkg.robot.urdf_types import Geometry

MOST = 0.7
"""Largest angle that is looked at, rad."""
_MARGIN = 0.05
"""Kept from the angle of contact, rad."""
_STEP = 0.07
"""Between two tested angles, rad: 4 mm at the rim of a head of 6 cm."""
_HEIGHTS = 5
_GRAIN = 1.5e-3
"""Shapes are rounded to this, m."""
_SHARPNESS = 30.0
"""Weight of an axis is exp(this times cosine): axes 25 degrees apart share 6 % of it."""

_SIDES = 32
"""Of a round shape."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class HeadRoom:
    """Angle that is free about each axis.

    Attributes:
        axes: unit vectors. Shape [D, 3].
        angles: rad. Shape [D].
    """

    axes: np.ndarray
    angles: np.ndarray

    def most(self, axes: np.ndarray) -> np.ndarray:
        """Largest angle about unit vectors [N, 3], rad; smooth over the sphere. Shape [N]."""
        weights = np.exp(_SHARPNESS * (axes @ self.axes.T - 1.0))
        return (weights @ self.angles) / weights.sum(1)


def with_room(tree: Anatomy, platform: Platform) -> Platform:
    """The platform with the angles that its head is free to turn by, at the height where that is most.

    Without readable shapes on both sides nothing is known, and the platform is returned as it is.
    """
    key = key_of(tree.robot, "head_room", (__file__, closed_chain.__file__))
    held = recall(key)
    found = _unpacked(held, platform) if held else None
    if found is None:
        found = _examined(tree, platform)
        room = found.room if isinstance(found.room, HeadRoom) else HeadRoom(np.zeros((0, 3)), np.zeros(0))
        keep(
            key,
            {"centre": found.centre, "height": np.array(found.height), "axes": room.axes, "angles": room.angles},
        )
    return found


def _unpacked(held: Mapping[str, np.ndarray], platform: Platform) -> Platform | None:
    """The platform with what was kept about its head; None if that makes no sense."""
    try:
        centre, height, axes, angles = held["centre"], float(held["height"]), held["axes"], held["angles"]
        whole = centre.shape == (3,) and axes.shape == (len(angles), 3)
    except (KeyError, ValueError, TypeError):
        return None
    if not whole or not all(np.isfinite(a).all() for a in (centre, height, axes, angles)):
        return None
    room = HeadRoom(axes, angles) if len(angles) else None
    return replace(platform, centre=centre, height=height, room=room)


def _examined(tree: Anatomy, platform: Platform) -> Platform:
    """See `with_room`."""
    head, body = _triangles(tree, tree.subtree(platform.plate)), _triangles(tree, _carrying(tree, platform))
    if not len(head) or not len(body):
        _log.info("no shapes of head and body: nothing is known of contacts between them")
        return platform
    contact = _Contact(head, body, platform)
    coarse = _axes(1)
    best, most = platform, -1.0
    for height in _raises(platform):
        raised = replace(platform, centre=platform.centre + height * platform.normal, height=platform.height + height)
        if contact.at(raised, np.eye(3)):
            continue
        free = np.array([contact.free(raised, axis) for axis in coarse])
        wanted = turned(coarse, np.full(len(coarse), MOST))
        reached = np.arccos(np.clip((np.trace(raised.reach(wanted)[1], axis1=1, axis2=2) - 1.0) / 2.0, -1.0, 1.0))
        mean = float(np.minimum(free, reached).mean())
        if mean > most + 1e-3:
            best, most = raised, mean
    if most < 0:  # in contact wherever it stands: these shapes say nothing
        return platform
    axes = _axes(2)
    free = np.array([contact.free(best, axis) for axis in axes])
    return replace(best, room=HeadRoom(axes, np.maximum(free - _MARGIN, 0.0)))


def _raises(platform: Platform) -> np.ndarray:
    """Heights above the middle at which the motors still have half of their room, m."""
    heights = np.linspace(0.0, 0.5 * float(platform.lengths.mean()), 41)
    _, room = platform.motors(np.repeat(np.eye(3)[None], len(heights), 0), heights[:, None] * platform.normal)
    allowed = heights[: int(np.argmin(np.append(room, -1.0) > 0.5 * max(room[0], 0.0)))]
    return np.linspace(0.0, allowed[-1] if len(allowed) else 0.0, _HEIGHTS)


def _axes(fineness: int) -> np.ndarray:
    """Directions of the points on the surface of a cube with 2 `fineness` + 1 points to an edge. Shape [D, 3]."""
    line = np.linspace(-1.0, 1.0, 2 * fineness + 1)
    points = np.stack(np.meshgrid(line, line, line), -1).reshape(-1, 3)
    points = points[np.abs(points).max(1) == 1.0]
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _carrying(tree: Anatomy, platform: Platform) -> list[int]:
    """Bodies that neither a motor of the platform nor the head moves."""
    names = tree.robot.full_names
    moved = {i for name in platform.joints for i in tree.subtree(names.index(name) + 1)}
    return [n.index for n in tree.nodes if n.index not in moved]


def _triangles(tree: Anatomy, bodies: list[int]) -> np.ndarray:
    """The shapes of some bodies in the root link's frame, robot in its neutral pose. Shape [F, 3, 3]."""
    robot = tree.robot
    found = [np.zeros((0, 3, 3))]
    for name, shapes in collision_shapes(robot).items():
        index, local = robot.link_frames[name]
        for shape in shapes if index in bodies else ():
            own = _own_triangles(shape, robot)
            pose = tree.poses[index] @ local @ shape.origin
            found.append(own @ pose[:3, :3].T + pose[:3, 3])
    return np.concatenate(found)


def _own_triangles(shape: Geometry, robot: RobotModel) -> np.ndarray:
    """A shape in its own frame, [F, 3, 3]; none for a mesh that cannot be read."""
    if shape.kind == "mesh":
        path = find_mesh(shape.mesh, robot.folder)
        try:
            return read_mesh(path).triangles * shape.size if path else np.zeros((0, 3, 3))
        except RobotError as e:
            _log.info("%s", e)
            return np.zeros((0, 3, 3))
    turn = np.linspace(0.0, 2.0 * np.pi, _SIDES, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], 1)
    if shape.kind == "sphere":
        tilt = np.linspace(0.0, np.pi, _SIDES // 2)
        corners = [np.column_stack([np.sin(a) * ring, np.full(_SIDES, np.cos(a))]) * shape.size[0] for a in tilt[1:-1]]
        corners.append(np.array([[0.0, 0.0, shape.size[0]], [0.0, 0.0, -shape.size[0]]]))
    elif shape.kind == "box":
        corners = [np.array(list(itertools.product((-0.5, 0.5), repeat=3))) * shape.size]
    else:
        radius, length = shape.size
        corners = [np.column_stack([radius * ring, np.full(_SIDES, half)]) for half in (-length / 2, length / 2)]
    points = np.concatenate(corners)
    return points[ConvexHull(points).simplices]


class _Contact:
    """Tests whether the head meets the body."""

    def __init__(self, head: np.ndarray, body: np.ndarray, platform: Platform) -> None:
        self._neutral = platform.centre - platform.height * platform.normal
        reach = np.linalg.norm(head - self._neutral, axis=2).max() + float(platform.lengths.max())
        edges = np.linalg.norm(body[:, 1:] - body[:, :1], axis=2).max(1)
        near = np.linalg.norm(body[:, 0] - self._neutral, axis=1) < reach + edges
        self._head, self._body = _tree_of(head), _tree_of(body[near])
        self._still = coal.Transform3s()

    def free(self, platform: Platform, axis: np.ndarray) -> float:
        """Largest tested angle about `axis` up to which all is clear, rad."""
        free = 0.0
        for angle in np.arange(_STEP, MOST + 1e-9, _STEP):
            if self.at(platform, turned(axis[None], np.array([angle]))[0]):
                break
            free = float(angle)
        return free

    def at(self, platform: Platform, rotation: np.ndarray) -> bool:
        """Whether they meet with the plate turned about the platform's centre by `rotation` [3, 3]."""
        place = coal.Transform3s(rotation, platform.centre - rotation @ self._neutral)
        result = coal.CollisionResult()
        return bool(coal.collide(self._head, place, self._body, self._still, coal.CollisionRequest(), result))


def _tree_of(triangles: np.ndarray) -> coal.BVHModelOBBRSS:
    """Triangles [F, 3, 3] for Coal, corners rounded to `_GRAIN`: screws have most of them and matter least."""
    origin = triangles.min((0, 1))
    cells = np.round((triangles - origin) / _GRAIN).astype(np.int64)
    across = cells.max((0, 1)) + 1
    codes = (cells[..., 0] * across[1] + cells[..., 1]) * across[2] + cells[..., 2]
    flat = (codes[:, 0] == codes[:, 1]) | (codes[:, 1] == codes[:, 2]) | (codes[:, 2] == codes[:, 0])
    codes, index = np.unique(codes[~flat], return_inverse=True)
    faces = index.reshape(-1, 3)
    corners = np.stack([codes // across[2] // across[1], codes // across[2] % across[1], codes % across[2]], 1)
    model = coal.BVHModelOBBRSS()
    model.beginModel(len(faces), len(corners))
    model.addVertices(corners * _GRAIN + origin)
    model.addTriangles(faces)
    model.endModel()
    return model
