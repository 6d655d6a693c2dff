"""Triangle meshes bound to rigid links, and the primitives that URDFs and the human figure are built from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from speech_gesture_pkg.errors import MissingDependencyError

try:
    from trimesh import Trimesh, creation
    from trimesh.geometry import align_vectors
    from trimesh.graph import smooth_shade
    from trimesh.transformations import rotation_matrix, translation_matrix
except ImportError as e:
    raise MissingDependencyError("drawing figures needs trimesh: pip install 'speech_gesture_pkg[viewer]'") from e

Colour = tuple[float, float, float]
"""sRGB, each channel in [0, 1]."""

Vector = Sequence[float] | np.ndarray
"""Three (or so) numbers."""

_SHARP = np.radians(45.0)
"""Faces that meet at more than this are shaded apart."""


@dataclass(frozen=True)
class Shape:
    """Triangles of one colour in the frame of one link.

    Attributes:
        mesh: metres, link frame; faces counter-clockwise seen from outside, vertices doubled where an edge is sharp.
        colour: sRGB in [0, 1].
        two_sided: draw the inside too (open meshes, meshes of unknown winding).
    """

    mesh: Trimesh
    colour: Colour = (0.8, 0.8, 0.8)
    two_sided: bool = False

    def moved(self, transform: np.ndarray, colour: Colour | None = None) -> Shape:
        """The shape under a 4x4 transform (rotation, translation and, if any, non-uniform scale)."""
        return Shape(self.mesh.copy().apply_transform(transform), colour or self.colour, self.two_sided)


@dataclass(frozen=True)
class LinkMesh:
    """All triangles of a figure; each vertex rides on one link.

    Attributes:
        vertices, normals: in the frame of the vertex's link. Shape [V, 3].
        link: link index of each vertex. Shape [V].
        faces: Shape [F, 3].
        material: row of `colours` of each face. Shape [F].
        two_sided: Shape [F], bool.
        colours: sRGB in [0, 1]. Shape [M, 3].
    """

    vertices: np.ndarray
    normals: np.ndarray
    link: np.ndarray
    faces: np.ndarray
    material: np.ndarray
    two_sided: np.ndarray
    colours: np.ndarray

    @staticmethod
    def merge(parts: Sequence[tuple[int | np.ndarray, Shape]]) -> LinkMesh:
        """One mesh of (link index, shape) pairs; the index may also be one per vertex `[V]`."""
        colours = sorted({tuple(float(c) for c in shape.colour) for _, shape in parts})
        row = {colour: i for i, colour in enumerate(colours)}
        meshes = [shape.mesh for _, shape in parts]
        first = np.cumsum([0, *(len(m.vertices) for m in meshes)])
        sizes = [len(m.faces) for m in meshes]
        link = [np.broadcast_to(i, len(m.vertices)) for (i, _), m in zip(parts, meshes, strict=True)]
        material = [row[tuple(float(c) for c in shape.colour)] for _, shape in parts]
        return LinkMesh(
            np.concatenate([np.zeros((0, 3)), *(m.vertices for m in meshes)]),
            np.concatenate([np.zeros((0, 3)), *(m.vertex_normals for m in meshes)]),
            np.concatenate([np.zeros(0, np.int64), *link]),
            np.concatenate([np.zeros((0, 3), np.int64), *(m.faces + f for m, f in zip(meshes, first, strict=False))]),
            np.repeat(np.array(material, np.int64), sizes),
            np.repeat(np.array([shape.two_sided for _, shape in parts], bool), sizes),
            np.array(colours, float).reshape(-1, 3),
        )

    def posed(self, transforms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World vertices and (unnormalised) normals under the links' transforms `[L, 4, 4]`. Shapes [V, 3]."""
        matrices = transforms[self.link]
        vertices = np.einsum("vij,vj->vi", matrices[:, :3, :3], self.vertices) + matrices[:, :3, 3]
        return vertices, np.einsum("vij,vj->vi", matrices[:, :3, :3], self.normals)


def translation(offset: Vector) -> np.ndarray:
    """4x4 translation."""
    return np.asarray(translation_matrix(offset))


def scaling(factors: Vector) -> np.ndarray:
    """4x4 scale along the axes."""
    return np.diag([*factors, 1.0])


def pitch_about(centre: np.ndarray, angle: float) -> np.ndarray:
    """Rotation about the lateral x axis through `centre`; positive turns the front down."""
    return np.asarray(rotation_matrix(angle, (1, 0, 0), centre))


def capsule(start: Vector, end: Vector, r0: float, r1: float | None = None, detail: tuple[int, int] = (14, 4)) -> Shape:
    """Rounded cone between two points: spheres of radius r0 and r1 (default r0) and the cone that touches both.

    `detail`: sides around, and rings of each end. (trimesh's own capsule has one radius.)
    """
    r1 = r0 if r1 is None else r1
    sides, rings = detail
    p0, p1 = np.asarray(start, float), np.asarray(end, float)
    length = float(np.linalg.norm(p1 - p0))
    if length <= abs(r0 - r1) + 1e-9:
        return ellipsoid(p0 if r0 >= r1 else p1, (max(r0, r1),) * 3, (sides, 2 * rings))
    tilt = np.arcsin((r0 - r1) / length)  # latitude at which both spheres touch the cone
    latitude = np.concatenate([np.linspace(-np.pi / 2, tilt, rings + 1), np.linspace(tilt, np.pi / 2, rings + 1)])
    radius, height = np.repeat([r0, r1], rings + 1), np.repeat([0.0, length], rings + 1)
    profile = np.stack([radius * np.cos(latitude), height + radius * np.sin(latitude)], axis=1)
    place = align_vectors((0, 0, 1), p1 - p0)
    place[:3, 3] = p0
    return Shape(_revolved(profile, sides).apply_transform(place))


def ellipsoid(centre: Vector, radii: Vector, detail: tuple[int, int] = (16, 10)) -> Shape:
    """Ellipsoid with semi-axes along the frame's axes. `detail`: sides around z, and rings from pole to pole."""
    latitude = np.linspace(-np.pi / 2, np.pi / 2, detail[1] + 1)
    ball = _revolved(np.stack([np.cos(latitude), np.sin(latitude)], axis=1), detail[0])
    return Shape(ball.apply_transform(translation(centre) @ scaling(radii)))


def loft(sections: Sequence[Vector], sides: int = 28, steps: int = 4) -> Shape:
    """Closed smooth body through elliptic sections stacked along y (used for torsos).

    Args:
        sections: rows of (y, centre x, centre z, half width along x, half depth along z), from bottom to top, metres.
        steps: rings per section (Catmull-Rom between the given ones).
    """
    rows = np.asarray(sections, float)
    knots = np.arange(len(rows))
    rings = CubicHermiteSpline(knots, rows, np.gradient(rows, axis=0))(np.arange(knots[-1] * steps + 1) / steps)
    rings[:, 3:] = np.maximum(rings[:, 3:], 1e-4)
    tube = _revolved(np.stack([np.ones(len(rings)), np.arange(len(rings))], 1), sides)
    x, y, number = tube.vertices.T
    ring = rings[np.round(number).astype(int)]
    vertices = np.stack([ring[:, 1] + x * ring[:, 3], ring[:, 0], ring[:, 2] - y * ring[:, 4]], axis=1)
    return Shape(Trimesh(vertices, tube.faces, process=False))


def _revolved(profile: np.ndarray, sides: int) -> Trimesh:
    """Surface of revolution about z of (radius, z) rows from bottom to top, whatever its size."""
    size = float(np.abs(profile).max()) or 1.0  # trimesh leaves out triangles of less than 1e-8
    return creation.revolve(profile / size, sections=sides).apply_scale(size)


def _sides_for(radius: float) -> int:
    """Sides that make a circle of `radius` metres look round at the sizes robots are drawn in."""
    return int(np.clip(9 + 130 * radius, 9, 24))


def sphere(radius: float) -> Shape:
    """Sphere at the origin."""
    sides = _sides_for(radius)
    return ellipsoid((0, 0, 0), (radius,) * 3, (sides, max(sides * 2 // 3, 6)))


def cylinder(radius: float, length: float) -> Shape:
    """Cylinder about z, centred at the origin (the URDF convention)."""
    return _with_edges(creation.cylinder(1.0, 1.0, _sides_for(radius))).moved(scaling((radius, radius, length)))


def box(size: Vector) -> Shape:
    """Box centred at the origin with edge lengths `size`."""
    return _with_edges(creation.box()).moved(scaling(size))


def _with_edges(mesh: Trimesh) -> Shape:
    """The mesh with its vertices doubled along sharp edges."""
    return Shape(smooth_shade(mesh, _SHARP, facet_minarea=None))


def from_triangles(
    vertices: np.ndarray, faces: np.ndarray, colour: Colour, limit: int = 1500, two_sided: bool = True
) -> Shape:
    """Shape of a triangle soup, simplified to about `limit` faces, smooth except across sharp edges."""
    mesh = Trimesh(*simplify(vertices, faces, limit))
    return Shape(smooth_shade(mesh, _SHARP, facet_minarea=None), colour, two_sided)


def simplify(vertices: np.ndarray, faces: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertex clustering on ever coarser grids until at most `limit` faces are left (Rossignac and Borrel 1993).

    Returns vertices [V', 3] and faces [F', 3]; unchanged if there are few enough. (trimesh's own needs one more
    compiled package, and edges that are shared, which meshes of robots often have not.)
    """
    vertices, faces = np.asarray(vertices, float), np.asarray(faces)
    extent = float(np.ptp(vertices, axis=0).max()) if len(vertices) else 0.0
    cells = 96.0
    before = _face_normals(vertices, faces)
    out, kept = vertices, faces
    while len(kept) > limit and cells > 3 and extent > 0:
        key = np.round(vertices * (cells / extent)).astype(np.int64)
        _, inverse, count = np.unique(key, axis=0, return_inverse=True, return_counts=True)
        inverse = inverse.reshape(-1)
        out = np.stack([np.bincount(inverse, vertices[:, k]) / count for k in range(3)], axis=1)
        kept = inverse[faces]
        # Merged corners leave nothing of a face, far-moved ones turn it over or on edge.
        after = _face_normals(out, kept)
        size = np.linalg.norm(after, axis=1) * np.linalg.norm(before, axis=1)
        good = (after * before).sum(1) > 0.2 * size
        kept = np.unique(_smallest_first(kept[good]), axis=0)
        cells *= 0.8
    return out, kept


def _face_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Twice the area times the normal of each face. Shape [F, 3]."""
    corner = vertices[faces]
    return np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])


def _smallest_first(faces: np.ndarray) -> np.ndarray:
    """Each face rotated so that its smallest index leads: equal triangles become equal rows, winding is kept."""
    shift = np.argmin(faces, axis=1)[:, None]
    return np.take_along_axis(faces, (np.arange(3) + shift) % 3, axis=1)
