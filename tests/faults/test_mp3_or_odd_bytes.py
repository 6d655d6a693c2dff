"""mp3, odd bytes, wrong type: an error that names the fix."""

from __future__ import annotations

import numpy as np
import pytest

from speech_gesture_pkg.audio.formats import AudioFormat, decode
from speech_gesture_pkg.errors import InputError

ROW = "mp3 or odd bytes or wrong dtype"

MONO = AudioFormat(16000, 1, "S16LE")


# 128 kbit/s at 44.1 kHz: frames of 417 bytes
STREAM = 3 * (b"\xff\xfb\x90\x00" + bytes(413))


@pytest.mark.parametrize("data", [b"ID3\x03" + bytes(400), STREAM], ids=["tagged", "stream"])
def test_mp3(data):
    with pytest.raises(InputError, match=r"(?i)mp3.*PCM|PCM.*mp3"):
        decode(data, MONO)


def test_a_format_by_name():
    with pytest.raises(InputError, match="mp3"):
        AudioFormat.from_audio_info(16000, 1, "S16LE", "mp3")


def test_odd_bytes(fault):
    with pytest.raises(InputError, match="3") as refused:
        decode(b"\0\0\0", MONO)
    assert "\n" not in str(refused.value)
    fault.note("mp3; 3 bytes of 16 bit audio; complex numbers", "dropped; the error names the fix", "moves on")


@pytest.mark.parametrize("data", [np.zeros(4, complex), np.zeros((2, 2), np.int16), {"a": 1}, np.array(["x"])])
def test_wrong_types(data):
    with pytest.raises(InputError):
        decode(data, MONO)


def test_nan():
    with pytest.raises(InputError, match="NaN"):
        decode(np.array([0.0, np.nan], np.float32), AudioFormat(16000, 1, "F32LE"))
