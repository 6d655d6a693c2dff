"""Triangle meshes bound to rigid links, and the primitives that URDFs and the human figure are built from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]
"""sRGB, each channel in [0, 1]."""


Vector = Sequence[float] | np.ndarray
"""Three (or so) numbers."""


@dataclass(frozen=True)
class Shape:
    """Triangles of one colour in the frame of one link.

    Attributes:
        vertices: metres, link frame. Shape [V, 3].
        normals: unit, one per vertex (vertices are doubled where an edge is sharp). Shape [V, 3].
        faces: vertex indices, counter-clockwise seen from outside. Shape [F, 3].
        colour: sRGB in [0, 1].
        two_sided: draw the inside too (open meshes, meshes of unknown winding).
    """

    vertices: np.ndarray
    normals: np.ndarray
    faces: np.ndarray
    colour: Colour = (0.8, 0.8, 0.8)
    two_sided: bool = False

    def moved(self, transform: np.ndarray, colour: Colour | None = None) -> Shape:
        """The shape under a 4x4 transform (rotation, translation and, if any, non-uniform scale)."""
        linear = transform[:3, :3]
        normals = self.normals @ np.linalg.inv(linear)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        mirrored = np.linalg.det(linear) < 0
        return Shape(
            self.vertices @ linear.T + transform[:3, 3],
            normals,
            self.faces[:, ::-1] if mirrored else self.faces,
            self.colour if colour is None else colour,
            self.two_sided,
        )


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
        counts = [len(shape.vertices) for _, shape in parts]
        first = np.cumsum([0, *counts])[:-1]
        return LinkMesh(
            _stack([s.vertices for _, s in parts], 3),
            _stack([s.normals for _, s in parts], 3),
            np.concatenate([np.broadcast_to(i, len(s.vertices)) for i, s in parts] or [np.zeros(0)]).astype(np.int64),
            _stack([s.faces + f for (_, s), f in zip(parts, first, strict=True)], 3).astype(np.int64),
            np.repeat(
                [row[tuple(float(c) for c in s.colour)] for _, s in parts], [len(s.faces) for _, s in parts]
            ).astype(np.int64),
            np.repeat([s.two_sided for _, s in parts], [len(s.faces) for _, s in parts]).astype(bool),
            np.array(colours, float).reshape(-1, 3),
        )

    def posed(self, transforms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World vertices and (unnormalised) normals under the links' transforms `[L, 4, 4]`. Shapes [V, 3]."""
        matrices = transforms[self.link]
        vertices = np.einsum("vij,vj->vi", matrices[:, :3, :3], self.vertices) + matrices[:, :3, 3]
        return vertices, np.einsum("vij,vj->vi", matrices[:, :3, :3], self.normals)


def _stack(arrays: list[np.ndarray], width: int) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.zeros((0, width))


def translation(offset: Vector) -> np.ndarray:
    """4x4 translation."""
    out = np.eye(4)
    out[:3, 3] = offset
    return out


def scaling(factors: Vector) -> np.ndarray:
    """4x4 scale along the axes."""
    return np.diag([*factors, 1.0])


def pitch_about(centre: np.ndarray, angle: float) -> np.ndarray:
    """Rotation about the lateral x axis through `centre`; positive turns the front down."""
    c, s = np.cos(angle), np.sin(angle)
    out = np.eye(4)
    out[1:3, 1:3] = [[c, -s], [s, c]]
    out[:3, 3] = centre - out[:3, :3] @ centre
    return out


def coloured(shape: Shape, colour: Colour) -> Shape:
    """The same surface in another colour."""
    return Shape(shape.vertices, shape.normals, shape.faces, colour, shape.two_sided)


def _frame_along(direction: np.ndarray) -> np.ndarray:
    """Rotation whose z axis is `direction` (unit). Shape [3, 3]."""
    helper = np.eye(3)[np.argmin(np.abs(direction))]
    x = np.cross(helper, direction)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(direction, x), direction], axis=1)


def _revolve(profile: np.ndarray, normals: np.ndarray, sides: int) -> Shape:
    """Surface of revolution about z. `profile` [K, 2] is (radius, z) from bottom to top, `normals` [K, 2] likewise."""
    angle = np.arange(sides) * (2 * np.pi / sides)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    count = len(profile)
    vertices = np.empty((count, sides, 3))
    out_normals = np.empty((count, sides, 3))
    vertices[..., :2] = profile[:, None, :1] * ring
    vertices[..., 2] = profile[:, 1:]
    out_normals[..., :2] = normals[:, None, :1] * ring
    out_normals[..., 2] = normals[:, 1:]
    i = np.arange(count - 1)[:, None] * sides
    j = np.arange(sides)
    a, b = i + j, i + (j + 1) % sides
    faces = np.concatenate(
        [np.stack([a, b, b + sides], -1).reshape(-1, 3), np.stack([a, b + sides, a + sides], -1).reshape(-1, 3)]
    )
    flat = vertices.reshape(-1, 3)
    areas = np.linalg.norm(
        np.cross(flat[faces[:, 1]] - flat[faces[:, 0]], flat[faces[:, 2]] - flat[faces[:, 0]]), axis=1
    )
    return Shape(flat, out_normals.reshape(-1, 3), faces[areas > 1e-14])


def capsule(start: Vector, end: Vector, r0: float, r1: float | None = None, sides: int = 14, rings: int = 4) -> Shape:
    """Rounded cone between two points: spheres of radius r0 and r1 (default r0) and the cone that touches both."""
    r1 = r0 if r1 is None else r1
    p0, p1 = np.asarray(start, float), np.asarray(end, float)
    length = float(np.linalg.norm(p1 - p0))
    if length <= abs(r0 - r1) + 1e-9:
        big = p0 if r0 >= r1 else p1
        return ellipsoid(big, (max(r0, r1),) * 3, sides, 2 * rings)
    tilt = np.arcsin((r0 - r1) / length)  # latitude at which both spheres touch the cone
    lower = np.linspace(-np.pi / 2, tilt, rings + 1)
    upper = np.linspace(tilt, np.pi / 2, rings + 1)
    latitude = np.concatenate([lower, upper])
    radius = np.repeat([r0, r1], rings + 1)
    height = np.repeat([0.0, length], rings + 1)
    normals = np.stack([np.cos(latitude), np.sin(latitude)], axis=1)
    profile = np.stack([radius * normals[:, 0], height + radius * normals[:, 1]], axis=1)
    transform = translation(p0)
    transform[:3, :3] = _frame_along((p1 - p0) / length)
    return _revolve(profile, normals, sides).moved(transform)


def ellipsoid(centre: Vector, radii: Vector, sides: int = 16, rings: int = 10) -> Shape:
    """Ellipsoid with semi-axes along the frame's axes."""
    latitude = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
    circle = np.stack([np.cos(latitude), np.sin(latitude)], axis=1)
    return _revolve(circle, circle, sides).moved(translation(centre) @ scaling(radii))


def loft(sections: Sequence[Vector], sides: int = 28, steps: int = 4) -> Shape:
    """Closed smooth body through elliptic sections stacked along y (used for torsos).

    Args:
        sections: rows of (y, centre x, centre z, half width along x, half depth along z), from bottom to top, metres.
        steps: rings per section (Catmull-Rom between the given ones).
    """
    rows = np.asarray(sections, float)
    padded = np.concatenate([2 * rows[:1] - rows[1:2], rows, 2 * rows[-1:] - rows[-2:-1]])
    u = np.arange(steps)[:, None] / steps
    pieces = []
    for a, b, c, d in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        pieces.append(b + 0.5 * u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a))))
    rings = np.concatenate([*pieces, rows[-1:]])
    rings[:, 3:] = np.maximum(rings[:, 3:], 1e-4)
    shape = _revolve(np.stack([np.ones(len(rings)), np.arange(len(rings))], 1), np.ones((len(rings), 2)), sides)
    ring = np.repeat(rings, sides, axis=0)
    x, y = shape.vertices[:, 0], shape.vertices[:, 1]
    vertices = np.stack([ring[:, 1] + x * ring[:, 3], ring[:, 0], ring[:, 2] - y * ring[:, 4]], axis=1)
    return with_smooth_normals(Shape(vertices, vertices, shape.faces))


def with_smooth_normals(shape: Shape) -> Shape:
    """The shape with each vertex normal the area-weighted mean of its faces' normals."""
    face_normal = _face_normals(shape.vertices, shape.faces)
    normals = np.zeros_like(shape.vertices)
    for k in range(3):
        np.add.at(normals, shape.faces[:, k], face_normal)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    return Shape(shape.vertices, normals, shape.faces, shape.colour, shape.two_sided)


def _sides_for(radius: float) -> int:
    """Sides that make a circle of `radius` metres look round at the sizes robots are drawn in."""
    return int(np.clip(9 + 130 * radius, 9, 24))


def sphere(radius: float) -> Shape:
    """Sphere at the origin."""
    sides = _sides_for(radius)
    return ellipsoid((0, 0, 0), (radius,) * 3, sides, max(sides * 2 // 3, 6))


def cylinder(radius: float, length: float) -> Shape:
    """Cylinder about z, centred at the origin (the URDF convention)."""
    half, sides = length / 2, _sides_for(radius)
    profile = np.array([(0, -half), (radius, -half), (radius, -half), (radius, half), (radius, half), (0, half)])
    normals = np.array([(0, -1), (0, -1), (1, 0), (1, 0), (0, 1), (0, 1)], float)
    return _revolve(profile, normals, sides)


def box(size: Vector) -> Shape:
    """Box centred at the origin with edge lengths `size`."""
    corners: list[np.ndarray] = []
    normals: list[np.ndarray] = []
    faces: list[tuple[int, int, int]] = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            u, v = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
            normal = sign * np.eye(3)[axis]
            quad = [normal - u - v, normal + u - v, normal + u + v, normal - u + v]
            first = len(corners)
            corners += quad if sign > 0 else quad[::-1]
            normals += [normal] * 4
            faces += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    return Shape(np.array(corners) * np.asarray(size, float) / 2, np.array(normals), np.array(faces))


def from_triangles(
    vertices: np.ndarray, faces: np.ndarray, colour: Colour, limit: int = 1500, two_sided: bool = True
) -> Shape:
    """Shape of a triangle soup, simplified to about `limit` faces, smooth except across edges sharper than ~45 deg."""
    vertices, faces = simplify(vertices, faces, limit)
    corner = vertices[faces]
    face_normal = _face_normals(vertices, faces)
    vertex_normal = with_smooth_normals(Shape(vertices, vertices, faces)).normals
    face_normal /= np.maximum(np.linalg.norm(face_normal, axis=1, keepdims=True), 1e-30)
    smooth = vertex_normal[faces]
    sharp = (smooth * face_normal[:, None]).sum(-1, keepdims=True) < 0.75
    normals = np.where(sharp, face_normal[:, None], smooth).reshape(-1, 3)
    return Shape(corner.reshape(-1, 3), normals, np.arange(3 * len(faces)).reshape(-1, 3), colour, two_sided)


def simplify(vertices: np.ndarray, faces: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertex clustering on ever coarser grids until at most `limit` faces are left (Rossignac and Borrel 1993).

    Returns vertices [V', 3] and faces [F', 3]; unchanged if there are few enough.
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
