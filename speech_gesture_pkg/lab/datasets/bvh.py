"""BVH files of others: the joint tree with any channel order, and its rotations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.errors import InputError

_MOST_FRAMES = 2_000_000


@dataclass(frozen=True)
class Bvh:
    """A BVH file.

    Attributes:
        names: of the J joints, End Sites left out, parents first.
        parents: index of each joint's parent, -1 for the root. Shape [J].
        offsets: from the parent, in the file's unit. Shape [J, 3].
        ends: joint -> offset of its End Site.
        local: rotation of each joint relative to its parent. Shape [T, J, 3, 3].
        position: channel positions of the root (zero if it has none), in the file's unit. Shape [T, 3].
        fps: frames per second.
    """

    names: tuple[str, ...]
    parents: np.ndarray
    offsets: np.ndarray
    ends: dict[str, np.ndarray]
    local: np.ndarray
    position: np.ndarray
    fps: float

    def world(self) -> np.ndarray:
        """World rotation of each joint (identity in the rest pose). Shape [T, J, 3, 3]."""
        out = np.empty_like(self.local)
        for joint, parent in enumerate(self.parents):
            out[:, joint] = self.local[:, joint] if parent < 0 else out[:, parent] @ self.local[:, joint]
        return out


def read_bvh(path: str | Path) -> Bvh:
    """Read a BVH file.

    Raises:
        InputError: missing, not a BVH, or motion that does not fit the hierarchy.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"BVH file {path} does not exist")
    text = path.read_text("utf-8", errors="replace")
    head, _, tail = text.partition("MOTION")
    if "HIERARCHY" not in head or not tail:
        raise InputError(f"{path} is not a BVH file: it has no HIERARCHY followed by MOTION")
    try:
        names, parents, offsets, channels, ends = _hierarchy(head.split())
        count, frame_time, numbers = _motion(tail)
    except (ValueError, IndexError) as error:
        raise InputError(f"{path} is not a well-formed BVH file ({error})") from error
    width = sum(len(c) for c in channels)
    if not names or count < 1 or len(numbers) != count * width or not frame_time > 0 or count > _MOST_FRAMES:
        raise InputError(
            f"{path}: {count} frames of {width} channels need {count * width} numbers, it has {len(numbers)}; "
            f"the frame time is {frame_time} s"
        )
    values = numbers.reshape(count, width)
    if not np.isfinite(values).all():
        raise InputError(f"{path} holds NaN or infinite numbers")
    local = np.tile(np.eye(3), (count, len(names), 1, 1))
    position = np.zeros((count, 3))
    column = 0
    for joint, mine in enumerate(channels):
        block = values[:, column : column + len(mine)]
        column += len(mine)
        turns = [(name[0], k) for k, name in enumerate(mine) if name.endswith("rotation")]
        if turns:
            # intrinsic in the order of the file: R = R_first R_second R_third
            order = "".join(axis for axis, _ in turns)
            angles = block[:, [k for _, k in turns]]
            local[:, joint] = Rotation.from_euler(order, angles, degrees=True).as_matrix().reshape(count, 3, 3)
        if parents[joint] < 0:
            for k, name in enumerate(mine):
                if name.endswith("position"):
                    position[:, "XYZ".index(name[0])] = block[:, k]
    return Bvh(tuple(names), np.array(parents), np.array(offsets), ends, local, position, 1.0 / frame_time)


def _hierarchy(words: list[str]) -> tuple[list[str], list[int], list[list[float]], list[list[str]], dict]:
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[list[str]] = []
    ends: dict[str, np.ndarray] = {}
    stack: list[int] = []
    at, end = 0, False
    while at < len(words):
        word = words[at]
        if word in ("ROOT", "JOINT"):
            names.append(words[at + 1])
            parents.append(stack[-1] if stack else -1)
            offsets.append([0.0, 0.0, 0.0])
            channels.append([])
            stack.append(len(names) - 1)
            at += 2
        elif word == "End":
            end = True
            stack.append(-2)
            at += 2
        elif word == "OFFSET":
            offset = [float(w) for w in words[at + 1 : at + 4]]
            if end:
                ends[names[stack[-2]]] = np.array(offset)
            else:
                offsets[stack[-1]] = offset
            at += 4
        elif word == "CHANNELS":
            size = int(words[at + 1])
            channels[stack[-1]] = words[at + 2 : at + 2 + size]
            at += 2 + size
        elif word == "}":
            stack.pop()
            end = False
            at += 1
        else:
            at += 1
    if stack:
        raise ValueError("its braces do not close")
    return names, parents, offsets, channels, ends


def _motion(tail: str) -> tuple[int, float, np.ndarray]:
    words = tail.split()
    if words[0] != "Frames:" or words[2:4] != ["Frame", "Time:"]:
        raise ValueError("MOTION lacks 'Frames:' and 'Frame Time:'")
    return int(words[1]), float(words[4]), np.array(words[5:], float)
