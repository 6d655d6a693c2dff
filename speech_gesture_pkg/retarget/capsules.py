"""Capsules: fitting them to URDF shapes, and distances between many of them at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech_gesture_pkg.retarget.robot import RobotModel
from speech_gesture_pkg.retarget.urdf import Geometry

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
    """

    link: str
    joint: int
    start: np.ndarray
    end: np.ndarray
    radius: float


def fit_capsules(robot: RobotModel) -> tuple[list[Capsule], list[str]]:
    """Capsules that cover a robot's collision shapes (its visual shapes, if no link has collision shapes).

    Returns:
        the capsules, and warnings on shapes that could not be used.
    """
    warnings: list[str] = []
    use_collision = any(link.collisions for link in robot.links.values())
    capsules = []
    for name, link in robot.links.items():
        joint, local = robot.link_frames[name]
        for shape in link.collisions if use_collision else link.visuals:
            for start, end, radius in _cover(shape, robot, name, warnings):
                frame = local @ shape.origin
                a, b = (frame[:3, :3] @ p + frame[:3, 3] for p in (start, end))
                capsules.append(Capsule(name, joint, a, b, radius))
    return capsules, warnings


def _cover(
    shape: Geometry, robot: RobotModel, link: str, warnings: list[str]
) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Capsules (start, end, radius) in the shape's own frame."""
    if shape.kind == "sphere":
        return [(np.zeros(3), np.zeros(3), shape.size[0])]
    if shape.kind == "cylinder":
        radius, length = shape.size
        half = max(length / 2 - radius / 4, 0.0)
        tip = np.array([0.0, 0.0, half])
        return [(-tip, tip, math.hypot(radius, length / 2 - half))]
    if shape.kind == "box":
        return _cover_box(np.array(shape.size), np.zeros(3))
    bounds = _mesh_bounds(shape, robot, link, warnings)
    return [] if bounds is None else _cover_box(bounds[1] - bounds[0], bounds.mean(0))


def _cover_box(size: np.ndarray, centre: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, float]]:
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


def _mesh_bounds(shape: Geometry, robot: RobotModel, link: str, warnings: list[str]) -> np.ndarray | None:
    """Corners [2, 3] of a mesh's box in the shape's frame, or None with a warning if the mesh cannot be read."""
    path = mesh_path(shape.mesh, robot)
    if path is None:
        warnings.append(f"mesh '{shape.mesh}' of link '{link}' is not found; the link is left out of collision checks")
        return None
    try:
        import trimesh

        bounds = trimesh.load(path, force="mesh").bounds
    except (
        ImportError,
        ValueError,
        OSError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        NotImplementedError,
    ) as e:
        warnings.append(
            f"mesh '{shape.mesh}' of link '{link}' cannot be read ({e}); it is left out of collision checks"
        )
        return None
    if bounds is None or not np.isfinite(bounds).all():
        warnings.append(f"mesh '{shape.mesh}' of link '{link}' is empty; it is left out of collision checks")
        return None
    return np.sort(np.asarray(bounds) * shape.size, axis=0)


def mesh_path(name: str, robot: RobotModel) -> Path | None:
    """File of a mesh: absolute, beside the URDF, or package://name/... below one of the URDF's parent folders."""
    folder = Path(robot.source).parent if Path(robot.source).suffix else Path()
    if name.startswith("package://"):
        tail = Path(name[len("package://") :])
        places = [base / t for base in (folder, *folder.resolve().parents) for t in (tail, Path(*tail.parts[1:]))]
    else:
        plain = Path(name.removeprefix("file://"))
        places = [plain if plain.is_absolute() else folder / plain]
    return next((p for p in places if p.is_file()), None)


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
