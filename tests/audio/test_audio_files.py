"""Audio files: anything libsndfile reads becomes 16 kHz mono; everything else is a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from speech_gesture_pkg.audio.files import read_audio, write_wav
from speech_gesture_pkg.errors import InputError, OutputError

ROOT = Path(__file__).resolve().parents[2]


def test_8_bit_stereo_44k(tmp_path: Path) -> None:
    t = np.arange(44100) / 44100
    tone = 0.5 * np.sin(2 * np.pi * 440 * t)
    soundfile.write(tmp_path / "a.wav", np.stack([tone, 0.5 * tone], 1), 44100, subtype="PCM_U8")
    audio = read_audio(tmp_path / "a.wav")
    assert audio.sample_rate == 16000
    assert audio.samples.dtype == np.float32
    assert audio.duration == pytest.approx(1.0, abs=1e-3)
    expected = 0.375 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    middle = slice(1000, 15000)
    # A delay of 0.12 ms is 0.33 rad at 440 Hz: the correlation is at least cos(0.33).
    assert np.std(audio.samples[middle]) == pytest.approx(np.std(expected), rel=0.02)
    assert np.corrcoef(audio.samples[:16000][middle], expected[middle])[0, 1] > 0.94


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3", "a.aiff"])
def test_other_formats(tmp_path: Path, name: str) -> None:
    soundfile.write(tmp_path / name, 0.1 * np.random.default_rng(0).standard_normal(22050), 22050)
    assert read_audio(tmp_path / name).duration == pytest.approx(1.0, abs=0.1)


def test_round_trip_to_half_a_step(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, 1600).astype(np.float32)
    write_wav(tmp_path / "a.wav", samples)
    # Written by x * 32767, read as / 32768: half a step of rounding and one of scale.
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav").samples, samples, atol=1.5 / 32768)


def test_unusable_files(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("this is no audio\n" * 10)
    (tmp_path / "text.raw").write_text("this is no audio\n" * 10)
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 16000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 16000, subtype="FLOAT")
    for name, sentence in [
        ("missing.wav", "does not exist"),
        ("empty.wav", "is empty"),
        ("text.wav", "not a readable audio file"),
        ("text.raw", "not a readable audio file"),
        ("none.wav", "no samples"),
        ("nan.wav", "NaN"),
        ("", "is a folder"),
    ]:
        with pytest.raises(InputError, match=sentence) as caught:
            read_audio(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


def test_truncated_header(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.zeros(100))
    (tmp_path / "b.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:20])
    with pytest.raises(InputError, match=r"b\.wav"):
        read_audio(tmp_path / "b.wav")


def resized(path: Path, size: int | None, keep: int | None = None) -> Path:
    """A second of noise at 8 kHz whose header tells `size` bytes of samples, cut after `keep` bytes of them."""
    write_wav(path, np.random.default_rng(0).uniform(-0.5, 0.5, 8000), 8000)
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    if size is not None:
        data[4:8] = data[at : at + 4] = size.to_bytes(4, "little")
    path.write_bytes(data if keep is None else data[: at + 4 + keep])
    return path


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_streamed_wav_is_read_to_its_end_and_told(tmp_path: Path, size: int) -> None:
    told: list[str] = []
    whole = read_audio(resized(tmp_path / "whole.wav", None), told.append)
    assert told == []
    audio = read_audio(resized(tmp_path / "a.wav", size), told.append)
    np.testing.assert_array_equal(audio.samples, whole.samples)
    (sentence,) = told
    assert sentence.startswith(f"audio file {tmp_path / 'a.wav'} does not tell its length")
    assert sentence.endswith("read as far as there are samples, 1.00 s")


@pytest.mark.parametrize("keep", [4000, 4001])
def test_a_wav_that_is_cut_is_read_as_far_as_it_goes_and_told(
    tmp_path: Path, keep: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = resized(tmp_path / "a.wav", None, keep)
    assert read_audio(path).duration == pytest.approx(0.25)
    assert [r.message for r in caplog.records] == [
        f"audio file {path} is cut: its header tells 1.00 s: read as far as there are samples, 0.25 s"
    ]


def test_a_wav_without_samples_is_still_refused(tmp_path: Path) -> None:
    for name, size, keep in (("a.wav", 0, 0), ("b.wav", 0xFFFFFFFF, 0), ("c.wav", None, 1)):
        with pytest.raises(InputError, match="holds no samples"):
            read_audio(resized(tmp_path / name, size, keep))


def test_unwritable(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        write_wav(tmp_path / "no" / "a.wav", np.zeros(10))


def test_bundled_clip() -> None:
    """16 kHz mono 16 bit, 12 to 16 s, at most 500 KB, not clipped."""
    path = ROOT / "models" / "audio" / "demo_speech.wav"
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
    assert 12.0 <= info.duration <= 16.0
    assert path.stat().st_size <= 500_000
    audio = read_audio(path)
    assert 0.3 < np.abs(audio.samples).max() < 0.99
    assert np.abs(audio.samples[-8000:]).max() < 0.01
