"""Reads a URDF into plain data, and says in one sentence what is wrong with a bad one.

Own reader rather than a library's: robots in the field come with NaN limits, mimics of missing joints and inertias of
zero, and a user deserves the joint's name instead of a parser's traceback.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import numpy as np

from speech_gesture_pkg.errors import RobotError, one_of
from speech_gesture_pkg.robot.urdf_bounds import check_counts, check_names
from speech_gesture_pkg.robot.urdf_text import unexpanded, urdf_root
from speech_gesture_pkg.robot.urdf_types import JOINT_TYPES, MOVING_TYPES, Geometry, Joint, Link, Urdf

FARTHEST = 1000.0
"""Lengths in a URDF beyond this are mistakes, m."""

Palette = dict[str, tuple[float, float, float] | None]
"""Material name -> red, green, blue."""


def leader(joint: Joint, by_name: dict[str, Joint], name: str) -> tuple[str, float, float]:
    """The actuated joint that `joint` follows at last, with multiplier and offset (itself if it is no mimic).

    Args:
        by_name: all joints that can move.
        name: what to call the URDF in messages.

    Raises:
        RobotError: it follows a joint that cannot move, or mimics follow each other in a circle.
    """
    factor, offset = 1.0, 0.0
    for _ in range(len(by_name) + 1):
        if joint.mimic is None:
            return joint.name, factor, offset
        followed, multiplier, shift = joint.mimic
        offset += factor * shift
        factor *= multiplier
        if followed not in by_name:
            raise RobotError(f"URDF {name}: joint '{joint.name}' mimics '{followed}', a joint that cannot move")
        joint = by_name[followed]
    raise RobotError(f"URDF {name}: the mimic joints around '{joint.name}' follow each other in a circle")


def parse_urdf(text: str, name: str) -> Urdf:
    """URDF text to `Urdf`.

    Args:
        text: the XML.
        name: what to call it in messages (a path, or "robot_description").

    Raises:
        RobotError: not XML, no <robot>, duplicate names, missing links, several roots, loops, numbers that are none.
    """
    root = urdf_root(text, name)
    if left := unexpanded(root):
        raise RobotError(f"URDF {name} holds <xacro:{left}>: expand it first (xacro robot.urdf.xacro > robot.urdf)")
    colours: Palette = {m.get("name", ""): _colour(m, {}, name) for m in root.findall("material")}
    links: dict[str, Link] = {}
    moving = sum(joint.get("type") in MOVING_TYPES for joint in root.findall("joint"))
    check_counts(len(root.findall("link")), moving, name)
    for element in root.findall("link"):
        link = Link(
            _name(element, "link", name),
            tuple(_shapes(element, "visual", colours, name)),
            tuple(_shapes(element, "collision", colours, name)),
            *_mass_box(element),
        )
        if link.name in links:
            raise RobotError(f"URDF {name} has two links named '{link.name}'; link names must be unique")
        links[link.name] = link
    joints = tuple(_joint(element, name) for element in root.findall("joint"))
    if not links:
        raise RobotError(f"URDF {name} has no links; a robot needs at least one")
    check_names([root.get("name") or ""], "robot", name)
    check_names(links, "link", name)
    check_names((j.name for j in joints), "joint", name)
    _check_names(joints, links, name)
    return _tree(root.get("name") or name, links, joints, name)


def _check_names(joints: tuple[Joint, ...], links: dict[str, Link], name: str) -> None:
    seen: set[str] = set()
    for joint in joints:
        if joint.name in seen:
            raise RobotError(f"URDF {name} has two joints named '{joint.name}'; joint names must be unique")
        seen.add(joint.name)
        for role, link in (("parent", joint.parent), ("child", joint.child)):
            if link not in links:
                raise RobotError(
                    f"URDF {name}: joint '{joint.name}' names the {role} link '{link}', which is not there"
                )
    for joint in joints:
        if joint.mimic and joint.mimic[0] not in seen:
            raise RobotError(
                f"URDF {name}: joint '{joint.name}' mimics '{joint.mimic[0]}', which the robot does not have"
            )


def _tree(title: str, links: dict[str, Link], joints: tuple[Joint, ...], name: str) -> Urdf:
    children: dict[str, list[Joint]] = {}
    parents: dict[str, str] = {}
    for joint in joints:
        if joint.child in parents:
            raise RobotError(
                f"URDF {name}: link '{joint.child}' hangs from joints '{parents[joint.child]}' and '{joint.name}'; "
                "a URDF is a tree (closed chains cannot be served)"
            )
        parents[joint.child] = joint.name
        children.setdefault(joint.parent, []).append(joint)
    roots = [link for link in links if link not in parents]
    if len(roots) != 1:
        found = (
            f"{len(roots)} root links ({', '.join(roots[:5])})" if roots else "no root link (its joints form a loop)"
        )
        raise RobotError(f"URDF {name} has {found}; it must be one tree with one root")
    urdf = Urdf(title, links, joints, roots[0], children)
    if len(urdf.depth_first()) != len(joints):
        raise RobotError(
            f"URDF {name} has a loop of joints that the root '{roots[0]}' does not reach; it must be a tree"
        )
    return urdf


def _name(element: ET.Element, what: str, name: str) -> str:
    value = element.get("name")
    if not value:
        raise RobotError(f"URDF {name} has a {what} without a name; give it one")
    return value


def _numbers(text: str | None, default: tuple[float, ...], where: str) -> np.ndarray:
    if text is None:
        return np.array(default, float)
    try:
        values = np.array([float(v) for v in text.split()])
    except ValueError as e:
        raise RobotError(f"{where} is '{text}'; it must be {len(default)} numbers") from e
    if len(values) != len(default) or not np.isfinite(values).all():
        raise RobotError(f"{where} is '{text}'; it must be {len(default)} finite numbers")
    return values


def _number(element: ET.Element | None, key: str, where: str) -> float:
    """A limit: NaN where absent or written as NaN (checked later, with the joint's name)."""
    text = None if element is None else element.get(key)
    if text is None:
        return math.nan
    try:
        return float(text)
    except ValueError as e:
        raise RobotError(f"{where} has {key}='{text}'; it must be a number") from e


def rpy_matrix(roll: float, pitch: float, yaw: float) -> np.ndarray:
    """Rotation of URDF's fixed-axis roll, pitch, yaw (rad): Rz(yaw) Ry(pitch) Rx(roll). Shape [3, 3]."""
    cr, sr, cp, sp, cy, sy = (f(a) for a in (roll, pitch, yaw) for f in (math.cos, math.sin))
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def _origin(element: ET.Element, where: str) -> np.ndarray:
    node = element.find("origin")
    pose = np.eye(4)
    if node is not None:
        pose[:3, 3] = _numbers(node.get("xyz"), (0, 0, 0), f"{where}: origin xyz")
        _believable(pose[:3, 3], node.get("xyz"), f"{where}: origin xyz")
        pose[:3, :3] = rpy_matrix(*_numbers(node.get("rpy"), (0, 0, 0), f"{where}: origin rpy"))
    return pose


def _believable(values: np.ndarray, text: object, where: str, least: float = -FARTHEST) -> None:
    """Raise RobotError for lengths that no robot has, m."""
    if (values < least).any() or (values > FARTHEST).any():
        raise RobotError(f"{where} is '{text}'; it must be in [{least:g}, {FARTHEST:g}] m")


def _colour(element: ET.Element | None, known: Palette, name: str) -> tuple[float, float, float] | None:
    if element is None:
        return None
    node = element.find("color")
    if node is None:
        return known.get(element.get("name", ""))
    rgba = _numbers(node.get("rgba"), (0.7, 0.7, 0.7, 1.0), f"URDF {name}: material '{element.get('name')}' rgba")
    r, g, b, _ = np.clip(rgba, 0.0, 1.0)
    return (float(r), float(g), float(b))


def _shapes(link: ET.Element, tag: str, colours: Palette, name: str) -> list[Geometry]:
    shapes = []
    where = f"URDF {name}: {tag} of link '{link.get('name')}'"
    for element in link.findall(tag):
        holder = element.find("geometry")
        shape = next(iter(holder), None) if holder is not None else None
        if shape is None:
            continue
        mesh = ""
        if shape.tag == "box":
            size = _numbers(shape.get("size"), (1, 1, 1), f"{where}: box size")
        elif shape.tag in ("cylinder", "capsule"):
            radius, length = (_numbers(shape.get(k), (1,), f"{where}: {k}")[0] for k in ("radius", "length"))
            size = np.array([radius, length])
        elif shape.tag == "sphere":
            size = _numbers(shape.get("radius"), (1,), f"{where}: sphere radius")
        elif shape.tag == "mesh":
            size = _numbers(shape.get("scale"), (1, 1, 1), f"{where}: mesh scale")
            mesh = shape.get("filename", "")
        else:
            raise RobotError(f"{where}: {one_of('shape', shape.tag, ('box', 'cylinder', 'sphere', 'mesh'))}")
        kind = "cylinder" if shape.tag == "capsule" else shape.tag
        if kind != "mesh":
            _believable(size, " ".join(f"{v:g}" for v in size), f"{where}: size of the {shape.tag}", 0.0)
        colour = _colour(element.find("material"), colours, name)
        origin, rounded = _origin(element, where), shape.tag == "capsule"
        shapes.append(Geometry(kind, tuple(size.tolist()), origin, colour, mesh, rounded))
    return shapes


def _mass_box(link: ET.Element) -> tuple[Geometry | None, float]:
    """The box of the link's inertia and its mass; None and 0 if absent, zero or nonsense: motion does not depend on it.

    A solid box with edges a, b, c has the principal moments m (b^2 + c^2) / 12, ...
    """
    inertial = link.find("inertial")
    mass_node, inertia = (None, None) if inertial is None else (inertial.find("mass"), inertial.find("inertia"))
    if inertial is None or mass_node is None or inertia is None:
        return None, 0.0
    try:
        mass = float(mass_node.get("value", "nan"))
        xx, xy, xz, yy, yz, zz = (float(inertia.get(f"i{k}", "0")) for k in ("xx", "xy", "xz", "yy", "yz", "zz"))
        pose = _origin(inertial, "inertial")
    except (ValueError, RobotError):
        return None, 0.0
    matrix = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    if not np.isfinite(matrix).all() or not math.isfinite(mass) or mass < 1e-3:
        return None, 0.0
    moments, axes = np.linalg.eigh(matrix)
    if moments.min() < 0:
        return None, 0.0
    if np.linalg.det(axes) < 0:
        axes[:, 0] = -axes[:, 0]
    pose[:3, :3] = pose[:3, :3] @ axes
    edges = np.sqrt(np.maximum(6.0 / mass * (moments.sum() - 2.0 * moments), 0.0))
    return Geometry("box", tuple(edges.tolist()), pose), mass


def _joint(element: ET.Element, name: str) -> Joint:
    title = _name(element, "joint", name)
    where = f"URDF {name}: joint '{title}'"
    kind = element.get("type", "")
    if kind not in JOINT_TYPES:
        raise RobotError(f"{where}: {one_of('joint type', kind, JOINT_TYPES)}")
    ends = []
    for tag in ("parent", "child"):
        node = element.find(tag)
        link = node.get("link") if node is not None else None
        if not link:
            raise RobotError(f"{where} names no {tag} link; a joint connects two links")
        ends.append(link)
    axis_node = element.find("axis")
    axis = _numbers(axis_node.get("xyz") if axis_node is not None else None, (1, 0, 0), f"{where}: axis")
    length = float(np.linalg.norm(axis))
    if length < 1e-6:
        if kind in MOVING_TYPES:
            raise RobotError(f"{where} has a zero axis; it must be a direction such as '0 0 1'")
        axis, length = np.array([1.0, 0, 0]), 1.0
    mimic_node = element.find("mimic")
    mimic = None
    if mimic_node is not None and kind in MOVING_TYPES:
        factor, offset = (
            float(_numbers(mimic_node.get(k), (d,), f"{where}: mimic {k}")[0])
            for k, d in (("multiplier", 1.0), ("offset", 0.0))
        )
        mimic = (mimic_node.get("joint", ""), factor, offset)
    limit = element.find("limit")
    return Joint(
        title,
        kind,
        ends[0],
        ends[1],
        _origin(element, where),
        axis / length,
        _limit(limit, "lower", where),
        _limit(limit, "upper", where),
        _number(limit, "velocity", where),
        mimic,
        () if limit is None else tuple(key for key in ("lower", "upper") if limit.get(key) is None),
        _soft_limits(element.find("safety_controller"), where),
        _effort(limit),
    )


def _limit(limit: ET.Element | None, key: str, where: str) -> float:
    """Position limit; the URDF specification gives an absent lower or upper the value 0."""
    return 0.0 if limit is not None and limit.get(key) is None else _number(limit, key, where)


def _soft_limits(safety: ET.Element | None, where: str) -> tuple[float, float] | None:
    """Soft limits of a <safety_controller>; one that is absent is 0, by the URDF specification."""
    keys = ("soft_lower_limit", "soft_upper_limit")
    if safety is None or all(safety.get(key) is None for key in keys):
        return None
    low, high = (_limit(safety, key, f"{where}: safety_controller") for key in keys)
    return low, high


def _effort(limit: ET.Element | None) -> float:
    try:
        return math.nan if limit is None else float(limit.get("effort", "nan"))
    except ValueError:  # nothing depends on it
        return math.nan
