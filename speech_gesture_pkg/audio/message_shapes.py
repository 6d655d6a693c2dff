"""The samples in an audio message of any type of the field, recognised by its fields; free of ROS.

The message may be an rclpy object or one that a bag reader made: only its fields are looked at.

| fields | types | rate, channels, encoding |
|---|---|---|
| `data` of int16, float32 | `std_msgs/{Int16,Float32}MultiArray` | declared; channels of the layout (`audio.layout`) |
| `data` of uint8 | `std_msgs/UInt8MultiArray`, ros-drivers `AudioData` | declared, e.g. by `AudioInfo`; WAV header |
| `audio_data`, `info` | mgonzs13 `Audio` | in the message (`format` is a PortAudio number) |
| `frequency`, `channel_map`, `data` | naoqi `AudioBuffer` | in the message |
| `audio` | `AudioDataStamped`, `AudioStamped` | as of what is in it |
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from speech_gesture_pkg.audio.formats import AudioFormat, decode
from speech_gesture_pkg.audio.layout import arrange
from speech_gesture_pkg.audio.wav_stream import WavStream
from speech_gesture_pkg.errors import InputError, one_of

AUDIO_TYPES: tuple[str, ...] = (
    "std_msgs/msg/Int16MultiArray",
    "std_msgs/msg/Float32MultiArray",
    "std_msgs/msg/UInt8MultiArray",
    "audio_common_msgs/msg/AudioData",
    "audio_common_msgs/msg/AudioDataStamped",
    "audio_common_msgs/msg/Audio",
    "audio_common_msgs/msg/AudioStamped",
    "naoqi_bridge_msgs/msg/AudioBuffer",
)
"""Names that an audio topic may have. Which of the `audio_common_msgs` ones exist depends on whose package it is."""
AUDIO_INFO = "audio_common_msgs/msg/AudioInfo"
"""ros-drivers': rate, channels and encoding of `AudioData`. (mgonzs13's of the same name lies inside its messages.)"""


@dataclass(frozen=True)
class OwnAudioType:
    """How the messages of a type that is not in `AUDIO_TYPES` are read; named by `audio.message_type: module:NAME`.

    Attributes:
        type_name: the ROS type of the topic, e.g. `std_msgs/msg/String`.
        read: (message, declared format) -> samples, float with full scale = 1, [N] or [N, channels], and their rate in
            Hz. The declared format is that of `audio_info` or of the parameters `audio.*`. `formats.decode` makes
            samples of PCM bytes. InputError, or any other exception, drops the message and says why.
    """

    type_name: str
    read: Callable[[Any, AudioFormat], tuple[np.ndarray, int]]


NATIVE = "LE" if sys.byteorder == "little" else "BE"
TYPED_ARRAYS = {1: ("float32_data", "F32"), 2: ("int32_data", "S32"), 8: ("int16_data", "S16")}
TYPED_ARRAYS |= {16: ("int8_data", "S8"), 32: ("uint8_data", "U8")}
"""mgonzs13: PortAudio's number of a sample format -> field of `audio_data` and encoding without byte order."""
ARRAY_ENCODINGS = {"int16": "S16" + NATIVE, "float32": "F32" + NATIVE, "uint8": ""}
"""Element type of an array -> encoding; '' = bytes, of the encoding that was declared."""


def read_samples(msg: Any, declared: AudioFormat, files: WavStream | None = None) -> tuple[np.ndarray, int]:
    """The samples of a message: float32 [N, channels], full scale = 1, and their rate in Hz.

    Args:
        msg: the message.
        declared: format, as far as the message does not say.
        files: knows the WAV file that messages of bytes are pieces of; None = each message stands for itself.

    Raises:
        InputError: no known fields, or as `audio.formats.decode`; the message should then be dropped.
    """
    if hasattr(msg, "audio"):
        return read_samples(msg.audio, declared, files)
    if hasattr(msg, "audio_data"):
        return read_typed(msg, declared)
    if hasattr(msg, "channel_map"):
        return read_naoqi(msg, declared)
    if hasattr(msg, "data"):
        return read_array(msg, declared, files)
    raise InputError(f"{type(msg).__name__} has none of the fields of an audio message (data, audio, audio_data)")


def read_array(msg: Any, declared: AudioFormat, files: WavStream | None = None) -> tuple[np.ndarray, int]:
    """`data`, a typed array of samples, or bytes."""
    data = np.frombuffer(msg.data, np.uint8) if isinstance(msg.data, bytes) else np.asarray(msg.data)
    element = data.dtype.name if len(data) else "uint8"
    if element not in ARRAY_ENCODINGS:
        raise InputError(one_of("audio array element type", element, tuple(ARRAY_ENCODINGS)))
    layout = getattr(msg, "layout", None)
    offset = int(getattr(layout, "data_offset", 0))
    if offset > len(data):
        raise InputError(f"the audio's layout begins at element {offset}, but the message holds {len(data)}")
    data = data[offset:]
    files = files or WavStream()
    if element == "uint8" and files.takes(data):
        return files.read(data)
    encoding = ARRAY_ENCODINGS[element] or declared.encoding
    size = AudioFormat(declared.sample_rate, 1, encoding).sample_bytes if element == "uint8" else 1
    channels, planar = arrange(layout, len(data) // size, declared.channels)
    fmt = AudioFormat(declared.sample_rate, channels, encoding)
    samples = decode(data, fmt)
    return (samples.reshape(channels, -1).T if planar else samples), fmt.sample_rate


def read_bytes(msg: Any, declared: AudioFormat, files: WavStream | None = None) -> tuple[np.ndarray, int]:
    """`data`, bytes of the declared encoding, or of a WAV file."""
    data, files = np.asarray(msg.data, np.uint8), files or WavStream()
    return files.read(data) if files.takes(data) else (decode(data, declared), declared.sample_rate)


def read_naoqi(msg: Any, _: AudioFormat, __: WavStream | None = None) -> tuple[np.ndarray, int]:
    """`data`, interleaved int16, one channel per entry of `channel_map`."""
    fmt = AudioFormat(msg.frequency, max(len(msg.channel_map), 1), "S16" + NATIVE)
    return decode(msg.data, fmt), fmt.sample_rate


def read_typed(msg: Any, _: AudioFormat, __: WavStream | None = None) -> tuple[np.ndarray, int]:
    """One of the arrays of `audio_data`, as `info` says."""
    info = msg.info
    if info.format not in TYPED_ARRAYS:
        raise InputError(one_of("PortAudio sample format", info.format, TYPED_ARRAYS))
    field, encoding = TYPED_ARRAYS[info.format]
    fmt = AudioFormat(info.rate, info.channels, encoding if encoding.endswith("8") else encoding + NATIVE)
    return decode(getattr(msg.audio_data, field), fmt), fmt.sample_rate
