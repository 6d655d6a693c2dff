"""Covers clouds of points by few nearly convex pieces, each with its convex hull and a slim capsule around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError

Cover = tuple[np.ndarray, np.ndarray, float]
"""Start [3], end [3] and radius of a capsule."""

_MOST = 4
"""Pieces of one cloud."""
_LENGTH = 0.1
"""One piece more for each such length of the longest extent, m."""
_FULL = 0.9
"""A piece is halved if its halves' hulls have less than this share of its own hull's volume."""
_WORTH = 0.03
"""... and if that takes away at least this share of the whole."""
_OVERLAP = 0.04
"""How far halves reach over the cut, as a share of the piece: triangles across it have few points."""
_CUTS = (0.3, 0.5, 0.7)
_COARSE, _FINE = 10, 24
"""Points are thinned to the outermost in each cell of a grid with so many along the longest edge: to cut, to keep."""


_CHECKED = 4000
"""Points that are held against the hulls."""


@dataclass(frozen=True)
class ConvexPart:
    """A nearly convex part of a shape.

    Attributes:
        capsule: contains all its points.
        corners: of its convex hull, or of points that are not solid. Shape [V, 3], m.
        skin: how far points of the piece are outside the hull of these corners at most, m.
    """

    capsule: Cover
    corners: np.ndarray
    skin: float


def cover_points(points: np.ndarray) -> list[ConvexPart]:
    """Pieces that together contain every point [N, 3]."""
    fine = _thinned(points, _FINE)
    pieces = [_piece(p) for p in _parts(fine)]
    lack = _beyond(pieces, points[:: max(len(points) // _CHECKED, 1)])
    return [ConvexPart((*p.capsule[:2], p.capsule[2] + lack), p.corners, lack) for p in pieces]


def _piece(points: np.ndarray) -> ConvexPart:
    corners = points[np.unique(np.argmax(points @ _AROUND.T, axis=0))]
    return ConvexPart(_slimmest(points), corners, 0.0)


def _directions(count: int) -> np.ndarray:
    """Unit vectors all around (Fibonacci's spiral), and the axes. Shape [count + 6, 3]."""
    k = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * k / count), np.pi * (1 + 5**0.5) * k
    spiral = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], 1)
    return np.concatenate([spiral, np.eye(3), -np.eye(3)])


_AROUND = _directions(140)
"""Hulls are made of the points that reach farthest in these directions."""


def _beyond(pieces: list[ConvexPart], points: np.ndarray) -> float:
    """How far points are outside all the pieces' hulls at most."""
    outside = np.full(len(points), np.inf)
    for piece in pieces:
        hull = _hull(piece.corners)
        if hull is not None:
            np.minimum(outside, (points @ hull.equations[:, :3].T + hull.equations[:, 3]).max(1), out=outside)
    found = float(outside.max())
    return max(found, 0.0) if np.isfinite(found) else 0.0


def _thinned(points: np.ndarray, grid: int) -> np.ndarray:
    """The point farthest from the middle in each cell of a grid."""
    low = points.min(0)
    size = max(float(np.ptp(points, axis=0).max()) / grid, 1e-9)
    cells = np.floor((points - low) / size).astype(int) @ [1, 64, 4096]
    offset = points - (low + points.max(0)) / 2
    near = -np.sqrt(np.einsum("ni,ni->n", offset, offset))
    # The first of each cell, farthest first; of equal ones the first in the cloud.
    order = np.lexsort((near, cells))
    chosen = order[np.append(True, np.diff(cells[order]) > 0)]
    return points[chosen[np.lexsort((chosen, near[chosen]))]]


def _hull(points: np.ndarray) -> ConvexHull | None:
    """None for points in a plane, or too few."""
    try:
        return ConvexHull(points) if len(points) > 4 else None
    except QhullError:
        return None


def _volume(points: np.ndarray) -> float:
    hull = _hull(_thinned(points, _COARSE))
    return float(hull.volume) if hull else 0.0


def _parts(points: np.ndarray) -> list[np.ndarray]:
    """Halved where that takes the most from the volume of the convex hulls, while it takes enough."""
    parts = [(_volume(points), points)]
    whole = parts[0][0]
    options: dict[int, tuple[float, list[tuple[float, np.ndarray]]]] = {}
    most = min(max(int(np.ptp(points, axis=0).max() / _LENGTH), 1), _MOST)
    while len(parts) < most:
        for volume, part in parts:
            if id(part) not in options:
                options[id(part)] = _best_cut(volume, part)
        gains = [options[id(part)][0] if v > 0 else 0.0 for v, part in parts]
        k = int(np.argmax(gains))
        if gains[k] <= max((1 - _FULL) * parts[k][0], _WORTH * whole):
            break
        parts[k : k + 1] = options[id(parts[k][1])][1]
    return [part for _, part in parts]


def _best_cut(volume: float, points: np.ndarray) -> tuple[float, list[tuple[float, np.ndarray]]]:
    """How much volume the best halving takes away, and the halves with their volumes."""
    best: tuple[float, list[tuple[float, np.ndarray]]] = (0.0, [])
    low, size = points.min(0), np.ptp(points, axis=0)
    for axis in range(3):
        along = (points[:, axis] - low[axis]) / max(float(size[axis]), 1e-9)
        for cut in _CUTS:
            halves = [points[along <= cut + _OVERLAP], points[along >= cut - _OVERLAP]]
            if min(map(len, halves)) < 5:
                continue
            volumes = [_volume(h) for h in halves]
            if volume - sum(volumes) > best[0]:
                best = (volume - sum(volumes), list(zip(volumes, halves, strict=True)))
    return best


def _slimmest(points: np.ndarray) -> Cover:
    """The capsule of least volume around points [N, 3], along an edge of their box or a principal axis."""
    centre = points.mean(0)
    principal = np.linalg.eigh(np.cov((points - centre).T) + 1e-12 * np.eye(3))[1]
    found = [_along(points, frame, axis) for frame in (np.eye(3), principal) for axis in range(3)]
    return min(found, key=_content)


def _along(points: np.ndarray, frame: np.ndarray, axis: int) -> Cover:
    """The capsule along one column of `frame` [3, 3] around points [N, 3]."""
    local = points @ frame
    middle = (local.min(0) + local.max(0)) / 2
    offset = local - middle
    along = offset[:, axis]
    across = np.sqrt(np.maximum((offset * offset).sum(1) - along * along, 0.0))
    best: tuple[float, float, float] | None = None
    for factor in (1.0, 1.05, 1.2):
        radius = max(factor * float(across.max()), 1e-3)
        # Each point asks for a segment that reaches to within `radius` of it.
        room = np.sqrt(np.maximum(radius**2 - across**2, 0.0))
        first, last = float((along + room).min()), float((along - room).max())
        if first > last:
            first = last = (first + last) / 2
            radius = float(np.hypot(across, along - first).max())
        if best is None or _size(radius, last - first) < _size(best[0], best[2] - best[1]):
            best = (radius, first, last)
    radius, first, last = best if best else (1e-3, 0.0, 0.0)
    ends = np.repeat(middle[None], 2, 0)
    ends[:, axis] += (first, last)
    start, end = ends @ frame.T
    return start, end, radius


def _content(capsule: Cover) -> float:
    return _size(capsule[2], float(np.linalg.norm(capsule[1] - capsule[0])))


def _size(radius: float, length: float) -> float:
    """Volume of a capsule, divided by pi."""
    return radius**2 * (length + 4 / 3 * radius)
