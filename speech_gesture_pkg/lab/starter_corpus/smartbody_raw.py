"""SmartBody's own files: `.sk` skeletons and `.skm` motions.

Axes as in SMPL-X (y up, z forward, x to the left); metres, but centimetres in PNGestures. A joint's local rotation is
`prerot * Quat`, where `Quat` holds a rotation vector in radians; its local translation is `offset + Pos`. A motion
lists its channels and has one line `kt TIME fr NUMBERS` per frame; marks follow as `emphasis time: 1.2`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.errors import InputError

MARKS = {
    "ready": "ready",
    "strokeStart": "stroke_start",
    "emphasis": "stroke",
    "stroke": "stroke_end",
    "relax": "relax",
}
"""Mark in the file -> what it means."""
_MARK = re.compile(r"^\s*(\w+)\s+time:\s*([-\d.eE+]+)", re.MULTILINE)
_PREROT = re.compile(r"axis\s+(\S+)\s+(\S+)\s+(\S+)\s+ang\s+(\S+)")


@dataclass(frozen=True)
class SkSkeleton:
    """A joint tree, parents first: names, parents [J] (-1 = root), offsets [J, 3] (m), prerot [J, 3, 3]."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    prerot: np.ndarray

    def pose(self, rotations: dict[str, np.ndarray], positions: dict[str, np.ndarray], count: int) -> SkPose:
        """World rotations and positions.

        Args:
            rotations: joint -> rotation vectors [T, 3]; joints without keep their prerot.
            positions: joint -> displacements [T, 3], metres.
            count: frames T.
        """
        world = np.empty((count, len(self.names), 3, 3))
        places = np.empty((count, len(self.names), 3))
        for joint, (name, parent) in enumerate(zip(self.names, self.parents, strict=True)):
            local = np.broadcast_to(self.prerot[joint], (count, 3, 3))
            if name in rotations:
                local = local @ Rotation.from_rotvec(rotations[name]).as_matrix()
            offset = self.offsets[joint] + positions.get(name, np.zeros((count, 3)))
            if parent < 0:
                world[:, joint], places[:, joint] = local, offset
            else:
                world[:, joint] = world[:, parent] @ local
                places[:, joint] = places[:, parent] + np.einsum("tij,tj->ti", world[:, parent], offset)
        return SkPose({n: k for k, n in enumerate(self.names)}, world, places)


@dataclass(frozen=True)
class SkPose:
    """World rotations [T, J, 3, 3] and positions [T, J, 3] by joint name."""

    index: dict[str, int]
    world: np.ndarray
    places: np.ndarray

    def rotation(self, name: str) -> np.ndarray:
        """World rotation of a joint. Shape [T, 3, 3]."""
        return self.world[:, self.index[name]]

    def place(self, name: str) -> np.ndarray:
        """World position of a joint, metres. Shape [T, 3]."""
        return self.places[:, self.index[name]]


@dataclass(frozen=True)
class SkMotion:
    """A motion: times [T] (s), per joint rotation vectors and displacements [T, 3], marks in seconds."""

    times: np.ndarray
    rotations: dict[str, np.ndarray]
    positions: dict[str, np.ndarray]
    marks: dict[str, float]


def read_sk(path: str | Path) -> SkSkeleton:
    """Read a skeleton. Raises InputError."""
    path = Path(path)
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    prerots: list[np.ndarray] = []
    stack: list[int] = []
    try:
        for line in path.read_text("latin1").splitlines():
            words = line.replace("{", " { ").replace("}", " } ").split()
            for at, word in enumerate(words):
                if word in ("root", "joint") and at + 1 < len(words):
                    names.append(words[at + 1])
                    parents.append(stack[-1] if stack else -1)
                    offsets.append([0.0] * 3)
                    prerots.append(np.eye(3))
                elif word == "{":
                    stack.append(len(names) - 1)
                elif word == "}" and stack:
                    stack.pop()
                elif word == "offset":
                    offsets[-1] = [float(w) for w in words[at + 1 : at + 4]]
                elif word == "prerot":
                    found = _PREROT.search(line)
                    if found is None:
                        raise ValueError(f"prerot without axis and angle: {line.strip()}")
                    prerots[-1] = _prerot(*(float(v) for v in found.groups()))
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"{path} is not a SmartBody skeleton ({error})") from error
    if not names:
        raise InputError(f"{path} is not a SmartBody skeleton: it has no joints")
    return SkSkeleton(tuple(names), tuple(parents), np.array(offsets), np.array(prerots))


def _prerot(x: float, y: float, z: float, degrees: float) -> np.ndarray:
    axis = np.array([x, y, z])
    length = np.linalg.norm(axis)
    return Rotation.from_rotvec(np.deg2rad(degrees) * axis / length).as_matrix() if length > 0 else np.eye(3)


def read_skm(path: str | Path) -> SkMotion:
    """Read a motion. Raises InputError for anything that is not one, and for rows of another length."""
    path = Path(path)
    try:
        text = path.read_text("latin1")
        found = re.search(r"^channels\s+(\d+)\s*$", text, re.MULTILINE)
        if found is None:
            raise ValueError("it has no channels")
        lines = [line.split() for line in text[found.end() :].splitlines() if line.strip()]
        channels = [(words[0], words[1]) for words in lines[: int(found[1])]]
        rows = [words for words in lines if words[0] == "kt"]
        times = np.array([row[1] for row in rows], float)
        values = np.array([row[3:] for row in rows], float)
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"{path} is not a SmartBody motion ({error})") from error
    width = sum(3 if kind == "Quat" else 1 for _, kind in channels)
    if values.ndim != 2 or values.shape[1] != width or not np.isfinite(values).all():
        raise InputError(f"{path}: its frames must have {width} finite numbers each, as its channels say")
    rotations: dict[str, np.ndarray] = {}
    positions: dict[str, np.ndarray] = {}
    column = 0
    for joint, kind in channels:
        if kind == "Quat":
            rotations[joint] = values[:, column : column + 3]
            column += 3
        else:
            if kind in ("XPos", "YPos", "ZPos"):
                positions.setdefault(joint, np.zeros((len(values), 3)))[:, "XYZ".index(kind[0])] = values[:, column]
            column += 1
    marks = {MARKS[name]: float(value) for name, value in _MARK.findall(text) if name in MARKS}
    return SkMotion(times, rotations, positions, marks | {"start": 0.0, "end": float(times[-1])})
