"""Compressed parts of bags, unpacked within bounds.

Of zstd a kilobyte can stand for 25 MB, of lz4 for 255 kB. rosbags unpacks what it finds; its functions for that are
replaced here by ones that stop at the size that a chunk declares, at `MOST_CHUNK`, and at a budget for the whole bag.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import apsw
import numpy as np
from lz4.frame import LZ4FrameDecompressor
from rosbags.rosbag2 import reader as rosbags_reader
from rosbags.rosbag2 import storage_mcap as rosbags_mcap

from speech_gesture_pkg.errors import InputError, MissingDependencyError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZstdError = zstd.ZstdError

MOST_CHUNK = 128 << 20
"""Bytes that one chunk or message may unpack to; recorders write chunks of 1 to 8 MB."""
MOST_OPEN = 512 << 20
"""Bytes of all chunks together that cover one moment: so much is in memory at once."""
FREE_BYTES, MOST_TIMES = 1 << 30, 100
"""A bag may unpack to so many bytes, and above that to so many times its size on disk: robots that stand still pack
30:1."""
_BLOCK = 1 << 20


class TooLargeError(InputError):
    """A bag that unpacks to more than is read."""


class Budget:
    """What may still be unpacked of one bag.

    Args:
        path: of the bag, for the message.
        size: of its files, bytes.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path, self._size = path, size
        self.left = FREE_BYTES + MOST_TIMES * size

    def spend(self, count: int) -> None:
        """Take off `count` bytes. Raises TooLargeError when there are not so many left."""
        self.left -= count
        if self.left < 0:
            raise TooLargeError(
                f"bag {self.path} has {self._size} bytes and unpacks to more than "
                f"{FREE_BYTES + MOST_TIMES * self._size}; so much is not read"
            )


_budget: ContextVar[Budget | None] = ContextVar("_budget", default=None)


@contextmanager
def spending(budget: Budget) -> Iterator[None]:
    """While entered, what is unpacked is taken from a budget."""
    token = _budget.set(budget)
    try:
        yield
    finally:
        _budget.reset(token)


def unpack(data: bytes, compression: str, size: int) -> bytes:
    """The bytes that `data` stands for.

    Args:
        data: compressed.
        compression: "zstd" or "lz4".
        size: bytes that it says it has.

    Raises:
        TooLargeError: more than `MOST_CHUNK`, or than the budget.
        ValueError: more than it says.
    """
    _check_declared(size)
    made = _unpacked(data, compression, size + 1)
    if len(made) > size:
        raise ValueError(f"a chunk unpacks to more than the {size} bytes that it declares")
    return made


def unpack_part(data: bytes, compression: str, most: int) -> bytes:
    """As `unpack`, the first `most` bytes of data that may be cut off."""
    _check_declared(most)
    return _unpacked(data, compression, most)


def _check_declared(size: int) -> None:
    if size > MOST_CHUNK:
        budget = _budget.get()
        where = f"bag {budget.path}" if budget is not None else "the bag"
        raise TooLargeError(f"{where} has a chunk that declares {size} bytes; at most {MOST_CHUNK} are unpacked")


def _unpacked(data: bytes, compression: str, most: int) -> bytes:
    parts: list[bytes] = []
    while data and most > 0:
        if compression == "zstd":
            unpacker: Any = zstd.ZstdDecompressor()
        else:
            unpacker = LZ4FrameDecompressor()
        parts.append(unpacker.decompress(data, max_length=most))
        most -= len(parts[-1])
        data = unpacker.unused_data if unpacker.eof else b""
    made = b"".join(parts)
    if (budget := _budget.get()) is not None:
        budget.spend(len(made))
    return made


def check_chunks(path: Path, storages: Iterable[Any], budget: Budget) -> None:
    """Raise TooLargeError for an index of chunks that are too large, one by one, together, or at one moment."""
    for storage in storages:
        chunks = [c for c in getattr(storage, "chunks", ()) if c.compression]
        if not chunks:
            continue
        sizes = np.array([c.uncompressed_size for c in chunks], float)
        if sizes.max() > MOST_CHUNK:
            raise TooLargeError(
                f"bag {path} has a chunk that declares {sizes.max():.0f} bytes; at most {MOST_CHUNK} are unpacked"
            )
        budget.spend(int(sizes.sum()))
        begin = np.array([c.message_start_time for c in chunks], float)
        end = np.array([c.message_end_time for c in chunks], float)
        # At one moment chunks that end are counted after those that begin.
        order = np.lexsort((np.repeat([0, 1], len(chunks)), np.concatenate([begin, np.maximum(begin, end)])))
        at_once = np.cumsum(np.concatenate([sizes, -sizes])[order]).max()
        if at_once > MOST_OPEN:
            raise TooLargeError(
                f"bag {path} has chunks of {at_once:.0f} bytes that cover one moment; at most {MOST_OPEN} are read"
            )


def bound_rows(storages: Iterable[Any]) -> None:
    """Let sqlite3 hand out no value of more than `MOST_CHUNK` bytes: a column may be computed."""
    for storage in storages:
        connection = getattr(storage, "dbconn", None)
        if connection is not None:
            connection.limit(apsw.SQLITE_LIMIT_LENGTH, MOST_CHUNK)


class _Stream:
    """A zstd file that is being unpacked, read block by block."""

    def __init__(self, file: BinaryIO, budget: Budget | None) -> None:
        self._stream, self._budget = zstd.ZstdFile(file, "rb"), budget

    def read(self, count: int = -1) -> bytes:
        block: bytes = self._stream.read(_BLOCK if count < 0 else min(count, _BLOCK))
        if self._budget is not None:
            self._budget.spend(len(block))
        return block

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def bound_rosbags() -> None:
    """Let rosbags unpack by the functions above. Raises MissingDependencyError if its own are not where they were."""
    table = getattr(rosbags_mcap, "DECOMPRESSORS", None)
    if not isinstance(table, dict) or not {"lz4", "zstd"} <= set(table) or not hasattr(rosbags_reader, "zstd"):
        raise MissingDependencyError(
            "this version of rosbags unpacks bags in a way that cannot be bounded; install rosbags 0.11"
        )
    for name in ("lz4", "zstd"):
        table[name] = lambda data, size, name=name: unpack(data, name, size)
    rosbags_reader.zstd = SimpleNamespace(  # type: ignore[assignment]
        open=lambda file, mode="rb": _Stream(file, _budget.get()),
        decompress=lambda data: unpack(data, "zstd", MOST_CHUNK),
    )
