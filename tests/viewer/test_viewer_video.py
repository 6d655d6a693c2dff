"""Videos are playable files with the right length, pictures and sound; a failed one leaves nothing behind."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL")
pytest.importorskip("imageio_ffmpeg")

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.errors import ConfigError, InputError, MissingDependencyError, OutputError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.viewer.content import Content
from speech_gesture_pkg.viewer.frame import FrameComposer
from speech_gesture_pkg.viewer.timeline import PHASE_COLOURS
from speech_gesture_pkg.viewer.video import ffmpeg_path, render_video

SIZE = (320, 180)

URDF = """<robot name="lamp">
<link name="base"><visual><origin xyz="0 0 0.5"/><geometry><box size="0.2 0.2 1"/></geometry></visual></link>
<link name="arm"><visual><origin xyz="0 0.3 0"/><geometry><box size="0.1 0.6 0.1"/></geometry></visual></link>
<joint name="swing" type="revolute"><parent link="base"/><child link="arm"/><origin xyz="0 0 1"/>
<axis xyz="1 0 0"/></joint>
</robot>"""


@pytest.fixture
def urdf(tmp_path: Path) -> Path:
    path = tmp_path / "lamp.urdf"
    path.write_text(URDF)
    return path


def waving(count: int = 15, fps: float = 15.0, start: float = 0.0) -> MotionFrames:
    """Arms down, the left one rises; strokes in the second half."""
    poses = np.zeros((count, 55, 3))
    poses[:, 16, 2] = np.linspace(-1.2, 0.4, count)
    poses[:, 17, 2] = 1.2
    phase = np.where(np.arange(count) * 2 < count, 0, 2).astype(np.uint8)
    return MotionFrames(poses, fps, start, phase=phase)


def swing(count: int = 15, fps: float = 15.0) -> RobotTrajectory:
    q = np.linspace(0, 1, count)[:, None]
    return RobotTrajectory(("swing",), np.arange(count) / fps, q, q * 0, q * 0, fps)


def tone(seconds: float, start: float = 0.0) -> AudioChunk:
    time = np.arange(int(16000 * seconds)) / 16000
    return AudioChunk((0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32), start)


def describe(path: Path) -> str:
    return subprocess.run([ffmpeg_path(), "-i", str(path)], capture_output=True, text=True, check=False).stderr


def pictures(path: Path, width: int, height: int) -> np.ndarray:
    command = [ffmpeg_path(), "-loglevel", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def sound(path: Path) -> np.ndarray:
    command = [ffmpeg_path(), "-loglevel", "error", "-i", str(path), "-f", "s16le", "-ac", "1", "-ar", "16000", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.int16) / 32768


def test_video_has_both_streams_the_right_length_and_the_drawn_pictures(tmp_path: Path, urdf: Path):
    out = tmp_path / "out.mp4"
    seen: list[tuple[int, int]] = []
    content = Content(waving(), swing(), urdf, tone(1.0))
    assert render_video(out, content, SIZE, 15, progress=lambda k, n: seen.append((k, n))) == out
    text = describe(out)
    assert re.search(r"Video: h264.*yuv420p.*320x180.*15 fps", text)
    assert re.search(r"Audio: aac.*16000 Hz, mono", text)
    duration = re.search(r"Duration: 00:00:(\d+\.\d+)", text)
    assert duration is not None
    assert float(duration[1]) == pytest.approx(1.0, abs=0.1)
    assert seen == [(k + 1, 15) for k in range(15)]
    frames = pictures(out, 320, 180)
    composer = FrameComposer(content, SIZE)
    assert len(frames) == 15
    for k in (0, 7, 14):  # compressed, so the pictures agree closely but not exactly
        assert np.abs(frames[k].astype(int) - composer.draw(k / 15)).mean() < 4
    assert sorted(tmp_path.iterdir()) == [urdf, out]


def test_sound_starts_when_the_clock_says(tmp_path: Path):
    out = render_video(tmp_path / "a.mp4", Content(waving(start=10.0), audio=tone(0.5, 10.5)), SIZE, 10)
    heard = np.abs(sound(out))
    assert heard[: int(0.4 * 16000)].max() < 0.02
    assert heard[int(0.6 * 16000) : int(0.9 * 16000)].max() > 0.3


def test_without_audio_there_is_no_sound_stream_and_a_cut_is_kept(tmp_path: Path):
    out = render_video(tmp_path / "a.mp4", Content(waving(30)), SIZE, 10, (0.5, 1.0))
    text = describe(out)
    assert "Audio:" not in text
    assert len(pictures(out, 320, 180)) == 5


def test_interrupting_removes_the_partial_file(tmp_path: Path):
    def stop(done: int, _: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_video(tmp_path / "a.mp4", Content(waving()), SIZE, 15, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_survives_a_failed_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "a.mp4"
    out.write_bytes(b"old")
    fake = tmp_path / "ffmpeg"
    fake.write_text("#!/bin/sh\necho 'disk is full' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr("speech_gesture_pkg.viewer.video.ffmpeg_path", lambda: str(fake))
    with pytest.raises(OutputError, match="disk is full"):
        render_video(out, Content(waving()), SIZE, 15)
    assert out.read_bytes() == b"old"


def test_wrong_requests_are_refused_by_name(tmp_path: Path, urdf: Path):
    out, content = tmp_path / "a.mp4", Content(waving())
    with pytest.raises(OutputError, match=r"folder .* does not exist"):
        render_video(tmp_path / "no" / "a.mp4", content)
    with pytest.raises(ConfigError, match="321x180"):
        render_video(out, content, (321, 180))
    with pytest.raises(ConfigError, match="0 fps"):
        render_video(out, content, fps=0)
    with pytest.raises(ConfigError, match="end must be after"):
        render_video(out, content, span=(1.0, 0.5))
    with pytest.raises(InputError, match="nothing to draw"):
        render_video(out, Content())
    with pytest.raises(InputError, match="URDF"):
        render_video(out, Content(trajectory=swing()))


def test_missing_ffmpeg_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(MissingDependencyError, match=r"pip install.*viewer"):
        ffmpeg_path()


def test_robot_is_left_and_human_right_and_the_phase_is_shown(urdf: Path):
    composer = FrameComposer(Content(waving(), swing(), urdf), (480, 270))
    first, last = composer.draw(0.0).astype(int), composer.draw(0.9).astype(int)
    assert first.shape == (270, 480, 3)
    moved = np.abs(first - last).sum(2)[40:216] > 60  # below the labels, above the strip
    assert moved[:, :239].any()
    assert moved[:, 241:].any()
    stroke = (np.abs(last[:40, 240:] - PHASE_COLOURS["stroke"]).sum(2) < 6).sum()
    assert stroke > 100
    assert (np.abs(first[:40, 240:] - PHASE_COLOURS["stroke"]).sum(2) < 6).sum() == 0
