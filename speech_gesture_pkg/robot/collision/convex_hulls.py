"""Gaps between convex hulls: what capsules around meshes say too carefully, near contact said exactly (Coal's GJK)."""

from __future__ import annotations

from collections.abc import Sequence

import coal
import numpy as np
from scipy.spatial import ConvexHull, QhullError

from speech_gesture_pkg.robot.collision.capsules import Capsule


class Hulls:
    """The bodies inside capsules: the convex hulls of meshes, or the capsules themselves.

    Attributes:
        known: for each capsule whether it holds a hull. Shape [C], bool.
    """

    def __init__(self, capsules: Sequence[Capsule]) -> None:
        self._bodies = [_body(c) for c in capsules]
        self.known = np.array([isinstance(b, coal.Convex) for b, _, _ in self._bodies], bool)
        self._turns = np.array([r for _, r, _ in self._bodies]).reshape(-1, 3, 3)
        self._places = np.array([t for _, _, t in self._bodies]).reshape(-1, 3)
        self._shapes = [b for b, _, _ in self._bodies]
        self._request, self._result = coal.DistanceRequest(), coal.DistanceResult()
        self._one, self._other = coal.Transform3s(), coal.Transform3s()

    def placed(self, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rotations [C, 3, 3] and places [C, 3] of the bodies for poses [C, 4, 4] of the capsules' joints."""
        turns = poses[:, :3, :3]
        return turns @ self._turns, (turns @ self._places[:, :, None])[:, :, 0] + poses[:, :3, 3]

    def gap(self, i: int, j: int, turns: np.ndarray, places: np.ndarray) -> float:
        """Gap between two bodies, m, negative as deep as they overlap. `turns` and `places` as from `placed`."""
        self._one.setTransform(turns[i], places[i])
        self._other.setTransform(turns[j], places[j])
        self._result.clear()
        return float(
            coal.distance(self._shapes[i], self._one, self._shapes[j], self._other, self._request, self._result)
        )

    def witness(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Nearest points on the first and the second body of the last `gap`, and the normal from second to first."""
        result = self._result
        return result.getNearestPoint1(), result.getNearestPoint2(), -result.normal


def _body(capsule: Capsule) -> tuple[coal.ShapeBase, np.ndarray, np.ndarray]:
    """The shape and its pose in the joint's frame."""
    if capsule.corners is not None:
        shape = _convex(capsule.corners)
        if shape is not None:
            if capsule.skin:
                shape.setSweptSphereRadius(capsule.skin)
            return shape, np.eye(3), np.zeros(3)
    span = capsule.end - capsule.start
    length = float(np.linalg.norm(span))
    along = span / length if length > 1e-9 else np.array([0.0, 0.0, 1.0])
    across = np.cross(along, np.eye(3)[np.argmin(np.abs(along))])
    across /= np.linalg.norm(across)
    turn = np.stack([across, np.cross(along, across), along], 1)
    return coal.Capsule(float(capsule.radius), length), turn, (capsule.start + capsule.end) / 2


def _convex(corners: np.ndarray) -> coal.Convex | None:
    """None for corners that are not solid."""
    try:
        hull = ConvexHull(corners)
    except QhullError:
        return None
    kept = hull.vertices
    number = np.full(len(corners), -1)
    number[kept] = np.arange(len(kept))
    points, triangles = coal.StdVec_Vec3s(), coal.StdVec_Triangle()
    for corner in corners[kept]:
        points.append(corner)
    first, second, third = corners[hull.simplices].transpose(1, 0, 2)
    inward = (np.cross(second - first, third - first) * (first - corners[kept].mean(0))).sum(1) <= 0
    faces = number[hull.simplices]
    faces[inward] = faces[inward][:, [0, 2, 1]]
    for a, b, c in faces.tolist():
        triangles.append(coal.Triangle(a, b, c))
    return coal.Convex(points, triangles)
