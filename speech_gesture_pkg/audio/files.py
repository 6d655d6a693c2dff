"""Audio files in and out (any format that libsndfile reads)."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE, AudioChunk
from speech_gesture_pkg.audio.formats import FLOAT_LIMIT, MAX_RATE, MIN_RATE, to_mono
from speech_gesture_pkg.audio.resample import resample
from speech_gesture_pkg.audio.wav_header import MOST_HEADER, read_wav_header
from speech_gesture_pkg.errors import InputError, OutputError

_log = logging.getLogger(__name__)

MOST_SAMPLES = 1 << 29
"""Largest file: samples of all channels, or at 16 kHz; that is nine hours of mono at 16 kHz."""


def read_audio(path: str | Path, report: Callable[[str], object] = _log.warning) -> AudioChunk:
    """A whole file as 16 kHz mono float32 starting at time 0.

    A WAV file that was cut, or streamed by a program that did not know its length, is read as far as there are samples.

    Args:
        path: of the file.
        report: called with a sentence about such a file.

    Raises:
        InputError: no such file, a folder, empty, not audio, without samples, too long, of no usable rate, with NaN, or
            not scaled to full scale = 1; the sentence says which.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"audio file {path} is a folder; give a WAV, FLAC, OGG or MP3 file")
    if not path.is_file():
        raise InputError(f"audio file {path} does not exist")
    if path.stat().st_size == 0:
        raise InputError(f"audio file {path} is empty (0 bytes)")
    try:
        # The open file, not its name: libsndfile trusts a .raw ending and would then ask for a rate.
        odd = _unfinished_wav(path)
        with _completed(path) if odd else path.open("rb") as stream, soundfile.SoundFile(stream) as file:
            rate = int(file.samplerate)
            # Before anything is read: the header alone decides how much memory reading and resampling take.
            if not MIN_RATE <= rate <= MAX_RATE:
                raise InputError(
                    f"audio file {path} has {rate} samples a second; from {MIN_RATE} to {MAX_RATE} can be read"
                )
            if file.frames * max(file.channels, SAMPLE_RATE / rate) > MOST_SAMPLES:
                raise InputError(
                    f"audio file {path} says that it holds {file.frames} frames of {file.channels} channels, which is "
                    "too much at once; cut it"
                )
            samples = file.read(dtype="float32", always_2d=True)
        if odd and len(samples):
            report(f"audio file {path} {odd}: read as far as there are samples, {len(samples) / rate:.2f} s")
    except PermissionError as error:
        raise InputError(f"audio file {path} cannot be opened: permission denied") from error
    except (soundfile.SoundFileError, TypeError, ValueError, OSError, RuntimeError) as error:
        raise InputError(f"{path} is not a readable audio file ({error}); give a WAV, FLAC, OGG or MP3 file") from error
    if len(samples) == 0:
        raise InputError(f"audio file {path} holds no samples (length 0)")
    if not np.isfinite(samples).all():
        raise InputError(f"audio file {path} holds NaN or infinite samples; write it again with finite samples")
    if (peak := float(np.abs(samples).max())) > FLOAT_LIMIT:
        raise InputError(f"audio file {path} reaches {peak:.6g}; its float samples must lie in [-1, 1]")
    return AudioChunk(np.clip(resample(to_mono(samples), rate, SAMPLE_RATE), -1.0, 1.0))


def _unfinished_wav(path: Path) -> str:
    """What is odd about the length that a WAV file states; '' for a sound one and for files of other kinds."""
    with path.open("rb") as file:
        head = file.read(MOST_HEADER)
    try:
        header = read_wav_header(head)
    except InputError:
        return ""  # no WAV file, or one for libsndfile to judge
    there = path.stat().st_size - header.begin
    if header.size is None:
        other = head[header.begin : header.begin + 4]
        empty = there == 0 or (other.isalpha() and other.isascii())  # nothing, or another chunk, follows
        return "" if empty else "does not tell its length (it was streamed, or its writer ended early)"
    if header.size <= there:
        return ""
    second = header.fmt.sample_rate * header.fmt.channels * header.fmt.sample_bytes
    return f"is cut: its header tells {header.size / second:.2f} s"


def _completed(path: Path) -> io.BytesIO:
    """A WAV file with the sizes that it has."""
    size = path.stat().st_size
    if size > 4 * MOST_SAMPLES:
        raise InputError(f"audio file {path} has {size} bytes, which is too much at once; cut it")
    data = bytearray(path.read_bytes())
    begin = read_wav_header(bytes(data[:MOST_HEADER])).begin
    for at, length in ((4, size - 8), (begin - 4, size - begin)):
        data[at : at + 4] = length.to_bytes(4, "little")
    return io.BytesIO(data)


def write_wav(path: str | Path, samples: np.ndarray, rate: int = SAMPLE_RATE) -> None:
    """Write 16 bit PCM.

    Args:
        path: file to write (replaced if it exists).
        samples: float in [-1, 1], clipped beyond. Shape [N] or [N, channels].
        rate: sample rate in Hz.

    Raises:
        OutputError: the file cannot be written.
    """
    pcm = np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16)
    try:
        soundfile.write(str(path), pcm, rate, subtype="PCM_16", format="WAV")
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        raise OutputError(f"cannot write {path}: {error}") from error
