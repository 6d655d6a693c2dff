"""Audio formats: every ROS audio convention decodes to the same numbers, and bad audio is refused by name."""

from __future__ import annotations

import array
import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from speech_gesture_pkg.audio.formats import (
    ENCODINGS,
    AudioFormat,
    canonical_encoding,
    clipped_fraction,
    decode,
    to_mono,
)
from speech_gesture_pkg.errors import InputError

WAVE = np.array([0.0, 0.5, -0.5, -1.0, 0.25])

# The same five values, packed by Python's struct module (independent of numpy).
PACKED = {
    "S8": struct.pack("5b", 0, 64, -64, -128, 32),
    "U8": struct.pack("5B", 128, 192, 64, 0, 160),
    "S16LE": struct.pack("<5h", 0, 16384, -16384, -32768, 8192),
    "S16BE": struct.pack(">5h", 0, 16384, -16384, -32768, 8192),
    "U16LE": struct.pack("<5H", 32768, 49152, 16384, 0, 40960),
    "U16BE": struct.pack(">5H", 32768, 49152, 16384, 0, 40960),
    "S24LE": b"".join(v.to_bytes(3, "little", signed=True) for v in (0, 2**22, -(2**22), -(2**23), 2**21)),
    "S24BE": b"".join(v.to_bytes(3, "big", signed=True) for v in (0, 2**22, -(2**22), -(2**23), 2**21)),
    "S32LE": struct.pack("<5i", 0, 2**30, -(2**30), -(2**31), 2**29),
    "S32BE": struct.pack(">5i", 0, 2**30, -(2**30), -(2**31), 2**29),
    "F32LE": struct.pack("<5f", *WAVE),
    "F32BE": struct.pack(">5f", *WAVE),
    "F64LE": struct.pack("<5d", *WAVE),
    "F64BE": struct.pack(">5d", *WAVE),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_bytes_of_every_encoding(encoding: str) -> None:
    fmt = AudioFormat(16000, 1, encoding)
    for data in (PACKED[encoding], array.array("B", PACKED[encoding]), np.frombuffer(PACKED[encoding], np.uint8)):
        out = decode(data, fmt)
        assert out.dtype == np.float32
        assert out.shape == (5, 1)
        np.testing.assert_array_equal(out[:, 0], WAVE.astype(np.float32))


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("S16LE", "S16LE"),
        ("s16_le", "S16LE"),
        ("paInt16", "S16LE"),
        ("int16", "S16LE"),
        (8, "S16LE"),
        (1, "F32LE"),
        ("paFloat32", "F32LE"),
        (2, "S32LE"),
        (16, "S8"),
        (32, "U8"),
        ("uint8", "U8"),
        ("S24BE", "S24BE"),
    ],
)
def test_names_of_encodings(given_name: str | int, name: str) -> None:
    assert canonical_encoding(given_name) == name


@pytest.mark.parametrize("bad", ["vorbis", "", "S12LE", 7, "S24_32LE"])
def test_unknown_encoding_is_refused_with_the_list(bad: str | int) -> None:
    with pytest.raises(InputError, match=r"S16LE.*paInt16 = 8"):
        canonical_encoding(bad)


@pytest.mark.parametrize(
    ("fmt_code", "values", "encoding"),
    [
        ("f", [0.0, 0.5, -0.5, -1.0], 1),
        ("i", [0, 2**30, -(2**30), -(2**31)], 2),
        ("h", [0, 16384, -16384, -32768], 8),
        ("b", [0, 64, -64, -128], 16),
        ("B", [128, 192, 64, 0], 32),
    ],
)
def test_typed_arrays_of_mgonzs13(fmt_code: str, values: list, encoding: int) -> None:
    """`float32_data` ... `uint8_data`: rclpy hands them out as array.array."""
    fmt = AudioFormat(16000, 1, encoding)  # type: ignore[arg-type]
    for data in (array.array(fmt_code, values), np.array(array.array(fmt_code, values)), values):
        np.testing.assert_array_equal(decode(data, fmt)[:, 0], WAVE[:4].astype(np.float32))


def test_interleaved_channels_and_mono() -> None:
    """naoqi: four microphones, interleaved int16."""
    data = np.arange(12, dtype=np.int16) * 1024
    out = decode(data, AudioFormat(48000, 4, "S16LE"))
    assert out.shape == (3, 4)
    np.testing.assert_allclose(out[1], np.array([4, 5, 6, 7]) / 32)
    np.testing.assert_allclose(to_mono(out), np.array([1.5, 5.5, 9.5]) / 32)


def test_ros_drivers_info() -> None:
    assert AudioFormat.from_audio_info(16000, 2, "S16LE", "wave") == AudioFormat(16000, 2, "S16LE")
    with pytest.raises(InputError, match=r"the audio is mp3; set coding_format .* to wave"):
        AudioFormat.from_audio_info(16000, 1, "S16LE", "mp3")


def encoded(container: str) -> bytes:
    stream = io.BytesIO()
    tone = 0.3 * np.sin(np.arange(16000) * 0.1)
    soundfile.write(stream, tone, 16000, format=container)
    return stream.getvalue()


@pytest.mark.parametrize(("container", "name"), [("MP3", "mp3"), ("WAV", "WAV file"), ("FLAC", "FLAC"), ("OGG", "Ogg")])
def test_compressed_audio_and_files_are_refused(container: str, name: str) -> None:
    data = encoded(container)
    with pytest.raises(InputError, match=rf"the audio bytes are .*{name}.*coding_format.*wave"):
        decode(data[: len(data) // 2 * 2], AudioFormat(16000, 1, "S16LE"))


def test_mp3_frames_without_tag_are_refused() -> None:
    data = encoded("MP3")
    data = data[data.index(b"\xff\xf3") :] if b"\xff\xf3" in data else data[data.index(b"\xff\xfb") :]
    with pytest.raises(InputError, match="mp3"):
        decode(data[: len(data) // 2 * 2], AudioFormat(16000, 1, "S16LE"))


@given(st.binary(min_size=0, max_size=64), st.integers(1, 400))
def test_quiet_pcm_is_never_taken_for_mp3(tail: bytes, zeros: int) -> None:
    """The sample -1 is FF FF, which starts like an mp3 frame."""
    data = b"\xff\xff\xff\xff" + tail[: len(tail) // 2 * 2] + b"\xff\xff" * zeros
    assert len(decode(data, AudioFormat(16000, 1, "S16LE"))) == len(data) // 2


@pytest.mark.parametrize(
    ("data", "fmt", "sentence"),
    [
        (b"\0" * 641, AudioFormat(16000), r"641 bytes.*no multiple of the 2 bytes of a S16LE sample"),
        (b"\0" * 6, AudioFormat(16000, 2), r"3 samples.*no multiple of 2 channels"),
        (np.zeros(4, np.float32), AudioFormat(16000), r"holds float32 but the declared sample format is S16LE"),
        (np.zeros(4, np.int16), AudioFormat(16000, 1, "F32LE"), r"holds int16 but .* F32LE"),
        (np.array([0, np.nan], np.float32), AudioFormat(16000, 1, "F32LE"), "NaN or infinite"),
        (np.array([0, -np.inf], np.float32), AudioFormat(16000, 1, "F32LE"), "NaN or infinite"),
        (np.array([12000.0], np.float32), AudioFormat(16000, 1, "F32LE"), r"reaches 12000.*divide.*32768"),
        (np.zeros((2, 2), np.int16), AudioFormat(16000), r"shape \(2, 2\).*flat"),
        ([0, 70000], AudioFormat(16000), "declared sample format is S16LE"),
        ("text", AudioFormat(16000), "audio data"),
    ],
)
def test_wrong_data_is_refused(data: object, fmt: AudioFormat, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        decode(data, fmt)  # type: ignore[arg-type]


@pytest.mark.parametrize(("rate", "channels"), [(0, 1), (16000, 0), (-8000, 1), (16000, 65), (10**7, 1)])
def test_impossible_formats(rate: int, channels: int) -> None:
    with pytest.raises(InputError, match="must be in"):
        AudioFormat(rate, channels)


def test_empty_chunk_and_slight_overload() -> None:
    assert decode(b"", AudioFormat(16000, 2)).shape == (0, 2)
    assert decode(np.array([1.2], np.float32), AudioFormat(16000, 1, "F32LE"))[0, 0] == 1.0


def test_clipped_fraction() -> None:
    assert clipped_fraction(np.array([0.0, 1.0, -1.0, 0.5], np.float32)) == 0.5
    assert clipped_fraction(np.zeros(0, np.float32)) == 0.0
