"""Capsules: fitting them to URDF shapes, and distances between many of them at once.

Own code because the solver needs distances and nearest points of all pairs in a batch of poses by one numpy call; Coal
tests one pair at a time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.robot.collision import convex_decomposition
from speech_gesture_pkg.robot.collision.convex_decomposition import ConvexPart, Cover, cover_points
from speech_gesture_pkg.robot.collision.shape_cache import collision_shapes, keep, key_of, recall
from speech_gesture_pkg.robot.meshes import find_mesh, read_mesh
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.robot.urdf import FARTHEST
from speech_gesture_pkg.robot.urdf_types import Geometry

_Y_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""Rotation that turns y up."""
_SKIN = 0.03
"""How far a link reaches beyond its joints, m."""
MAX_PARALLEL = 3
"""Flat boxes are covered by up to this many capsules side by side."""


@dataclass(frozen=True)
class Capsule:
    """All points within `radius` of the segment from `start` to `end`.

    Attributes:
        link: link that it covers.
        joint: index of the moving joint (of `RobotModel.model`) whose frame it is fixed to; 0 is the root.
        start, end: in that joint's frame, metres. Shape [3].
        radius: metres.
        corners: of the convex hull that it contains, in the same frame, where it was made around a mesh. Shape [V, 3].
        skin: thickness of a layer on that hull, metres.
    """

    link: str
    joint: int
    start: np.ndarray
    end: np.ndarray
    radius: float
    corners: np.ndarray | None = None
    skin: float = 0.0


def fit_capsules(robot: RobotModel) -> tuple[list[Capsule], list[str]]:
    """Capsules that cover a robot's collision shapes (its visual shapes, if no link has collision shapes).

    Where the meshes of a link cannot be read, its extent is taken from its inertia; so are those of all links if the
    meshes are not where the masses are. Collada files are also tried with their y axis turned up: some URDFs were
    written for that.

    Returns:
        the capsules, and warnings on shapes that could not be used.
    """
    key = key_of(robot, "capsules", (__file__, convex_decomposition.__file__))
    held = recall(key)
    found = _unpacked(held, robot) if held else None
    if found is None:
        found = _fitted(robot)
        keep(key, _packed(*found))
    return found


def _packed(capsules: Sequence[Capsule], warnings: Sequence[str]) -> dict[str, np.ndarray]:
    """As arrays, to be kept."""
    none = np.zeros((0, 3))
    return {
        "link": np.array([c.link for c in capsules], str),
        "joint": np.array([c.joint for c in capsules], int),
        "segment": np.array([[c.start, c.end] for c in capsules], float).reshape(-1, 2, 3),
        "radius": np.array([c.radius for c in capsules], float),
        "skin": np.array([c.skin for c in capsules], float),
        "count": np.array([-1 if c.corners is None else len(c.corners) for c in capsules], int),
        "corners": np.concatenate([none, *(c.corners for c in capsules if c.corners is not None)]),
        "warnings": np.array(list(warnings), str),
    }


def _unpacked(held: Mapping[str, np.ndarray], robot: RobotModel) -> tuple[list[Capsule], list[str]] | None:
    """The capsules and warnings of `_packed`; None if they cannot be this robot's."""
    try:
        capsules, used = [], 0
        parts = (held[k].tolist() for k in ("link", "joint", "radius", "skin", "count"))
        for (link, joint, radius, skin, count), (start, end) in zip(
            zip(*parts, strict=True), held["segment"], strict=True
        ):
            corners = held["corners"][used : used + count] if count >= 0 else None
            used += max(count, 0)
            capsules.append(Capsule(link, joint, start, end, radius, corners, skin))
        known = all(c.link in robot.links and 0 <= c.joint <= len(robot.full_names) for c in capsules)
        finite = all(np.isfinite(held[k]).all() for k in ("segment", "radius", "skin", "corners"))
        return (capsules, held["warnings"].tolist()) if known and finite and used == len(held["corners"]) else None
    except (KeyError, ValueError, TypeError):
        return None


def _fitted(robot: RobotModel) -> tuple[list[Capsule], list[str]]:
    """See `fit_capsules`."""
    capsules: list[Capsule] = []
    estimated: list[str] = []
    unknown: list[str] = []
    reasons: list[str] = []
    shapes = collision_shapes(robot)
    turned, misplaced = _placement(robot, shapes)
    for name, link in robot.links.items():
        joint, local = robot.link_frames[name]
        covers, unread = [], False
        for shape in shapes[name]:
            cover: list[ConvexPart] = []
            try:
                if misplaced and shape.kind == "mesh":
                    unread = True
                else:
                    cover = _cover(shape, robot, turned)
            except RobotError as e:
                unread = True
                reasons.append(str(e))
            covers.append((shape.origin, cover))
        if unread:
            box = link.mass_box
            (estimated if box else unknown).append(name)
            if box:
                size = np.minimum(np.array(box.size), 2 * _reach(robot, name, box.origin[:3, 3]))
                covers = [(box.origin, _plain(_estimate(size)))]
        for origin, cover in covers:
            frame = local @ origin
            for piece in cover:
                (start, end, radius), corners, skin = piece.capsule, piece.corners, piece.skin
                a, b = (frame[:3, :3] @ p + frame[:3, 3] for p in (start, end))
                moved = corners @ frame[:3, :3].T + frame[:3, 3] if len(corners) else None
                capsules.append(Capsule(name, joint, a, b, radius, moved, skin))
    return capsules, _remarks(estimated, unknown, misplaced, reasons[0] if reasons else "")


def _placement(robot: RobotModel, shapes: Mapping[str, Sequence[Geometry]]) -> tuple[bool, bool]:
    """Whether Collada meshes are to be turned, and whether meshes are misplaced all the same."""
    for turned in (False, True):
        seen, outside = _outside(robot, shapes, turned)
        if outside <= max(3.0, 0.25 * seen):
            return turned, False
    return False, True


def _outside(robot: RobotModel, shapes: Mapping[str, Sequence[Geometry]], turned: bool) -> tuple[int, int]:
    """Number of links with meshes and inertia, and of those whose centre of mass is outside the box of its meshes."""
    seen = outside = 0
    for name, link in robot.links.items():
        clouds = []
        for shape in shapes[name]:
            if shape.kind == "mesh":
                try:
                    points = _mesh_points(shape, robot, turned)
                except RobotError:
                    continue
                clouds.append(points @ shape.origin[:3, :3].T + shape.origin[:3, 3])
        if clouds and link.mass_box:
            low, high = np.min([c.min(0) for c in clouds], 0), np.max([c.max(0) for c in clouds], 0)
            centre = link.mass_box.origin[:3, 3]
            seen += 1
            outside += bool(np.linalg.norm(np.maximum(np.maximum(low - centre, centre - high), 0.0)) > 0.02)
    return seen, outside


def _reach(robot: RobotModel, link: str, centre: np.ndarray) -> float:
    """Largest believable distance of a link's surface from its centre of mass, m: inertias in URDFs may be made up."""
    anchors = [np.zeros(3), *(j.origin[:3, 3] for j in robot.tree.children.get(link, ()))]
    return max(float(np.linalg.norm(a - centre)) for a in anchors) + _SKIN


def _remarks(estimated: list[str], unknown: list[str], misplaced: bool, reason: str) -> list[str]:
    """Warnings on links whose meshes could not be used. `reason`: what is wrong with the first mesh."""
    warnings = []
    unread = f"cannot be read ({reason})" if reason else "cannot be read"
    if estimated:
        why = "are not where the masses are" if misplaced else unread
        warnings.append(
            f"meshes of {len(estimated)} links ({', '.join(estimated[:3])}, ...) {why}; their extents are taken from "
            "their inertias"
        )
    if unknown:
        warnings.append(
            f"meshes of {len(unknown)} links ({', '.join(unknown[:3])}, ...) {unread} and the links have no inertia; "
            "they are left out of collision checks"
        )
    return warnings


def _plain(covers: list[Cover]) -> list[ConvexPart]:
    """Capsules that are themselves the shape."""
    return [ConvexPart(c, np.zeros((0, 3)), 0.0) for c in covers]


def _cover(shape: Geometry, robot: RobotModel, turned: bool) -> list[ConvexPart]:
    """Pieces in the shape's own frame. Raises RobotError for a mesh that cannot be read."""
    if shape.kind == "sphere":
        return _plain([(np.zeros(3), np.zeros(3), shape.size[0])])
    if shape.kind == "cylinder":
        radius, length = shape.size
        half = max(length / 2 - radius / 4, 0.0)
        tip = np.array([0.0, 0.0, half])
        return _plain([(-tip, tip, math.hypot(radius, length / 2 - half))])
    if shape.kind == "box":
        return _plain(_cover_box(np.array(shape.size), np.zeros(3)))
    return cover_points(_mesh_points(shape, robot, turned))


def _estimate(size: np.ndarray) -> list[Cover]:
    """One capsule of about the volume of a box: boxes from inertias have no corners to cover."""
    thin, wide, long = np.argsort(size)
    radius = math.sqrt(size[thin] * size[wide]) / 2
    tip = np.zeros(3)
    tip[long] = max(size[long] / 2 - radius, 0.0)
    return [(-tip, tip, radius)]


def _cover_box(size: np.ndarray, centre: np.ndarray) -> list[Cover]:
    """Side-by-side capsules along the longest edge; together they cover the box."""
    thin, wide, long = np.argsort(size)
    count = int(np.clip(math.ceil(size[wide] / max(size[thin], 1e-4) - 0.25), 1, MAX_PARALLEL))
    across = math.hypot(size[thin] / 2, size[wide] / (2 * count))
    half = max(size[long] / 2 - across / 4, 0.0)
    radius = math.hypot(across, size[long] / 2 - half)
    capsules = []
    for k in range(count):
        middle = centre.copy()
        middle[wide] += size[wide] * ((k + 0.5) / count - 0.5)
        tip = np.zeros(3)
        tip[long] = half
        capsules.append((middle - tip, middle + tip, radius))
    return capsules


def _mesh_points(shape: Geometry, robot: RobotModel, turned: bool) -> np.ndarray:
    """Corners and centres of a mesh's triangles in the shape's frame [N, 3].

    Args:
        turned: turn Collada meshes so that their y axis is up.

    Raises:
        RobotError: a mesh that is missing or cannot be read.
    """
    path = find_mesh(shape.mesh, robot.folder)
    if path is None:
        raise RobotError(f"mesh {shape.mesh} was not found")
    points = _points_of(path, path.stat().st_mtime_ns)
    if turned and path.suffix.lower() == ".dae":
        points = points @ _Y_UP.T
    points = points * shape.size
    if not np.abs(points).max() < FARTHEST:
        raise RobotError(f"mesh {path} with the scale {shape.size} is larger than {FARTHEST:g} m")
    return points


@lru_cache(maxsize=512)
def _points_of(path: Path, _changed: int) -> np.ndarray:
    """Points of a mesh file, as written. Shape [N, 3], not to be changed. Raises RobotError."""
    mesh = read_mesh(path)
    points = np.concatenate([mesh.corners, _spread(mesh.triangles)])
    points.setflags(write=False)
    return points


def _spread(triangles: np.ndarray) -> np.ndarray:
    """Points all over triangles [F, 3, 3]: centres, and of large ones, those of their parts. Shape [N, 3]."""
    edge = np.linalg.norm(triangles - np.roll(triangles, 1, axis=1), axis=2).max(1)
    large = edge > np.ptp(triangles.reshape(-1, 3), axis=0).max() / 12
    found = [triangles.mean(1)]
    part = triangles[large][:200]
    for _ in range(2):
        middles = (part + np.roll(part, 1, axis=1)) / 2
        corners = [np.stack([part[:, i], middles[:, i], middles[:, (i + 1) % 3]], 1) for i in range(3)]
        part = np.concatenate([*corners, middles])
        found.append(part.reshape(-1, 3))
    return np.concatenate(found)


def segment_distances(
    p0: np.ndarray, p1: np.ndarray, q0: np.ndarray, q1: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearest points of segments p0-p1 and q0-q1 (Ericson, Real-Time Collision Detection, section 5.1.9).

    Args:
        p0, p1, q0, q1: end points. Shape [..., 3] each.

    Returns:
        squared distance [...], and the parameters s, t in [0, 1] of the nearest points on the two segments [...].
    """
    d1, d2, r = p1 - p0, q1 - q0, p0 - q0
    a = np.einsum("...i,...i", d1, d1)
    e = np.einsum("...i,...i", d2, d2)
    f = np.einsum("...i,...i", d2, r)
    c = np.einsum("...i,...i", d1, r)
    b = np.einsum("...i,...i", d1, d2)
    a_safe, e_safe = np.maximum(a, 1e-12), np.maximum(e, 1e-12)
    denominator = a * e - b * b
    # Nearly parallel segments: any s will do; the clamps below then find the true nearest points.
    s = np.where(denominator > 1e-9 * a * e, (b * f - c * e) / np.maximum(denominator, 1e-18), 0.0)
    s = np.minimum(np.maximum(s, 0.0), 1.0)
    t = np.minimum(np.maximum((b * s + f) / e_safe, 0.0), 1.0)
    s = np.minimum(np.maximum((b * t - c) / a_safe, 0.0), 1.0)
    gap = r + s[..., None] * d1 - t[..., None] * d2
    return np.einsum("...i,...i", gap, gap), s, t
