"""Every audio message type of the field, to float32 mono and back.

Types are distinguished by the fields of the class, not by name alone: two unrelated packages are both called
`audio_common_msgs` and both have an `AudioData`.

| type | samples | rate, channels, encoding |
|---|---|---|
| `std_msgs/{Int16,Float32}MultiArray` | typed array | parameters; channels also from the layout (`audio.layout`) |
| `std_msgs/UInt8MultiArray` | bytes | parameters; layout; WAV header |
| ros-drivers `AudioData`, `AudioDataStamped` | bytes | `AudioInfo` on `audio_info`, else parameters; WAV header |
| mgonzs13 `Audio`, `AudioStamped` | one of five typed arrays | in the message (`format` is a PortAudio number) |
| naoqi `AudioBuffer` | int16 | in the message |
"""

from __future__ import annotations

import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE
from speech_gesture_pkg.audio.formats import AudioFormat, decode, to_mono
from speech_gesture_pkg.audio.message_shapes import (
    NATIVE,
    TYPED_ARRAYS,
    OwnAudioType,
    read_array,
    read_bytes,
    read_naoqi,
    read_typed,
)
from speech_gesture_pkg.audio.wav_stream import WavStream
from speech_gesture_pkg.errors import ConfigError, InputError, one_of
from speech_gesture_pkg.plugins import is_plugin, load_plugin
from speech_gesture_pkg.ros.clock import seconds, time_from_seconds
from speech_gesture_pkg.ros.messages.audio_types import AUDIO_TYPES, fields_of, import_message, message_class

_NAOQI_CHANNELS = (1, 2, 3, 4)
"""Channel map of written AudioBuffers; naoqi numbers microphones from 1 up (values are ignored on reading)."""
LONGEST = 60.0
"""Most sound that one message may hold, s."""


@dataclass(frozen=True)
class ReceivedAudio:
    """One message's audio.

    Attributes:
        samples: mono float32, full scale = 1. Shape [N].
        sample_rate: in Hz.
        stamp: header stamp in seconds; None if the type has no header or the stamp is 0.
    """

    samples: np.ndarray
    sample_rate: int
    stamp: float | None


@dataclass(frozen=True)
class AudioAdapter:
    """Reads and writes one message class.

    Attributes:
        type_name: e.g. `std_msgs/msg/Int16MultiArray`.
        message: the message class.
        stamped: whether messages have a header.
        needs_info: whether rate, channels and encoding come from outside (`AudioInfo` or parameters).
    """

    type_name: str
    message: Any
    stamped: bool
    needs_info: bool
    _parse: Callable[[Any, AudioFormat, WavStream | None], tuple[np.ndarray, int]]
    _fill: Callable[[Any, np.ndarray, AudioFormat], None]

    def read(self, msg: Any, fallback: AudioFormat, files: WavStream | None = None) -> ReceivedAudio:
        """Decode `msg`.

        Args:
            msg: a message of this class.
            fallback: format used as far as the message does not say.
            files: knows the WAV file that messages of bytes are pieces of; None = each message stands for itself.

        Raises:
            InputError: as `audio.formats.decode`, or more than `LONGEST`; drop the message then.
        """
        samples, rate = self._parse(msg, fallback, files)
        if len(samples) > LONGEST * rate:
            raise InputError(f"the audio message holds {len(samples) / rate:.0f} s; at most {LONGEST:g} s are taken")
        stamp = seconds(msg.header.stamp) if self.stamped else 0.0
        return ReceivedAudio(to_mono(samples), rate, stamp or None)

    def write(self, samples: np.ndarray, fmt: AudioFormat, stamp: float | None = None) -> Any:
        """A message of this class.

        Args:
            samples: float32 in [-1, 1], clipped beyond. Shape [N] (copied to all channels) or [N, channels].
            fmt: rate, channels and, where the type leaves a choice, encoding of the message.
            stamp: header stamp in seconds, if the type has one.
        """
        msg = self.message()
        frames = samples if samples.ndim == 2 else np.repeat(samples[:, None], fmt.channels, axis=1)
        self._fill(msg, frames, fmt)
        if stamp is not None:
            self.restamp(msg, stamp)
        return msg

    def restamp(self, msg: Any, stamp: float) -> None:
        """Set the header stamp in seconds; nothing for a type without header."""
        if self.stamped:
            msg.header.stamp = time_from_seconds(stamp)


def encode(frames: np.ndarray, encoding: str) -> bytes:
    """Float samples [N, channels] in [-1, 1] as interleaved bytes of a canonical encoding."""
    fmt = AudioFormat(SAMPLE_RATE, 1, encoding)
    flat = np.clip(frames, -1.0, 1.0).ravel()
    if fmt.encoding.startswith("F"):
        return flat.astype(fmt.dtype).tobytes()
    bits = 8 * fmt.sample_bytes
    full = float(2 ** (bits - 1))
    whole = np.clip(np.round(flat * full), -full, full - 1).astype(np.int64)
    if fmt.encoding.startswith("U"):
        whole += int(full)
    if bits != 24:
        return whole.astype(fmt.dtype).tobytes()
    packed = whole.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3]
    return (packed if fmt.encoding.endswith("LE") else packed[:, ::-1]).tobytes()


def adapter_for(kind: str | type) -> AudioAdapter:
    """The adapter of a type name (`std_msgs/msg/Int16MultiArray`), a user's own type (`module:NAME`) or message class.

    Raises:
        ConfigError: the name is no audio type, or NAME is no `OwnAudioType`.
        MissingDependencyError: its package is not installed.
        InputError: a class of that name whose fields are no known audio message.
    """
    if isinstance(kind, str) and is_plugin(kind):
        return _own(kind)
    message = message_class(kind) if isinstance(kind, str) else kind
    name = kind if isinstance(kind, str) else _type_name(kind)
    fields = fields_of(message)
    stamped = "header" in fields
    inner = fields.get("audio", "")
    if {"layout", "data"} <= fields.keys():
        return AudioAdapter(name, message, False, True, *_multi_array(message))
    if {"frequency", "channel_map", "data"} <= fields.keys():
        return AudioAdapter(name, message, stamped, False, read_naoqi, _write_naoqi)
    if {"audio_data", "info"} <= fields.keys():
        return AudioAdapter(name, message, False, False, read_typed, _write_typed)
    if inner.endswith("/Audio"):
        return AudioAdapter(name, message, stamped, False, *_inside(read_typed, _write_typed))
    if inner.endswith("/AudioData"):
        return AudioAdapter(name, message, stamped, True, *_inside(read_bytes, _write_bytes))
    if fields.get("data", "").startswith("sequence<uint8"):
        return AudioAdapter(name, message, stamped, True, read_bytes, _write_bytes)
    raise InputError(
        f"{name} has the fields {', '.join(fields)}, which is no audio message; use one of: {', '.join(AUDIO_TYPES)}"
    )


def _own(spec: str) -> AudioAdapter:
    """The adapter of a user's own type; it only reads."""
    own = load_plugin(spec, "audio message type")
    if not isinstance(own, OwnAudioType):
        raise ConfigError(f"audio message type {spec!r} is of type {type(own).__name__}; it must be an OwnAudioType")
    message = import_message(own.type_name)

    def parse(msg: Any, declared: AudioFormat, _: WavStream | None) -> tuple[np.ndarray, int]:
        try:
            samples, rate = own.read(msg, declared)
            samples = np.asarray(samples, np.float32)
            fmt = AudioFormat(rate, samples.shape[1] if samples.ndim == 2 else 1, "F32" + NATIVE)
        except InputError:
            raise
        except Exception as e:  # code of somebody else, on a message from outside
            raise InputError(f"{spec} cannot read a message of {own.type_name} ({type(e).__name__}: {e})") from e
        if samples.ndim not in (1, 2):
            raise InputError(f"{spec} gave samples of shape {samples.shape}; they must be [N] or [N, channels]")
        return decode(samples.ravel(), fmt), fmt.sample_rate

    def fill(*_: Any) -> None:
        raise ConfigError(f"audio message type {spec!r} can be read, not written; publish it by a node of your own")

    return AudioAdapter(own.type_name, message, "header" in fields_of(message), True, parse, fill)


def format_from_info(msg: Any) -> AudioFormat:
    """Format from ros-drivers' `AudioInfo`. Raises InputError when the stream is compressed or of unknown format."""
    return AudioFormat.from_audio_info(msg.sample_rate, msg.channels, msg.sample_format, msg.coding_format)


def _type_name(message: type) -> str:
    package = message.__module__.split(".")[0]
    return f"{package}/msg/{message.__name__}"


def _inside(read: Callable, write: Callable) -> tuple[Callable, Callable]:
    """Reader and writer of a message that carries the audio in its field `audio`."""
    return (
        lambda msg, fmt, files: read(msg.audio, fmt, files),
        lambda msg, frames, fmt: write(msg.audio, frames, fmt),
    )


def _multi_array(message: Any) -> tuple[Callable, Callable]:
    element = fields_of(message)["data"].removeprefix("sequence<").removesuffix(">")
    encodings = {"int16": ("S16", "h"), "float": ("F32", "f"), "uint8": ("", "B")}
    if element not in encodings:
        raise InputError(one_of("audio array element type", element, ("int16", "float32", "uint8")))
    encoding, typecode = encodings[element]

    def of(fmt: AudioFormat) -> str:
        return encoding + NATIVE if encoding else fmt.encoding

    def write(msg: Any, frames: np.ndarray, fmt: AudioFormat) -> None:
        from std_msgs.msg import MultiArrayDimension

        count, channels = frames.shape
        msg.layout.dim = [
            MultiArrayDimension(label="samples", size=count, stride=count * channels),
            MultiArrayDimension(label="channels", size=channels, stride=channels),
        ]
        msg.data = array.array(typecode, encode(frames, of(fmt)))

    return read_array, write


def _write_bytes(msg: Any, frames: np.ndarray, fmt: AudioFormat) -> None:
    msg.data = array.array("B", encode(frames, fmt.encoding))


def _write_naoqi(msg: Any, frames: np.ndarray, fmt: AudioFormat) -> None:
    msg.frequency = fmt.sample_rate
    msg.channel_map = array.array("B", (_NAOQI_CHANNELS * 16)[: frames.shape[1]])
    msg.data = array.array("h", encode(frames, "S16" + NATIVE))


def _write_typed(msg: Any, frames: np.ndarray, fmt: AudioFormat) -> None:
    number = next((n for n, (_, name) in TYPED_ARRAYS.items() if fmt.encoding == name or fmt.encoding[:3] == name), 8)
    field, encoding = TYPED_ARRAYS[number]
    typecode = {"F32": "f", "S32": "i", "S16": "h", "S8": "b", "U8": "B"}[encoding]
    setattr(
        msg.audio_data, field, array.array(typecode, encode(frames, encoding + ("" if "8" in encoding else NATIVE)))
    )
    msg.info.format, msg.info.channels = number, frames.shape[1]
    msg.info.rate, msg.info.chunk = fmt.sample_rate, len(frames)
