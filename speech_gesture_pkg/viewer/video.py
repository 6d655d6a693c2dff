"""Video with sound: pictures piped to ffmpeg, H.264 and AAC in an mp4 that browsers and slides play."""

from __future__ import annotations

import logging
import subprocess
import tempfile
import wave
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.errors import ConfigError, MissingDependencyError, OutputError
from speech_gesture_pkg.viewer.content import Content
from speech_gesture_pkg.viewer.frame import FrameComposer

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with (frames done, frames in all)."""


def ffmpeg_path() -> str:
    """The ffmpeg binary. Raises MissingDependencyError with what to install."""
    try:
        import imageio_ffmpeg
    except ImportError as e:
        raise MissingDependencyError(
            "writing video needs imageio-ffmpeg: pip install 'speech_gesture_pkg[viewer]'"
        ) from e
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as e:
        raise MissingDependencyError(f"no ffmpeg binary was found: {e}") from e


def render_video(
    out: str | Path,
    content: Content,
    size: tuple[int, int] = (960, 540),
    fps: float = 30.0,
    span: tuple[float | None, float | None] = (None, None),
    progress: Progress | None = None,
) -> Path:
    """Writes an mp4: robot left, human right, audio strip with gesture phases below.

    The video runs from the earliest start to the latest end of the content, and whatever has not begun or has ended
    holds its first or last pose.

    Args:
        out: file to write; its folder must exist. A file appears only when it is complete.
        content: what to show.
        size: width and height, pixels, both even.
        fps: pictures per second.
        span: cut, begin and end in seconds on the stream clock.
        progress: called after each frame.

    Raises:
        InputError, ConfigError, RobotError: what was given does not fit.
        MissingDependencyError: no ffmpeg.
        OutputError: the file cannot be written.
    """
    if not (1 <= fps <= 240):
        raise ConfigError(f"video rate is {fps} fps; it must be within 1..240")
    if size[0] % 2 or size[1] % 2:
        raise ConfigError(f"video size {size[0]}x{size[1]} has an odd side; H.264 needs even ones")
    out = Path(out)
    if not out.parent.is_dir():
        raise OutputError(f"cannot write {out}: folder {out.parent} does not exist")
    ffmpeg = ffmpeg_path()
    composer = FrameComposer(content, size, span=span)
    first, last = composer.begin, composer.end
    if not last > first:
        raise ConfigError(f"the video would run from {first:.2f} s to {last:.2f} s; the end must be after the begin")
    count = max(round((last - first) * fps), 1)

    partial = out.with_name(f".{out.stem}.partial.mp4")
    try:
        with tempfile.TemporaryDirectory() as folder:
            sound = Path(folder) / "sound.wav"
            if content.audio is not None:
                _write_sound(sound, content.audio, first, count / fps)
            command = _command(ffmpeg, partial, fps, size, sound if content.audio is not None else None)
            pictures = (composer.draw(first + k / fps) for k in range(count))
            with tempfile.TemporaryFile() as messages:
                _encode(command, messages, pictures, lambda done: progress(done, count) if progress else None)
        partial.replace(out)
    except OSError as e:
        raise OutputError(f"cannot write {out}: {e.strerror or e}") from e
    finally:
        partial.unlink(missing_ok=True)
    return out


def _command(ffmpeg: str, out: Path, fps: float, size: tuple[int, int], sound: Path | None) -> list[str]:
    pictures = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", f"{fps:.6g}", "-i", "pipe:0"]
    video = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p", "-threads", "1"]
    sounds = ["-i", str(sound)] if sound else []
    coded = ["-c:a", "aac", "-b:a", "128k"] if sound else ["-an"]
    return [ffmpeg, "-y", "-loglevel", "error", *pictures, *sounds, *video, *coded, "-movflags", "+faststart", str(out)]


def _encode(
    command: list[str], messages: IO[bytes], pictures: Iterable[np.ndarray], done: Callable[[int], object]
) -> None:
    """Draws every picture into ffmpeg; kills ffmpeg if that is interrupted. Raises OutputError with its last words."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=messages)
    pipe = process.stdin
    if pipe is None:  # cannot happen with PIPE; keeps the type checker honest
        raise OutputError("ffmpeg offers no input pipe")
    try:
        for k, picture in enumerate(pictures, 1):
            pipe.write(picture.tobytes())
            done(k)
        pipe.close()
        failed = process.wait() != 0
    except BrokenPipeError:
        process.wait()
        failed = True
    except BaseException:
        process.kill()
        process.wait()
        raise
    if failed:
        messages.seek(0)
        lines = messages.read().decode(errors="replace").strip().splitlines()
        raise OutputError(f"ffmpeg could not write {command[-1]}: {lines[-1] if lines else 'no message'}")


def _write_sound(path: Path, audio: AudioChunk, first: float, duration: float) -> None:
    """16-bit wav of exactly `duration` seconds from clock time `first`; silence where there is no audio."""
    rate = audio.sample_rate
    samples = np.zeros(max(round(duration * rate), 1), np.float32)
    offset = round((audio.start - first) * rate)
    begin, stop = max(offset, 0), min(offset + len(audio.samples), len(samples))
    if stop > begin:
        samples[begin:stop] = np.nan_to_num(audio.samples[begin - offset : stop - offset])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
