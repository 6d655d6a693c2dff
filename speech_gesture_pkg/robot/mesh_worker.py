"""The program that reads mesh files through trimesh, in a process of its own with bounded memory (see `mesh_process`).

A request is a line of JSON on the standard input: `{"path": ..., "scene": true or false}`. The answer is a line of JSON
on the standard output: `{"error": sentence, "last": whether the process ends with it}`, or `{"pieces": [...], "arrays":
[[dtype, shape], ...]}` and after it the bytes of those arrays, corners and faces of one piece after the other.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

MOST_MEMORY = 1 << 30
"""Bytes that reading a file may take beyond what the libraries take."""
MOST_FACES = 2_000_000
"""Triangles of a file, all instances of its parts counted."""


def bound_memory(most: int) -> None:
    """Let allocations fail beyond `most` bytes more than now; allow no files to be written and no core dumps.

    Linux knows all of these; where a system knows no such limits there is still the one of time.
    """
    try:
        import resource
    except ImportError:
        return
    limits = [(resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)]
    sizes = Path("/proc/self/statm")
    if sizes.exists():
        limits.append((resource.RLIMIT_AS, int(sizes.read_text().split()[0]) * resource.getpagesize() + most))
    for kind, value in limits:
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def peak_memory() -> int:
    """Largest memory of this process so far, bytes; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _faces(scene: Any) -> int:
    return sum(len(getattr(scene.geometry[scene.graph[node][1]], "faces", ())) for node in scene.graph.nodes_geometry)


def _as_mesh(path: str) -> list[dict[str, Any]]:
    import trimesh

    scene: Any = trimesh.load(path, force="scene", process=False)
    if (count := _faces(scene)) > MOST_FACES:
        raise ValueError(f"it has {count} triangles; at most {MOST_FACES} are read")
    mesh: Any = scene.to_mesh() if hasattr(scene, "to_mesh") else trimesh.load(path, force="mesh", process=False)
    return [{"corners": mesh.vertices, "faces": mesh.faces}]


def _as_scene(path: str) -> list[dict[str, Any]]:
    import numpy as np
    import trimesh

    scene: Any = trimesh.load(path, force="scene")
    if (count := _faces(scene)) > MOST_FACES:
        raise ValueError(f"it has {count} triangles; at most {MOST_FACES} are read")
    pieces = []
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        geometry = scene.geometry[name]
        if not hasattr(geometry, "faces") or len(geometry.faces) == 0:
            continue
        points = np.asarray(geometry.vertices) @ transform[:3, :3].T + transform[:3, 3]
        closed = bool(geometry.is_watertight and geometry.is_winding_consistent)
        pieces.append({"corners": points, "faces": geometry.faces, "closed": closed, "colour": _colour(geometry)})
    return pieces


def _colour(geometry: Any) -> list[float] | None:
    """The mean colour that the file gives the mesh, red, green, blue in [0, 1]; None if it gives none."""
    import numpy as np

    visual = getattr(geometry, "visual", None)
    if visual is None or not getattr(visual, "defined", False):
        return None
    colour = np.asarray(getattr(visual, "main_color", getattr(getattr(visual, "material", None), "main_color", ())))
    return [float(c) / 255 for c in colour[:3]] if colour.shape == (4,) else None


def _answer(out: Any, request: dict[str, Any]) -> None:
    import numpy as np

    pieces = (_as_scene if request["scene"] else _as_mesh)(request["path"])
    arrays: list[np.ndarray] = []
    for piece in pieces:
        arrays.append(np.ascontiguousarray(np.array(piece.pop("corners"), float).reshape(-1, 3)))
        arrays.append(np.ascontiguousarray(np.array(piece.pop("faces"), np.int64).reshape(-1, 3)))
    header = {"pieces": pieces, "arrays": [[a.dtype.str, list(a.shape)] for a in arrays]}
    out.write(json.dumps(header).encode() + b"\n" + b"".join(a.tobytes() for a in arrays))
    out.flush()


def main() -> None:
    """Answer requests until the input ends; ends itself when memory has run out."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # libraries may print
    import trimesh  # noqa: F401 - what it takes is not counted

    bound_memory(MOST_MEMORY)
    before = peak_memory()
    for line in sys.stdin.buffer:
        enough = True
        try:
            _answer(out, json.loads(line))
            continue
        except MemoryError:
            enough, why = False, f"it needs more than {MOST_MEMORY >> 20} MB"
        except Exception as e:  # the readers of ten formats raise what they like
            why = " ".join(str(e).split()) or type(e).__name__
            if isinstance(e.__context__, MemoryError) or peak_memory() > before + MOST_MEMORY // 4:
                enough, why = False, f"it needs too much memory ({why[:100]}); {MOST_MEMORY >> 20} MB are allowed"
        out.write(json.dumps({"error": why[:200], "last": not enough}).encode() + b"\n")
        out.flush()
        if not enough:
            return
