"""Mesh files of a URDF to draw, with their colours: read through trimesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.outside_text import one_line
from speech_gesture_pkg.robot.mesh_process import MeshPart, read_pieces
from speech_gesture_pkg.robot.meshes import find_mesh, read_mesh
from speech_gesture_pkg.viewer.shapes import Colour, Shape, from_triangles, scaling

_GREY: Colour = (0.72, 0.74, 0.78)
_Y_UP = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


class MeshLoader:
    """Reads meshes once per file; remembers what failed.

    Attributes:
        y_up: turn Collada files so that their y axis is up.
    """

    def __init__(self, base: Path | None, faces_per_mesh: int) -> None:
        self.y_up = False
        self._base = base
        self._limit = faces_per_mesh
        self._cache: dict[Path, list[Shape]] = {}

    def load(self, filename: str, scale: np.ndarray, colour: Colour | None) -> tuple[list[Shape], str | None]:
        """Shapes of one mesh file in the link's frame, and a sentence if it could not be drawn.

        Args:
            colour: the URDF's material, which wins over colours in the file.
        """
        path = find_mesh(filename, self._base)
        if path is None:
            return [], f"mesh {one_line(filename)} was not found; that part of the robot is not drawn"
        if path not in self._cache:
            try:
                self._cache[path] = self._shapes(read_pieces(path, scene=True))
                if not self._cache[path]:
                    del self._cache[path]
                    read_mesh(path)  # says what is wrong; trimesh reads much that is broken as nothing
                    self._cache[path] = []
            except RobotError as e:
                return [], f"{e}; that part of the robot is not drawn"
        frame = scaling(scale) @ _Y_UP if self.y_up and path.suffix.lower() == ".dae" else scaling(scale)
        shapes = [s.moved(frame, colour or s.colour) for s in self._cache[path]]
        return shapes, None

    def _shapes(self, pieces: list[MeshPart]) -> list[Shape]:
        pieces = [p for p in pieces if len(p.faces)]
        total = max(sum(len(p.faces) for p in pieces), 1)
        return [
            from_triangles(
                piece.corners,
                piece.faces,
                piece.colour or _GREY,
                limit=max(60, self._limit * len(piece.faces) // total),
                two_sided=not piece.closed,
            )
            for piece in pieces
        ]
