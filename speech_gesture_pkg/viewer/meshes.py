"""Mesh files of a URDF to draw, with their colours: read through trimesh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.retarget.mesh_files import find_mesh, read_mesh
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
            return [], f"mesh {filename} was not found; that part of the robot is not drawn"
        if path not in self._cache:
            try:
                import trimesh
            except ImportError:
                return [], f"drawing mesh {filename} needs trimesh: pip install 'speech_gesture_pkg[viewer]'"
            try:
                scene: Any = trimesh.load(path, force="scene")
                found = self._shapes(scene)
                if not found:
                    read_mesh(path)  # says what is wrong; trimesh reads much that is broken as nothing
                self._cache[path] = found
            except RobotError as e:
                return [], f"{e}; that part of the robot is not drawn"
            except Exception as e:  # each of trimesh's parsers raises its own kinds
                told = " ".join(str(e).split()) or type(e).__name__
                return [], f"mesh {path} cannot be read ({told[:200]}); that part of the robot is not drawn"
        frame = scaling(scale) @ _Y_UP if self.y_up and path.suffix.lower() == ".dae" else scaling(scale)
        shapes = [s.moved(frame, colour or s.colour) for s in self._cache[path]]
        return shapes, None

    def _shapes(self, scene: Any) -> list[Shape]:
        pieces = []
        for node in scene.graph.nodes_geometry:
            transform, name = scene.graph[node]
            geometry = scene.geometry[name]
            if not hasattr(geometry, "faces") or len(geometry.faces) == 0:
                continue
            points = np.asarray(geometry.vertices) @ transform[:3, :3].T + transform[:3, 3]
            pieces.append((points, np.asarray(geometry.faces), geometry))
        total = max(sum(len(p[1]) for p in pieces), 1)
        return [
            from_triangles(
                points,
                faces,
                _file_colour(geometry),
                limit=max(60, self._limit * len(faces) // total),
                two_sided=not bool(geometry.is_watertight and geometry.is_winding_consistent),
            )
            for points, faces, geometry in pieces
        ]


def _file_colour(geometry: Any) -> Colour:
    """The mean colour that the file gives the mesh; grey if it gives none."""
    visual = getattr(geometry, "visual", None)
    if visual is None or not getattr(visual, "defined", False):
        return _GREY
    colour = np.asarray(getattr(visual, "main_color", getattr(getattr(visual, "material", None), "main_color", ())))
    if colour.shape != (4,):
        return _GREY
    r, g, b = (float(c) / 255 for c in colour[:3])
    return (r, g, b)
