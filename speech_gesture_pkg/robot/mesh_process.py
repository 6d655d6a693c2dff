"""Mesh files of others, read by a process of its own: whatever they do to it, it has bounded memory and time.

Formats with instances, archives or counts in their headers (Collada, glTF, 3MF, PLY, ...) make gigabytes of kilobytes,
and their readers are not written for files that want to harm. The process starts with the first file (0.5 s), is used
for the next ones, and ends when none has come for a while.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import subprocess
import sys
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.outside_text import one_line
from speech_gesture_pkg.robot.mesh_worker import MOST_FACES

MOST_BYTES = 1 << 28
"""Largest mesh file."""
MOST_SECONDS = 30.0
"""Longest time that reading a file may take, s."""
IDLE_S = 5.0
"""The process ends when no file has come for so long, s."""
_MOST_LINE = 1 << 20


class MeshPart(NamedTuple):
    """One part of a mesh file, in the file's frame.

    Attributes:
        corners: Shape [V, 3].
        faces: indices into `corners`. Shape [F, 3].
        closed: whether it is a closed surface whose triangles are turned alike.
        colour: red, green, blue in [0, 1], if the file gives one.
    """

    corners: np.ndarray
    faces: np.ndarray
    closed: bool
    colour: tuple[float, float, float] | None


def read_pieces(path: Path, scene: bool) -> list[MeshPart]:
    """What a mesh file holds, through trimesh.

    Args:
        path: the file.
        scene: its parts with their colours, equal corners merged; else all as one piece, as in the file.

    Raises:
        RobotError: in one sentence, for a file that is broken, of an unknown format, or that takes too much memory or
            time, and without trimesh.
    """
    if find_spec("trimesh") is None:
        raise RobotError(f"mesh {path} needs trimesh to be read: pip install trimesh pycollada")
    try:
        size = path.stat().st_size
    except OSError as e:
        raise RobotError(f"mesh {path} cannot be read: {e.strerror or e}") from e
    if size > MOST_BYTES:
        raise RobotError(f"mesh {path} has {size} bytes; at most {MOST_BYTES} are read")
    try:
        header, data = _worker.ask({"path": str(path.absolute()), "scene": scene})
        if "error" in header:
            raise RobotError(f"mesh {path} cannot be read: {one_line(header['error'])}")
        return _pieces(header, data)
    except (TimeoutError, EOFError, OSError) as e:
        raise RobotError(f"mesh {path} cannot be read: {e}") from e
    except (ValueError, TypeError, KeyError) as e:
        raise RobotError(f"mesh {path} cannot be read: its reader answers nonsense ({one_line(e)})") from e


def _pieces(header: dict[str, Any], data: bytes) -> list[MeshPart]:
    arrays, at = [], 0
    for dtype, shape in header["arrays"]:
        count = math.prod(shape)
        arrays.append(np.frombuffer(data, np.dtype(dtype), count, at).reshape(shape).copy())
        at += arrays[-1].nbytes
    found = []
    for k, piece in enumerate(header["pieces"]):
        colour = piece.get("colour")
        rgb = (float(colour[0]), float(colour[1]), float(colour[2])) if colour else None
        found.append(MeshPart(arrays[2 * k], arrays[2 * k + 1], bool(piece.get("closed")), rgb))
    return found


def _size(header: dict[str, Any]) -> int:
    """Bytes that follow a header. Raises ValueError for more than there can be."""
    size = 0
    for dtype, shape in header.get("arrays", ()):
        if dtype not in ("<f8", "<i8") or len(shape) != 2 or shape[1] != 3 or not 0 <= shape[0] <= 3 * MOST_FACES:
            raise ValueError(f"an array of {dtype} and shape {shape}")
        size += 24 * shape[0]
    if size > 24 * 5 * MOST_FACES:
        raise ValueError(f"{size} bytes")
    return size


class _Worker:
    """The process, started when it is needed; one request at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._timer: threading.Timer | None = None

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Answer to a request, and the bytes after it.

        Raises:
            TimeoutError, EOFError: it took too long, or the process ended without an answer.
        """
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            if self._process is None or self._process.poll() is not None:
                self._start()
            try:
                header, data = self._exchange(request)
                if header.get("last"):  # its memory has run out: it ends by itself, at some time
                    self._end()
                return header, data
            except BaseException:  # its next answer could be the one to this request
                self._end()
                raise
            finally:
                self._timer = threading.Timer(IDLE_S, self.close)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def kill(self) -> None:
        """End the process when ours ends, whether or not somebody waits for an answer."""
        process = self._process
        if process is not None:
            process.kill()

    def _start(self) -> None:
        self._end()
        code = (
            f"import sys; sys.path[:] = {[p or os.getcwd() for p in sys.path]!r}; "
            "from speech_gesture_pkg.robot.mesh_worker import main; main()"
        )
        one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | one,
            start_new_session=True,  # Ctrl-C is for us
        )

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()

    def _exchange(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(MOST_SECONDS, stop)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline(_MOST_LINE)
            header = json.loads(line) if line.endswith(b"\n") else None
            size = _size(header) if header is not None else 0
            data = process.stdout.read(size)
        except BrokenPipeError:
            header, size, data = None, 0, b""
        finally:
            timer.cancel()
        if header is None or len(data) < size:
            if late.is_set():
                raise TimeoutError(f"it takes longer than {MOST_SECONDS:g} s")
            raise EOFError("its reader ended; the file may need too much memory")
        return header, data


_worker = _Worker()
atexit.register(_worker.kill)
