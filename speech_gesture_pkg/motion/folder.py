"""Motion clips of files and folders: what training and benches read."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.motion.bounded_npz import read_npz
from speech_gesture_pkg.motion.frames import MotionFrames, resample
from speech_gesture_pkg.motion.npz import load_motion
from speech_gesture_pkg.motion.skeleton import NUM_JOINTS

FPS = 30.0
"""Rate of an npz with many clips, which states none."""

_log = logging.getLogger(__name__)


def read_motions(path: str | Path) -> list[MotionFrames]:
    """Clips of a motion file at 30 fps: a BEAT2 npz, or an npz with many `<clip>.poses` [T, K, 3].

    The latter names the SMPL-X joint of each of its K columns in `smplx55_index` [K]; axis-angle, rad, 30 fps.

    Raises:
        InputError: neither of the two.
    """
    data = read_npz(path)
    if "smplx55_index" not in data:
        return [resample(load_motion(path), FPS)]
    clips = []
    for key in (k for k in data if k.endswith(".poses")):
        poses = np.zeros((len(data[key]), NUM_JOINTS, 3))
        try:
            poses[:, data["smplx55_index"]] = data[key]
        except (ValueError, IndexError) as e:
            raise InputError(f"{path}: '{key}' does not fit 'smplx55_index' ({e})") from e
        clips.append(MotionFrames(poses, FPS))
    return clips


def motions_in(paths: Iterable[str | Path]) -> Iterator[tuple[str, MotionFrames]]:
    """Name and motion of every clip of these files and folders (searched for .npz at any depth), in sorted order.

    In a folder, npz files that hold no motion are passed over with a log line; a file that is named must hold motion.

    Raises:
        InputError: a path that does not exist, a named file without motion, or a folder without any.
    """
    for path in map(Path, paths):
        if not path.is_dir():
            yield from _named(path)
            continue
        found = 0
        for file in sorted(path.rglob("*.npz")):
            try:
                clips = list(_named(file))
            except InputError as e:
                _log.info("passed over: %s", e)
                continue
            found += len(clips)
            yield from clips
        if not found:
            raise InputError(f"folder {path} holds no motion: no .npz in the BEAT2 layout, nor one with many clips")


def _named(path: Path) -> Iterator[tuple[str, MotionFrames]]:
    for k, motion in enumerate(read_motions(path)):
        yield f"{path.name}#{k}", motion
