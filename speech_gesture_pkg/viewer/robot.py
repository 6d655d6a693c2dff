"""A URDF robot to draw: visuals as triangles, forward kinematics level by level, mimic joints obeyed.

Closed chains (heads on six legs) are solved through Pinocchio; nothing else needs it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.robot.urdf import leader, parse_urdf
from speech_gesture_pkg.robot.urdf_text import read_urdf_text
from speech_gesture_pkg.robot.urdf_types import MOVING_TYPES, PASSIVE_HINTS, Geometry, Link, Urdf
from speech_gesture_pkg.viewer.meshes import MeshLoader
from speech_gesture_pkg.viewer.shapes import (
    Colour,
    LinkMesh,
    Shape,
    box,
    capsule,
    cylinder,
    ellipsoid,
    sphere,
)

logger = logging.getLogger(__name__)

_GREY: Colour = (0.72, 0.74, 0.78)


class RobotFigure:
    """Drawable robot.

    Attributes:
        name: the robot's name in the URDF.
        link_names: every link, root first.
        joint_names: movable joints that do not mimic another, in URDF order.
        mesh: the triangles of all links.
        low, high: box of the robot at q = 0 and with arms swinging, metres. Shape [3].
        warnings: sentences about what could not be drawn.
    """

    def __init__(self, xml: str, base: Path | None = None, faces: int = 16_000) -> None:
        """From URDF text.

        Args:
            xml: the robot description.
            base: folder that relative mesh paths start from.
            faces: triangles that all mesh files together are simplified to, about.

        Raises:
            RobotError: not a URDF, or numbers or links in it that make no sense.
        """
        urdf = parse_urdf(xml, "of the robot to draw")
        self.name = urdf.name
        self.warnings: list[str] = []
        self._read_tree(urdf)
        self._loops = None
        if any(hint in name.lower() for name in self.joint_names for hint in PASSIVE_HINTS):
            from speech_gesture_pkg.viewer.loops import ClosedLoops  # needs Pinocchio

            self._loops = ClosedLoops.of(xml, self.joint_names, base)
        self.mesh = self._read_visuals(urdf, MeshLoader(base, _share(urdf, faces)))
        self.low, self.high = self._extent()

    @staticmethod
    def from_file(path: str | Path, faces: int = 16_000) -> RobotFigure:
        """From a URDF file. Raises RobotError naming the file."""
        path = Path(path)
        xml = read_urdf_text(path)
        try:
            return RobotFigure(xml, path.resolve().parent, faces)
        except RobotError as e:
            raise RobotError(f"{path}: {e}") from e

    def _read_tree(self, urdf: Urdf) -> None:
        depth = {urdf.root: 0}
        for joint in urdf.depth_first():
            depth[joint.child] = depth[joint.parent] + 1
        self.link_names = tuple(sorted(urdf.links, key=lambda n: depth[n]))
        index = {name: i for i, name in enumerate(self.link_names)}
        count = len(index)
        self._parents = np.full(count, -1)
        self._offsets = np.tile(np.eye(4), (count, 1, 1))
        self._axis = np.tile([1.0, 0.0, 0.0], (count, 1))
        self._slides = np.zeros(count, bool)
        self._ratio, self._bias = np.ones(count), np.zeros(count)
        moving = {j.name: j for j in urdf.joints if j.kind in MOVING_TYPES}
        source: list[str | None] = [None] * count
        for joint in urdf.joints:
            i = index[joint.child]
            self._parents[i], self._offsets[i] = index[joint.parent], joint.origin
            if joint.name in moving:
                self._axis[i], self._slides[i] = joint.axis, joint.kind == "prismatic"
                source[i], self._ratio[i], self._bias[i] = leader(joint, moving, "of the robot to draw")
        self.joint_names = tuple(name for name in moving if name in source)
        column = {name: k for k, name in enumerate(self.joint_names)}
        self._column = np.array([column[s] if s else len(column) for s in source])
        levels = np.array([depth[n] for n in self.link_names])
        self._levels = [np.flatnonzero(levels == d) for d in range(1, levels.max() + 1)]

    def _read_visuals(self, urdf: Urdf, loader: MeshLoader) -> LinkMesh:
        parts, lost = self._link_parts(urdf, loader)
        if _misplaced(urdf, self.link_names, parts):  # some URDFs were written for readers that turn Collada's y up
            loader.y_up = True
            turned, _ = self._link_parts(urdf, loader)
            parts = parts if _misplaced(urdf, self.link_names, turned) else turned
        if self.warnings:
            more = f" (and {len(self.warnings) - 1} more)" if len(self.warnings) > 1 else ""
            logger.warning("%s%s", self.warnings[0], more)
        if not parts or 2 * len(lost) > len({int(i) for i, _ in parts}):
            if not parts:
                self.warnings.append(f"robot {self.name!r} has no drawable geometry; its joints are drawn as sticks")
            parts = parts + self._sticks() + [(i, body) for i, link in lost if (body := _mass_ellipsoid(link))]
        return LinkMesh.merge(parts)

    def _link_parts(
        self, urdf: Urdf, loader: MeshLoader
    ) -> tuple[list[tuple[int | np.ndarray, Shape]], list[tuple[int, Link]]]:
        """(link, shape) of all that can be drawn, and the links of which nothing can."""
        parts: list[tuple[int | np.ndarray, Shape]] = []
        lost = []
        index_of = {name: i for i, name in enumerate(self.link_names)}
        for name, link in urdf.links.items():
            index, before = index_of[name], len(parts)
            for visual in link.visuals or link.collisions:
                parts += [(index, shape.moved(visual.origin)) for shape in self._geometry(visual, loader)]
            if len(parts) == before and link.mass_box is not None:
                lost.append((index, link))
        return parts, lost

    def _geometry(self, visual: Geometry, loader: MeshLoader) -> list[Shape]:
        if visual.kind == "mesh":
            shapes, problem = loader.load(visual.mesh, np.array(visual.size), visual.colour)
            if problem and problem not in self.warnings:
                self.warnings.append(problem)
            return shapes
        if visual.kind == "box":
            shape = box(visual.size)
        elif visual.kind == "sphere":
            shape = sphere(visual.size[0])
        elif visual.rounded:
            radius, length = visual.size
            shape = capsule((0, 0, -length / 2), (0, 0, length / 2), radius)
        else:
            shape = cylinder(*visual.size)
        return [replace(shape, colour=visual.colour or _GREY)]

    def _sticks(self) -> list[tuple[int | np.ndarray, Shape]]:
        """A capsule from each link's origin to each child's, for robots without geometry."""
        size = float(np.ptp(self.transforms({})[:, :3, 3], axis=0).max()) or 1.0
        out: list[tuple[int | np.ndarray, Shape]] = []
        for i, parent in enumerate(self._parents):
            if parent >= 0:
                end = self._offsets[i, :3, 3]
                out.append((int(parent), capsule((0, 0, 0), end, 0.016 * size, 0.012 * size)))
        return out or [(0, sphere(0.05))]

    def _extent(self) -> tuple[np.ndarray, np.ndarray]:
        vertices, _ = self.mesh.posed(self.transforms({}))
        low, high = vertices.min(0), vertices.max(0)
        # Arms hang at q = 0 on some robots and point forward on others: keep room for them to swing either way.
        room = 0.30 * (high[2] - low[2])
        centre = (low[:2] + high[:2]) / 2
        half = np.maximum((high[:2] - low[:2]) / 2, (0.6 * room, room))
        return np.array([*(centre - half), low[2]]), np.array([*(centre + half), high[2] + 0.03 * (high[2] - low[2])])

    def transforms(self, q: Mapping[str, float]) -> np.ndarray:
        """Link poses in the root link's frame; joints not named are at 0, unknown names ignored. Shape [L, 4, 4]."""
        return self.transforms_of(np.array([q.get(name, 0.0) for name in self.joint_names]))

    def transforms_of(self, q: np.ndarray) -> np.ndarray:
        """Link poses for joint values `[J]` (rad, m) in the order of `joint_names`. Shape [L, 4, 4].

        The passive joints of a head on six legs follow its motors, whatever their own values.
        """
        q = np.nan_to_num(np.asarray(q, float))
        value = (
            np.append(q if self._loops is None else self._loops.closed(q), 0.0)[self._column] * self._ratio + self._bias
        )
        motion = np.tile(np.eye(4), (len(value), 1, 1))
        turn = np.where(self._slides, 0.0, value)
        x, y, z = self._axis.T
        cross = np.zeros((len(value), 3, 3))
        cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -z, y, -x
        cross[:, 1, 0], cross[:, 2, 0], cross[:, 2, 1] = z, -y, x
        # Rodrigues' formula
        motion[:, :3, :3] += np.sin(turn)[:, None, None] * cross + (1 - np.cos(turn))[:, None, None] * (cross @ cross)
        motion[:, :3, 3] = np.where(self._slides, value, 0.0)[:, None] * self._axis
        out = self._offsets @ motion
        for links in self._levels:
            out[links] = out[self._parents[links]] @ out[links]
        return out


def _misplaced(urdf: Urdf, names: tuple[str, ...], parts: Sequence[tuple[int | np.ndarray, Shape]]) -> bool:
    """Whether many links are drawn away from their centre of mass."""
    boxes = {names.index(link.name): link.mass_box for link in urdf.links.values()}
    centres = {index: box.origin[:3, 3] for index, box in boxes.items() if box is not None}
    clouds: dict[int, list[np.ndarray]] = {}
    for index, shape in parts:
        clouds.setdefault(int(index), []).append(shape.mesh.vertices)
    seen = outside = 0
    for index, pieces in clouds.items():
        if index in centres:
            low, high = np.concatenate(pieces).min(0) - 0.02, np.concatenate(pieces).max(0) + 0.02
            seen += 1
            outside += bool((centres[index] < low).any() or (centres[index] > high).any())
    return outside > max(3.0, 0.25 * seen)


def _mass_ellipsoid(link: Link) -> Shape | None:
    """The solid ellipsoid with a link's mass and inertia: about where the link is and how big. None without a mass."""
    if link.mass_box is None:
        return None
    # Moments of an ellipsoid are m (b^2 + c^2) / 5, ..., those of a box with edges e, f, g m (f^2 + g^2) / 12, ...
    radii = np.sqrt(5.0 / 12.0) * np.array(link.mass_box.size)
    ball = np.cbrt(3 * link.mass / (4000 * np.pi))  # inertias may be made up: no link is far from a ball of water
    shape = ellipsoid((0, 0, 0), tuple(np.clip(radii, 0.5 * ball, 1.8 * ball)), (20, 14))
    return shape.moved(link.mass_box.origin, _GREY)


def _share(urdf: Urdf, faces: int) -> int:
    """Triangles that each mesh file may keep."""
    meshes = sum(shape.kind == "mesh" for link in urdf.links.values() for shape in link.visuals)
    return int(np.clip(faces / max(meshes, 1), 150, 1500))
