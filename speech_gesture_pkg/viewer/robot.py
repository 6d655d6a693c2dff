"""A URDF robot to draw: visuals as triangles, forward kinematics level by level, mimic joints obeyed.

Closed chains (heads on six legs) are solved through Pinocchio; nothing else needs it.
"""

from __future__ import annotations

import logging
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.outside_text import one_line
from speech_gesture_pkg.robot.urdf_bounds import check_counts
from speech_gesture_pkg.robot.urdf_text import read_urdf_text, urdf_root
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

PASSIVE_HINTS = ("passive", "unactuated")
"""What the names of joints that nothing drives tell."""

_GREY: Colour = (0.72, 0.74, 0.78)


def _numbers(element: ET.Element | None, key: str, default: str, count: int) -> np.ndarray:
    text = default if element is None else element.get(key, default)
    try:
        values = np.array([float(v) for v in text.split()])
    except ValueError as e:
        raise RobotError(f"the URDF holds {key}={text!r}; it must be {count} numbers") from e
    if values.shape != (count,) or not np.isfinite(values).all():
        raise RobotError(f"the URDF holds {key}={text!r}; it must be {count} finite numbers")
    return values


def _origin(element: ET.Element) -> np.ndarray:
    """4x4 transform of an <origin> child (URDF: fixed-axis roll, pitch, yaw); identity if absent."""
    origin = element.find("origin")
    out = np.eye(4)
    out[:3, :3] = Rotation.from_euler("xyz", _numbers(origin, "rpy", "0 0 0", 3)).as_matrix()
    out[:3, 3] = _numbers(origin, "xyz", "0 0 0", 3)
    return out


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
        root = urdf_root(xml, "of the robot to draw")
        self.name = root.get("name", "robot")
        self.warnings: list[str] = []
        self._read_tree(root)
        self._loops = None
        if any(hint in name.lower() for name in self.joint_names for hint in PASSIVE_HINTS):
            from speech_gesture_pkg.viewer.loops import ClosedLoops  # needs Pinocchio

            self._loops = ClosedLoops.of(xml, self.joint_names, base)
        self.mesh = self._read_visuals(root, MeshLoader(base, _share(root, faces)))
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

    def _read_tree(self, root: ET.Element) -> None:
        names = [link.get("name", "") for link in root.findall("link")]
        joints = root.findall("joint")
        moving = sum(joint.get("type") in ("revolute", "continuous", "prismatic") for joint in joints)
        check_counts(len(names), moving, f"of robot '{one_line(self.name)}'")
        parent_of, joint_of = {}, {}
        for joint in joints:
            ends = [joint.find(k) for k in ("parent", "child")]
            links = [e.get("link", "") if e is not None else "" for e in ends]
            for link in links:
                if link not in names:
                    raise RobotError(f"joint {joint.get('name')!r} connects link {link!r}, which the URDF lacks")
            parent_of[links[1]], joint_of[links[1]] = links[0], joint
        depth: dict[str, int] = {}
        for name in names:
            chain = [name]
            while chain[-1] in parent_of and len(chain) <= len(names):
                chain.append(parent_of[chain[-1]])
            if len(chain) > len(names):
                raise RobotError(f"link {name!r} is its own ancestor; the URDF's links must form a tree")
            depth[name] = len(chain) - 1
        if not names:
            raise RobotError("the robot description has no links")
        self.link_names = tuple(sorted(names, key=lambda n: depth[n]))
        index = {name: i for i, name in enumerate(self.link_names)}

        count = len(names)
        self._parents = np.array([index[parent_of[n]] if n in parent_of else -1 for n in self.link_names])
        self._offsets = np.tile(np.eye(4), (count, 1, 1))
        self._axis = np.zeros((count, 3))
        self._slides = np.zeros(count, bool)
        self._ratio = np.ones(count)
        self._bias = np.zeros(count)
        source: list[str | None] = [None] * count
        for name, joint in joint_of.items():
            i, kind = index[name], joint.get("type", "fixed")
            self._offsets[i] = _origin(joint)
            if kind not in ("revolute", "continuous", "prismatic"):
                continue
            axis = _numbers(joint.find("axis"), "xyz", "1 0 0", 3)
            self._axis[i] = axis / max(float(np.linalg.norm(axis)), 1e-12)
            self._slides[i] = kind == "prismatic"
            source[i] = joint.get("name", "")
        self._resolve_mimic(joints, source)
        driven = {s for s in source if s}
        self.joint_names = tuple(j.get("name", "") for j in joints if j.get("name") in driven)
        column = {name: k for k, name in enumerate(self.joint_names)}
        self._column = np.array([column[s] if s else len(column) for s in source])
        levels = np.array([depth[n] for n in self.link_names])
        self._levels = [np.flatnonzero(levels == d) for d in range(1, levels.max() + 1)]

    def _resolve_mimic(self, joints: list[ET.Element], source: list[str | None]) -> None:
        mimics = {j.get("name", ""): m for j in joints if (m := j.find("mimic")) is not None}
        for i, name in enumerate(source):
            seen: set[str] = set()
            while name in mimics:
                if name in seen:
                    raise RobotError(f"joint {name!r} mimics itself")
                seen.add(name)
                mimic = mimics[name]
                self._bias[i] += self._ratio[i] * float(_numbers(mimic, "offset", "0", 1)[0])
                self._ratio[i] *= float(_numbers(mimic, "multiplier", "1", 1)[0])
                name = mimic.get("joint", "")
            source[i] = name

    def _read_visuals(self, root: ET.Element, loader: MeshLoader) -> LinkMesh:
        palette = {m.get("name", ""): c for m in root.findall("material") if (c := _colour(m)) is not None}
        parts, lost = self._link_parts(root, loader, palette)
        if _misplaced(root, self.link_names, parts):  # some URDFs were written for readers that turn Collada's y up
            loader.y_up = True
            turned, _ = self._link_parts(root, loader, palette)
            parts = parts if _misplaced(root, self.link_names, turned) else turned
        if self.warnings:
            more = f" (and {len(self.warnings) - 1} more)" if len(self.warnings) > 1 else ""
            logger.warning("%s%s", self.warnings[0], more)
        if not parts or 2 * len(lost) > len({int(i) for i, _ in parts}):
            if not parts:
                self.warnings.append(f"robot {self.name!r} has no drawable geometry; its joints are drawn as sticks")
            parts = parts + self._sticks() + [(i, body) for i, link in lost if (body := _mass_ellipsoid(link))]
        return LinkMesh.merge(parts)

    def _link_parts(
        self, root: ET.Element, loader: MeshLoader, palette: Mapping[str, Colour]
    ) -> tuple[list[tuple[int | np.ndarray, Shape]], list[tuple[int, ET.Element]]]:
        """(link, shape) of all that can be drawn, and the links of which nothing can."""
        parts: list[tuple[int | np.ndarray, Shape]] = []
        lost = []
        for link in root.findall("link"):
            index = self.link_names.index(link.get("name", ""))
            before = len(parts)
            for visual in link.findall("visual") or link.findall("collision"):
                material = visual.find("material")
                colour = None
                if material is not None:
                    colour = _colour(material) or palette.get(material.get("name", ""))
                for shape in self._geometry(visual, colour, loader):
                    parts.append((index, shape.moved(_origin(visual))))
            if len(parts) == before and link.find("inertial") is not None:
                lost.append((index, link))
        return parts, lost

    def _geometry(self, visual: ET.Element, colour: Colour | None, loader: MeshLoader) -> list[Shape]:
        geometry = visual.find("geometry")
        if geometry is None or len(geometry) == 0:
            return []
        kind = geometry[0]
        plain = colour or _GREY
        if kind.tag == "box":
            shape = box(_numbers(kind, "size", "", 3))
        elif kind.tag == "cylinder":
            shape = cylinder(float(_numbers(kind, "radius", "", 1)[0]), float(_numbers(kind, "length", "", 1)[0]))
        elif kind.tag == "sphere":
            shape = sphere(float(_numbers(kind, "radius", "", 1)[0]))
        elif kind.tag == "capsule":
            half = float(_numbers(kind, "length", "", 1)[0]) / 2
            shape = capsule((0, 0, -half), (0, 0, half), float(_numbers(kind, "radius", "", 1)[0]))
        elif kind.tag == "mesh":
            shapes, problem = loader.load(kind.get("filename", ""), _numbers(kind, "scale", "1 1 1", 3), colour)
            if problem and problem not in self.warnings:
                self.warnings.append(problem)
            return shapes
        else:
            self.warnings.append(f"geometry <{kind.tag}> is not drawn")
            return []
        return [replace(shape, colour=plain)]

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


def _misplaced(root: ET.Element, names: tuple[str, ...], parts: Sequence[tuple[int | np.ndarray, Shape]]) -> bool:
    """Whether many links are drawn away from their centre of mass."""
    centres = {
        names.index(link.get("name", "")): _origin(i)[:3, 3]
        for link in root.findall("link")
        if (i := link.find("inertial")) is not None
    }
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


def _mass_ellipsoid(link: ET.Element) -> Shape | None:
    """The solid ellipsoid with a link's mass and inertia: about where the link is and how big. None without a mass."""
    inertial = link.find("inertial")
    if inertial is None or (mass := float(_numbers(inertial.find("mass"), "value", "0", 1)[0])) <= 0:
        return None
    inertia = inertial.find("inertia")
    xx, yy, zz, xy, xz, yz = (
        float(_numbers(inertia, f"i{k}", "0", 1)[0]) for k in ("xx", "yy", "zz", "xy", "xz", "yz")
    )
    moments, axes = np.linalg.eigh(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
    if np.linalg.det(axes) < 0:
        axes = -axes
    # a^2 + b^2 = 5 I_c / m, and so on. Inertias may be made up: no link is far from a ball of water of its mass.
    radii = np.sqrt(np.maximum(2.5 / mass * (moments.sum() - 2 * moments), 0.0))
    ball = np.cbrt(3 * mass / (4000 * np.pi))
    frame = _origin(inertial)
    frame[:3, :3] = frame[:3, :3] @ axes
    return ellipsoid((0, 0, 0), tuple(np.clip(radii, 0.5 * ball, 1.8 * ball)), (20, 14)).moved(frame, _GREY)


def _share(root: ET.Element, faces: int) -> int:
    """Triangles that each mesh file may keep."""
    return int(np.clip(faces / max(len(root.findall("link/visual/geometry/mesh")), 1), 150, 1500))


def _colour(material: ET.Element) -> Colour | None:
    element = material.find("color")
    if element is None:
        return None
    r, g, b, _ = np.clip(_numbers(element, "rgba", "0.7 0.7 0.7 1", 4), 0, 1)
    return (float(r), float(g), float(b))
