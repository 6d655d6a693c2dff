"""What was found out about a robot's shapes, kept between runs: finding it takes a second, reading it back 0.02 s.

Files lie in $XDG_CACHE_HOME/speech_gesture_pkg (~/.cache/... by default) and are named by a SHA-256 of the URDF, its
mesh files and the code that looked at them, so that none can be out of date. They may be deleted at any time; one that
is damaged is made again, and where nothing can be written nothing is kept. What keeps a robot from hitting itself comes
from here: files and folders that another user may write are neither read nor written.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.motion.bounded_npz import read_open_npz
from speech_gesture_pkg.robot.collision.private_files import check_private_folder, open_private
from speech_gesture_pkg.robot.meshes import find_mesh
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.robot.urdf_types import Geometry

_MOST = 100
"""Files that are kept, the latest."""
_LARGEST = 50_000_000
"""Bytes of one file: larger ones are none of ours."""

_log = logging.getLogger(__name__)


def folder() -> Path | None:
    """Where the files lie; None if the user has no home."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # The XDG specification: relative paths are to be ignored.
        base = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        return None
    return base / "speech_gesture_pkg"


def collision_shapes(robot: RobotModel) -> dict[str, Sequence[Geometry]]:
    """Link name -> the shapes that count: for collision, or those to be seen if no link has any for collision."""
    use_collision = any(link.collisions for link in robot.links.values())
    return {n: link.collisions if use_collision else link.visuals for n, link in robot.links.items()}


def key_of(robot: RobotModel, purpose: str, code: Sequence[str]) -> str | None:
    """Name of what is kept about a robot; None for robots without meshes, of which nothing needs to be kept.

    Args:
        purpose: what is kept, e.g. "capsules".
        code: the files of the code that finds it.
    """
    files = sorted({s.mesh for shapes in collision_shapes(robot).values() for s in shapes if s.kind == "mesh"})
    if not files:
        return None
    digest = hashlib.sha256(f"{purpose} {np.__version__} {robot.urdf}".encode())
    try:
        for source in (*code, __file__):
            digest.update(hashlib.sha256(Path(source).read_bytes()).digest())
        for name in files:
            path = find_mesh(name, robot.folder)
            # The path too: sentences on broken meshes name it.
            digest.update(f"{name} {path} ".encode() + (hashlib.sha256(path.read_bytes()).digest() if path else b""))
    except OSError as e:
        _log.info("shapes of robot %s are not kept: %s", robot.name, e)
        return None
    return f"{purpose}-{digest.hexdigest()}"


def recall(key: str | None) -> dict[str, np.ndarray] | None:
    """What is kept under a key; None if nothing is, if it is damaged, or if others may have written it."""
    place = folder()
    if key is None or place is None:
        return None
    path = place / f"{key}.npz"
    try:
        check_private_folder(place)
        with open_private(path) as file:
            if os.fstat(file.fileno()).st_size > _LARGEST:
                return None
            return read_open_npz(file, str(path))
    except FileNotFoundError:
        return None
    except PermissionError as e:
        _log.warning("shapes that were found before are not used: %s", e)
        return None
    except (OSError, InputError) as e:
        _log.info("%s is damaged (%s): made again", path, e)
        return None


def keep(key: str | None, arrays: Mapping[str, np.ndarray]) -> None:
    """Keep arrays under a key. Nothing happens where that cannot be written, or others may write."""
    place = folder()
    if key is None or place is None:
        return
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        check_private_folder(place)
        handle, name = tempfile.mkstemp(dir=place, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as out:
                np.savez(out, **dict(arrays))  # type: ignore[arg-type]
            os.replace(name, place / f"{key}.npz")
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        by_age = sorted((p.stat().st_mtime_ns, p) for p in place.glob("*-*.npz"))
        for _, old in by_age[:-_MOST]:
            old.unlink(missing_ok=True)
    except OSError as e:
        _log.info("shapes are not kept in %s: %s", place, e)
