"""WAV files in messages of bytes: whole, in pieces, streamed, with other chunks; and what is no PCM."""

from __future__ import annotations

import io
import struct
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from speech_gesture_pkg.audio.formats import AudioFormat
from speech_gesture_pkg.audio.message_shapes import read_samples
from speech_gesture_pkg.audio.wav_header import read_wav_header
from speech_gesture_pkg.audio.wav_stream import WavStream
from speech_gesture_pkg.errors import InputError

TONE = 0.5 * np.sin(2 * np.pi * 300 * np.arange(4410) / 22050)
STEREO = np.stack([TONE, -0.5 * TONE], 1)
DECLARED = AudioFormat(16000, 1, "S16LE")


def wav(samples: np.ndarray, rate: int = 22050, subtype: str = "PCM_16", kind: str = "WAV") -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, subtype=subtype, format=kind)
    return stream.getvalue()


def with_size(data: bytes, size: int) -> bytes:
    """As a program writes it that does not know the length."""
    at = data.index(b"data")
    return data[:4] + struct.pack("<I", 0xFFFFFFFF) + data[8 : at + 4] + struct.pack("<I", size) + data[at + 8 :]


def message(data: bytes, kind: str = "array") -> SimpleNamespace:
    made = SimpleNamespace(data=np.frombuffer(data, np.uint8))
    return SimpleNamespace(audio=made) if kind == "stamped" else made


def read(data: bytes, files: WavStream | None = None) -> tuple[np.ndarray, int]:
    return read_samples(message(data), DECLARED, files)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("kind", ["WAV", "WAVEX"])
@pytest.mark.parametrize("samples", [TONE, STEREO], ids=["mono", "stereo"])
def test_a_message_that_is_a_file_is_read_as_its_header_says(samples, subtype, kind):
    got, rate = read(wav(samples, subtype=subtype, kind=kind))
    assert rate == 22050
    np.testing.assert_allclose(got, samples.reshape(len(samples), -1), atol=1 / 120)


@pytest.mark.parametrize("size", [None, 0, 0xFFFFFFFF])
@pytest.mark.parametrize("piece", [1000, 4096, 4097, 30])
def test_a_file_in_pieces_is_read_whole(piece, size):
    """Frames of 6 bytes, cut anywhere (the header lies in the first piece, unless that is too short for one)."""
    data = wav(STEREO, subtype="PCM_24")
    data = data if size is None else with_size(data, size)
    pieces = [data[i : i + piece] for i in range(0, len(data), piece)]
    if piece < 44:
        with pytest.raises(InputError, match=r"the audio message is a WAV file that cannot be read.*header is cut"):
            read(pieces[0], WavStream())
        return
    files = WavStream()
    parts = [read(p, files) for p in pieces]
    assert {rate for _, rate in parts} == {22050}
    np.testing.assert_allclose(np.concatenate([s for s, _ in parts]), STEREO, atol=2**-22)


def test_behind_a_complete_file_the_declared_format_holds_again():
    files = WavStream()
    data = wav(TONE)
    assert read(data, files)[1] == 22050
    samples, rate = read(b"\0\x40" * 160, files)
    assert (rate, len(samples)) == (16000, 160)
    assert samples[0, 0] == 0.5


def test_titles_behind_the_samples_are_no_sound():
    data = wav(TONE)
    data = data + b"LIST" + struct.pack("<I", 10) + b"INFOabcdef"
    data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    for cut in (len(data), len(data) - 18, len(data) - 7):
        files = WavStream()
        got = [read(part, files)[0] for part in (data[:cut], data[cut:]) if part]
        np.testing.assert_allclose(np.concatenate(got)[:, 0], TONE, atol=2**-15)
        assert read(bytes(320), files)[1] == 16000


def test_each_kind_of_file_is_told_once():
    files = WavStream()
    told = []
    for data in (wav(TONE), wav(TONE), wav(STEREO, 16000), wav(STEREO, 16000)):
        read(data, files)
        told.append(files.news())
    assert told == [
        "audio messages carry WAV files: read as their header says (22050 Hz, 1 channel, S16LE)",
        "",
        "audio messages carry WAV files: read as their header says (16000 Hz, 2 channels, S16LE)",
        "",
    ]


def test_another_publisher_starts_anew():
    files = WavStream()
    read(with_size(wav(TONE), 0), files)
    assert read(bytes(320), files)[1] == 22050
    files.restart()
    assert read(bytes(320), files)[1] == 16000


def test_other_types_of_messages_carry_files_too():
    got, rate = read_samples(message(wav(TONE), "stamped"), DECLARED, WavStream())
    assert (len(got), rate) == (4410, 22050)


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW", "IMA_ADPCM"])
def test_compressed_files_are_refused_by_their_format(subtype):
    with pytest.raises(InputError, match=r"a WAV file that cannot be read: .*format 0x00.*write it as PCM"):
        read(wav(TONE, subtype=subtype))


def test_headers_that_make_no_sense():
    good = wav(TONE)
    with pytest.raises(InputError, match="begin with RIFF"):
        read_wav_header(b"OggS" + bytes(40))
    with pytest.raises(InputError, match=r"no chunk `fmt `"):
        read_wav_header(good[:12] + good[36:])
    with pytest.raises(InputError, match="sample_rate is 0"):
        read_wav_header(good[:24] + bytes(4) + good[28:])
    for end in range(12, 44):
        with pytest.raises(InputError, match="header is cut"):
            read_wav_header(good[:end])
