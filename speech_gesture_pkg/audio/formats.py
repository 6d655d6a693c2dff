"""What the bytes of an audio message mean: every PCM format that ROS audio drivers publish, to float32.

Conventions covered (field names as in the messages):

- ros-drivers/audio_common: `AudioInfo.sample_format` is a GStreamer name (`S16LE`), `coding_format` is `mp3` or `wave`;
- mgonzs13/audio_common: `AudioInfo.format` is a PortAudio number (`paInt16` = 8), samples in a typed array;
- naoqi_bridge_msgs/AudioBuffer: interleaved int16; std_msgs/{Int16,Float32,UInt8}MultiArray.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from speech_gesture_pkg.audio.sniff import sniff_container
from speech_gesture_pkg.errors import AudioNotFiniteError, InputError, one_of

ENCODINGS: tuple[str, ...] = (
    "S8",
    "U8",
    *(kind + end for kind in ("S16", "U16", "S24", "S32", "F32", "F64") for end in ("LE", "BE")),
)
"""Canonical encodings, named as in GStreamer: S signed, U unsigned, F float; bits; byte order. S24 takes 3 bytes."""

PORTAUDIO: dict[int, str] = {1: "F32", 2: "S32", 4: "S24", 8: "S16", 16: "S8", 32: "U8"}
"""PortAudio's PaSampleFormat numbers, the values of mgonzs13's AudioInfo.format (native byte order)."""

_NATIVE = "LE" if sys.byteorder == "little" else "BE"
_ALIASES = {"INT": "S", "UINT": "U", "FLOAT": "F", "PAINT": "S", "PAUINT": "U", "PAFLOAT": "F", "SIGNED": "S"}
_NAME = re.compile(r"([A-Z]+)_?(\d+)_?(LE|BE)?")

FLOAT_LIMIT = 8.0
"""Float samples beyond this were not scaled to full scale = 1 (some nodes put int16 values into float arrays)."""
CLIP_LEVEL = 0.999
MIN_RATE = 1_000
"""Below this a short chunk would become minutes of audio."""
MAX_RATE = 768_000
MAX_CHANNELS = 64


def canonical_encoding(encoding: str | int) -> str:
    """The name in `ENCODINGS` of a GStreamer (`S16LE`), PortAudio (`paInt16`, 8) or numpy (`int16`) sample format.

    A name without byte order means this machine's. Raises InputError for a format that is none of these.
    """
    name = PORTAUDIO.get(encoding, "") if isinstance(encoding, int) else str(encoding).strip().upper()
    match = _NAME.fullmatch(name)
    if match:
        kind, bits, end = match.groups()
        kind = _ALIASES.get(kind, kind)
        name = f"{kind}{bits}" + ("" if bits == "8" else end or _NATIVE)
    if name not in ENCODINGS:
        raise InputError(
            one_of("audio sample format", encoding, ENCODINGS)
            + " (or PortAudio's paFloat32 = 1, paInt32 = 2, paInt24 = 4, paInt16 = 8, paInt8 = 16, paUInt8 = 32)"
        )
    return name


@dataclass(frozen=True)
class AudioFormat:
    """How a stream of interleaved samples is encoded.

    Attributes:
        sample_rate: in Hz.
        channels: interleaved channels.
        encoding: one of `ENCODINGS`; PortAudio and numpy names are accepted and made canonical.
    """

    sample_rate: int
    channels: int = 1
    encoding: str = "S16LE"

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoding", canonical_encoding(self.encoding))
        for name, least, most in (("sample_rate", MIN_RATE, MAX_RATE), ("channels", 1, MAX_CHANNELS)):
            value = int(getattr(self, name))
            if not least <= value <= most:
                raise InputError(f"audio {name} is {value}; it must be in [{least}, {most}]")
            object.__setattr__(self, name, value)

    @property
    def dtype(self) -> np.dtype:
        """The numpy type of a sample as it lies in the bytes (bytes themselves for packed 24 bit)."""
        kind, bits = self.encoding[0], int(self.encoding[1:3].rstrip("LB"))
        order = ">" if self.encoding.endswith("BE") else "<"
        return (
            np.dtype(np.uint8)
            if bits == 24
            else np.dtype(f"{order}{ {'S': 'i', 'U': 'u', 'F': 'f'}[kind] }{bits // 8}")
        )

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of one channel."""
        return 3 if self.encoding.startswith("S24") else self.dtype.itemsize

    @staticmethod
    def from_audio_info(sample_rate: int, channels: int, sample_format: str, coding_format: str) -> AudioFormat:
        """Of ros-drivers' `AudioInfo`. Raises InputError when the stream is compressed."""
        coding = coding_format.strip().lower()
        if coding not in ("wave", "wav", "pcm", "raw", ""):
            raise InputError(f"the audio is {coding}; {_PUBLISH_PCM}")
        return AudioFormat(sample_rate, channels, sample_format)


_PUBLISH_PCM = "set coding_format (parameter `format` of audio_capture) to wave, so that raw PCM is published"


def decode(data: bytes | np.ndarray | Sequence[Any], fmt: AudioFormat) -> np.ndarray:
    """Interleaved samples as float32 with full scale = 1. Shape [N, channels].

    Args:
        data: the message's data: bytes-like or a uint8 array holding `fmt.encoding`, or an array (numpy, array.array,
            list) of samples of that type.
        fmt: what the publisher declared.

    Raises:
        InputError: compressed audio, part of a sample or frame, an array of another type, NaN, infinity or floats
            that are not scaled; the sentence names the mend. The chunk should then be dropped.
    """
    samples = _samples(data, fmt)
    if len(samples) % fmt.channels:
        raise InputError(
            f"the audio chunk holds {len(samples)} samples, which is no multiple of {fmt.channels} channels; "
            "set the channels to what the publisher sends"
        )
    return _to_float(samples, fmt).reshape(-1, fmt.channels)


def to_mono(samples: np.ndarray) -> np.ndarray:
    """Mean over the channels, float32. Shape [N, C] -> [N]."""
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)


def clipped_fraction(samples: np.ndarray) -> float:
    """Share of samples at full scale (|x| >= 0.999), in [0, 1]. Any shape; 0 for no samples."""
    return float(np.mean(np.abs(samples) >= CLIP_LEVEL)) if samples.size else 0.0


def _samples(data: Any, fmt: AudioFormat) -> np.ndarray:
    """The samples as numbers of the encoding's width, still unscaled. Shape [N] (packed 24 bit: as int32)."""
    try:
        array = np.asarray(memoryview(data)) if isinstance(data, bytes | bytearray) else np.asarray(data)
    except (ValueError, TypeError) as error:
        raise InputError(f"the audio data is {type(data).__name__}; it must be bytes or an array of samples") from error
    if array.ndim != 1:
        raise InputError(f"the audio data has shape {array.shape}; it must be a flat array of interleaved samples")
    if isinstance(data, list | tuple):
        array = _from_list(array, fmt)
    if array.dtype == np.uint8:
        return _from_bytes(array, fmt)
    if fmt.encoding.startswith("S24") or array.dtype.newbyteorder("=") != fmt.dtype.newbyteorder("="):
        raise InputError(
            f"the audio array holds {array.dtype} but the declared sample format is {fmt.encoding}; set the sample "
            "format to what the publisher sends"
        )
    return array


def _from_list(array: np.ndarray, fmt: AudioFormat) -> np.ndarray:
    """Python numbers as the declared type, if they fit into it."""
    target = fmt.dtype.newbyteorder("=")
    if not len(array) or (array.dtype.kind == "f" and target.kind == "f"):
        return array.astype(target)
    if array.dtype.kind in "iu" and target.kind in "iu":
        info = np.iinfo(target)
        if info.min <= array.min() and array.max() <= info.max:
            return array.astype(target)
    return array


def _from_bytes(raw: np.ndarray, fmt: AudioFormat) -> np.ndarray:
    container = sniff_container(raw[:4096].tobytes(), len(raw))
    if container:
        raise InputError(f"the audio bytes are {container}, not {fmt.encoding} samples; {_PUBLISH_PCM}")
    if len(raw) % fmt.sample_bytes:
        raise InputError(
            f"the audio chunk has {len(raw)} bytes, which is no multiple of the {fmt.sample_bytes} bytes of a "
            f"{fmt.encoding} sample; set the sample format to what the publisher sends"
        )
    if not fmt.encoding.startswith("S24"):
        return np.frombuffer(np.ascontiguousarray(raw), fmt.dtype)
    padded = np.zeros((len(raw) // 3, 4), np.uint8)
    padded[:, 1:] = raw.reshape(-1, 3) if fmt.encoding.endswith("LE") else raw.reshape(-1, 3)[:, ::-1]
    return padded.view("<i4").ravel()


def _to_float(samples: np.ndarray, fmt: AudioFormat) -> np.ndarray:
    """Full scale = 1, float32. Shape [N] -> [N]."""
    kind = samples.dtype.kind
    if kind == "f":
        peak = float(np.max(np.abs(samples), initial=0.0))
        if not np.isfinite(peak):
            raise AudioNotFiniteError(
                "the audio chunk holds NaN or infinite samples; the publisher must send finite samples"
            )
        if peak > FLOAT_LIMIT:
            raise InputError(
                f"the float audio reaches {peak:.6g}, but full scale is 1; divide integer samples by their full scale "
                "(32768 for 16 bit) before publishing, or publish them as integers"
            )
        return np.clip(samples, -1.0, 1.0).astype(np.float32)
    full = np.float32(2.0 ** (8 * samples.dtype.itemsize - 1))
    out = samples.astype(np.float32)
    out /= full
    if kind == "u":
        out -= np.float32(1.0)
    return out
