"""Recognising compressed audio and files where raw PCM was promised."""

from __future__ import annotations

_MAGIC = {
    b"ID3": "mp3",
    b"RIFF": "a WAV file with its header",
    b"OggS": "Ogg",
    b"fLaC": "FLAC",
    b"\x1aE\xdf\xa3": "WebM/Matroska",
}
# ISO/IEC 11172-3 2.4.2.3 (layer III; MPEG-1, and MPEG-2 / 2.5 of 13818-3): bit rates in kbit/s, sample rates in Hz.
_BITRATES_V1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_BITRATES_V2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def sniff_container(head: bytes, length: int) -> str:
    """What the bytes are if they are no raw samples, else ''.

    Args:
        head: the first bytes of the chunk (up to some kilobytes).
        length: length of the whole chunk in bytes.
    """
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    return "mp3" if _starts_with_mp3_frame(head, length) else ""


def _starts_with_mp3_frame(head: bytes, length: int) -> bool:
    """Whether the chunk starts with a layer III frame which another follows, or which fills the chunk.

    The 11-bit sync alone is no evidence: the PCM sample -1 is FF FF.
    """
    size = _mp3_frame_length(head)
    if not size:
        return False
    if size >= len(head):
        return size == length
    return head[size : size + 2] == head[:2] and _mp3_frame_length(head[size:]) > 0


def _mp3_frame_length(head: bytes) -> int:
    """Bytes of the layer III frame that starts here; 0 if none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = (head[1] >> 3) & 3, (head[1] >> 1) & 3
    bitrate, rate, padding = head[2] >> 4, (head[2] >> 2) & 3, (head[2] >> 1) & 1
    if layer != 1 or version not in _RATES or bitrate in (0, 15) or rate == 3:
        return 0
    table, samples_per_byte = (_BITRATES_V1, 144) if version == 3 else (_BITRATES_V2, 72)
    return samples_per_byte * table[bitrate] * 1000 // _RATES[version][rate] + padding
