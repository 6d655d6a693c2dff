"""Covers clouds of points by few, slim capsules."""

from __future__ import annotations

import math

import numpy as np

Cover = tuple[np.ndarray, np.ndarray, float]
"""Start [3], end [3] and radius of a capsule."""

_CELL = 0.05
"""One capsule more for each such length of the longest extent, m."""
_MOST = 12
_ENOUGH = 0.008
"""Capsules that stand out this little are not split, m."""
_POINTS = 600


def cover_points(points: np.ndarray) -> list[Cover]:
    """Capsules that together contain every point [N, 3]; the one that stands out most is split, while that helps."""
    if len(points) > _POINTS:
        points = points[:: math.ceil(len(points) / _POINTS)]
    extent = float(np.ptp(points, axis=0).max())
    budget = int(np.clip(math.ceil(extent / _CELL), 1, _MOST))
    open_parts = [_part(points)]
    final: list[Cover] = []
    while open_parts and len(open_parts) + len(final) < budget:
        open_parts.sort(key=lambda p: p[0])
        excess, worst, capsule = open_parts.pop()
        halves = _best_split(worst) if excess > _ENOUGH else []
        if halves and np.mean([h[0] for h in halves]) < 0.95 * excess:
            open_parts += halves
        else:
            final.append(capsule)
    return final + [capsule for _, _, capsule in open_parts]


_Part = tuple[float, np.ndarray, Cover]
"""How far a capsule stands out beyond the box of its points (m), the points, and the capsule."""


def _part(points: np.ndarray) -> _Part:
    start, end, radius = capsule = _slimmest(points)
    size = np.abs(end - start) + 2 * radius
    return float((size - np.ptp(points, axis=0)).max() / 2), points, capsule


def _best_split(points: np.ndarray) -> list[_Part]:
    """The two halves that stand out least; none if the points cannot be halved."""
    best: list[_Part] = []
    low, high = points.min(0), points.max(0)
    for axis in range(3):
        below = points[:, axis] <= (low[axis] + high[axis]) / 2
        if not 3 < below.sum() < len(points) - 3:
            continue
        halves = [_part(points[below]), _part(points[~below])]
        if not best or sum(h[0] for h in halves) < sum(h[0] for h in best):
            best = halves
    return best


def _slimmest(points: np.ndarray) -> Cover:
    """The capsule of least volume around points [N, 3], along an edge of their box or a principal axis."""
    centre = points.mean(0)
    principal = np.linalg.eigh(np.cov((points - centre).T) + 1e-12 * np.eye(3))[1]
    found = [_along(points, frame, axis) for frame in (np.eye(3), principal) for axis in range(3)]
    return min(found, key=_volume)


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


def _volume(capsule: Cover) -> float:
    return _size(capsule[2], float(np.linalg.norm(capsule[1] - capsule[0])))


def _size(radius: float, length: float) -> float:
    """Volume of a capsule, divided by pi."""
    return radius**2 * (length + 4 / 3 * radius)
