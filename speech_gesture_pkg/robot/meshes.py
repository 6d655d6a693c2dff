"""Mesh files of a URDF: where they are, and the triangles in them. What cannot be read is one sentence."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.robot.mesh_process import MOST_BYTES, read_pieces

_HEADER = 84
"""Bytes before the triangles of a binary STL file: 80 of any text and their number."""
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_VERTEX = re.compile(rb"vertex\s+(\S+)\s+(\S+)\s+(\S+)")
MOST_CORNERS = 6_000_000
"""Corners of an STL file, three a triangle."""
_FARTHEST = 1e7
"""Coordinates beyond this are no robot's, whatever the unit."""


class Mesh(NamedTuple):
    """Triangles as a file gives them, before the URDF's scale; not to be changed.

    Attributes:
        corners: Shape [V, 3].
        faces: indices into `corners`. Shape [F, 3].
    """

    corners: np.ndarray
    faces: np.ndarray

    @property
    def triangles(self) -> np.ndarray:
        """Shape [F, 3, 3]."""
        return self.corners[self.faces]


def find_mesh(filename: str, base: Path | None) -> Path | None:
    """The file that a URDF's mesh filename means, or None.

    `package://name/rest` is looked for under AMENT_PREFIX_PATH and ROS_PACKAGE_PATH, then beside and above the URDF.

    Args:
        base: folder of the URDF; None if it is no file.
    """
    if filename.startswith("file://"):
        filename = filename[len("file://") :]
        if not Path(filename).is_absolute() and base is None:
            return None
    folders = [base, *base.resolve().parents] if base is not None else []
    candidates: list[Path] = []
    if filename.startswith("package://"):
        package, _, rest = filename[len("package://") :].partition("/")
        prefixes = [Path(p) / "share" for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
        roots = [Path(p) for p in os.environ.get("ROS_PACKAGE_PATH", "").split(os.pathsep) if p]
        for root in (*prefixes, *roots, *folders):
            candidates.append(root / package / rest)
            if root.name == package:
                candidates.append(root / rest)
        candidates += [folder / rest for folder in folders]
    elif Path(filename).is_absolute():
        candidates.append(Path(filename))
    else:
        candidates += [folder / filename for folder in folders[:3]]
    return next((c for c in candidates if c.is_file()), None)


def read_mesh(path: Path) -> Mesh:
    """The triangles of a mesh file: STL by ourselves (most robots need no more), other formats through trimesh.

    Raises:
        RobotError: in one sentence, for a file that is broken, cut off or of an unknown format.
    """
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as e:
        raise RobotError(f"mesh {path} cannot be read: {e.strerror or e}") from e


@lru_cache(maxsize=256)
def _read(path: Path, _changed: int) -> Mesh:
    mesh = _stl(path) if path.suffix.lower() == ".stl" else _through_trimesh(path)
    corners, faces = mesh
    if len(corners) < 3 or not len(faces):
        raise RobotError(f"mesh {path} holds no triangles")
    if not np.isfinite(corners).all() or np.abs(corners).max() > _FARTHEST:
        raise RobotError(f"mesh {path} holds coordinates that are not finite, or beyond {_FARTHEST:g}")
    if faces.min() < 0 or faces.max() >= len(corners):
        raise RobotError(f"mesh {path} holds triangles of corners that it does not have")
    for array in mesh:
        array.setflags(write=False)
    return mesh


def _stl(path: Path) -> Mesh:
    if (size := path.stat().st_size) > MOST_BYTES:
        raise RobotError(f"mesh {path} has {size} bytes; at most {MOST_BYTES} are read")
    data = path.read_bytes()
    count = int.from_bytes(data[80:_HEADER], "little") if len(data) >= _HEADER else 0
    length = _HEADER + count * _TRIANGLE.itemsize
    if data[:5].lower() == b"solid" and len(data) != length:
        vertices = data.count(b"vertex")
        if vertices > MOST_CORNERS:
            raise RobotError(f"mesh {path} has {vertices} corners; at most {MOST_CORNERS} are read")
        try:
            # Not by numpy from text: it would make room for the longest word in every place.
            numbers = (float(number) for vertex in _VERTEX.finditer(data) for number in vertex.groups())
            corners = np.fromiter(numbers, float).reshape(-1, 3)
        except ValueError as e:
            raise RobotError(f"mesh {path} holds corners that are no numbers") from e
        if len(corners) % 3 or b"endsolid" not in data[-400:].lower():
            raise RobotError(f"mesh {path} is cut off after {len(corners)} corners")
    else:
        if 3 * count > MOST_CORNERS and len(data) >= length:
            raise RobotError(f"mesh {path} has {3 * count} corners; at most {MOST_CORNERS} are read")
        if len(data) < length or not count:
            raise RobotError(
                f"mesh {path} is cut off or no STL file: it has {len(data)} bytes and needs {length} for {count} "
                "triangles"
            )
        corners = np.frombuffer(data, _TRIANGLE, count, _HEADER)["corners"].astype(float).reshape(-1, 3)
    return Mesh(corners, np.arange(len(corners)).reshape(-1, 3))


def _through_trimesh(path: Path) -> Mesh:
    (piece,) = read_pieces(path, scene=False)
    return Mesh(piece.corners, piece.faces)
