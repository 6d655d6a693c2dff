"""A cut-off MCAP file (the recorder died, the disk was full) as a readable one.

Record layout: https://mcap.dev/spec. A record is one opcode byte, a little-endian uint64 length and the content. Whole
records are copied; of a chunk that was cut the whole records inside are kept, as far as they can be decompressed; then
the file gets an end.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import BinaryIO

from lz4.frame import LZ4FrameDecompressor

from speech_gesture_pkg.errors import InputError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAGIC = b"\x89MCAP0\r\n"
_HEADER, _FOOTER, _CHUNK, _DATA_END = 0x01, 0x02, 0x06, 0x0F
_SUMMARY = frozenset({_FOOTER, 0x0B, 0x08, 0x0A, 0x0D, 0x0E, _DATA_END})
_CHUNK_FIXED = 28  # start and end time, uncompressed size: 3 x 8; CRC: 4


def repair(source: Path, target: Path) -> Path:
    """Write the readable records of `source` to `target` as a complete MCAP without index; returns `target`.

    Raises InputError if `source` is no MCAP file at all.
    """
    size = source.stat().st_size
    with source.open("rb") as old, target.open("wb") as new:
        if old.read(len(MAGIC)) != MAGIC:
            raise InputError(f"{source} is no MCAP file: it does not start with the MCAP magic")
        new.write(MAGIC)
        while True:
            head = old.read(9)
            if len(head) < 9:
                break
            length = int.from_bytes(head[1:], "little")
            if head[0] in _SUMMARY:
                break  # the summary's offsets do not hold any more
            if old.tell() + length > size:
                if head[0] == _CHUNK:
                    new.write(_whole_records(_cut_chunk(old.read())))
                break
            new.write(head)
            _copy(old, new, length)
        new.write(struct.pack("<BQI", _DATA_END, 4, 0))
        new.write(struct.pack("<BQQQI", _FOOTER, 20, 0, 0, 0) + MAGIC)
    return target


def _copy(old: BinaryIO, new: BinaryIO, length: int) -> None:
    while length:
        block = old.read(min(length, 1 << 20))
        new.write(block)
        length -= len(block)


def _cut_chunk(content: bytes) -> bytes:
    """The bytes of records in a cut chunk; none if its compression is not known."""
    if len(content) < _CHUNK_FIXED + 4:
        return b""
    length = int.from_bytes(content[_CHUNK_FIXED : _CHUNK_FIXED + 4], "little")
    begin = _CHUNK_FIXED + 4 + length + 8
    name, data = content[_CHUNK_FIXED + 4 : _CHUNK_FIXED + 4 + length], content[begin:]
    if not data or name not in _DECOMPRESSORS:
        return b""
    return _DECOMPRESSORS[name](data)


def _part_of_zstd(data: bytes) -> bytes:
    try:
        return zstd.ZstdDecompressor().decompress(data)
    except zstd.ZstdError:
        return b""


def _part_of_lz4(data: bytes) -> bytes:
    try:
        return LZ4FrameDecompressor().decompress(data)
    except RuntimeError:
        return b""


_DECOMPRESSORS = {b"": lambda data: data, b"zstd": _part_of_zstd, b"lz4": _part_of_lz4}
"""Compression of a chunk -> function from the first bytes of it to what they hold."""


def _whole_records(data: bytes) -> bytes:
    """`data` up to the end of its last whole record."""
    at = 0
    while at + 9 <= len(data):
        after = at + 9 + int.from_bytes(data[at + 1 : at + 9], "little")
        if after > len(data):
            break
        at = after
    return data[:at]
