"""The header of a WAV file: how its samples are encoded, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass

from speech_gesture_pkg.audio.formats import AudioFormat
from speech_gesture_pkg.errors import InputError

PCM, FLOAT, EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
"""Format tags of RFC 2361; the extensible one has the tag proper in the first bytes of its sub-format."""
ENCODINGS = {
    (PCM, 8): "U8",
    (PCM, 16): "S16LE",
    (PCM, 24): "S24LE",
    (PCM, 32): "S32LE",
    (FLOAT, 32): "F32LE",
    (FLOAT, 64): "F64LE",
}
MOST_HEADER = 1 << 16
"""Bytes before (and behind) the samples; more is no header that a speech synthesiser or a recorder writes."""
STREAMED = (0, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFFF)
"""Sizes of the samples that programs write which do not know it yet (or cannot go back to correct it)."""


@dataclass(frozen=True)
class WavHeader:
    """What the header says.

    Attributes:
        fmt: rate, channels and encoding.
        begin: byte at which the samples begin.
        size: bytes of samples; None if the file was written before that was known.
        after: bytes of the file behind the samples (titles, markers); 0 if not known.
    """

    fmt: AudioFormat
    begin: int
    size: int | None
    after: int = 0


def is_wav(head: bytes) -> bool:
    """Whether bytes begin like a WAV file (RF64: one of more than 4 GB)."""
    return head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE"


def read_wav_header(data: bytes) -> WavHeader:
    """The header at the beginning of `data`, which need not be the whole file.

    Raises:
        InputError: no WAV file, a header that is cut, compressed samples; the sentence says which.
    """
    if not is_wav(data):
        raise InputError("the bytes are no WAV file: they do not begin with RIFF and WAVE")
    at, fmt = 12, None
    while at + 8 <= min(len(data), MOST_HEADER):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8
        if kind == b"data":
            if fmt is None:
                raise InputError("the WAV header does not say how the samples are encoded (no chunk `fmt `)")
            if size in STREAMED:
                return WavHeader(fmt, at, None)
            behind = int.from_bytes(data[4:8], "little") + 8 - at - size
            return WavHeader(fmt, at, size, behind if 0 < behind < MOST_HEADER else 0)
        if kind == b"fmt ":
            fmt = _format(data[at : at + size])
        at += size + size % 2
    raise InputError("the WAV header is cut: no samples (chunk `data`) follow")


def _format(chunk: bytes) -> AudioFormat:
    """Of a `fmt ` chunk: tag, channels, rate, bytes a second, bytes of a frame, bits of a sample; then extensions."""
    if len(chunk) < 16:
        raise InputError(f"the WAV header is cut: {len(chunk)} bytes of at least 16 in its chunk `fmt `")

    def number(at: int, size: int = 2) -> int:
        return int.from_bytes(chunk[at : at + size], "little")

    tag = number(24) if number(0) == EXTENSIBLE and len(chunk) >= 26 else number(0)
    bits = number(14)
    if (tag, bits) not in ENCODINGS:
        raise InputError(f"the WAV header tells format {tag:#06x} of {bits} bits; write it as PCM or float samples")
    return AudioFormat(number(4, 4), number(2), ENCODINGS[tag, bits])
