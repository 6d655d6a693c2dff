"""Contact sheets and robot pose sheets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.errors import ConfigError, InputError, OutputError, RobotError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.viewer.picture import render_png, render_poses


def still(count: int = 30) -> MotionFrames:
    poses = np.zeros((count, 55, 3))
    poses[:, 16, 2], poses[:, 17, 2] = np.linspace(-1.3, 0, count), 1.2
    return MotionFrames(poses, 30.0)


def test_contact_sheet_has_one_cell_per_time_and_they_differ(tmp_path: Path):
    out = render_png(tmp_path / "a.png", still(), count=6, columns=3, cell=(100, 120))
    picture = np.asarray(Image.open(out)).astype(int)
    assert picture.shape == (2 * 120 + 3, 3 * 100 + 6, 3)
    first, last = picture[20:100, :100], picture[143:223, 206:306]
    assert (np.abs(first - last).sum(2) > 60).sum() > 20


def test_audio_strip_is_added_below(tmp_path: Path):
    audio = AudioChunk(np.ones(16000, np.float32))
    out = render_png(tmp_path / "a.png", still(), audio=audio, times=[0.2], cell=(200, 120))
    assert Image.open(out).size == (200, 120 + 110)


def test_poses_of_the_demo_humanoid(tmp_path: Path, demo_urdf: Path):
    out = render_poses(demo_urdf, [("zero", {}), ("left elbow", {"left_elbow": -1.2})], tmp_path / "a.png")
    picture = np.asarray(Image.open(out)).astype(int)
    assert picture.shape == (360, 603, 3)
    rows, columns = np.nonzero(np.abs(picture[:270, :300] - picture[:270, 303:]).sum(2) > 60)
    assert len(rows) > 50
    assert columns.min() > 150  # the robot's left is at the picture's right


def test_bad_requests_are_named(tmp_path: Path, demo_urdf: Path):
    out = tmp_path / "a.png"
    with pytest.raises(InputError, match="elbow_of_steel"):
        render_poses(demo_urdf, [("x", {"elbow_of_steel": 1.0})], out)
    with pytest.raises(InputError, match="empty"):
        render_poses(demo_urdf, [], out)
    with pytest.raises(RobotError, match=r"none\.urdf"):
        render_poses(tmp_path / "none.urdf", [("x", {})], out)
    with pytest.raises(OutputError, match=r"missing/a\.png"):
        render_png(tmp_path / "missing" / "a.png", still(), count=1)
    with pytest.raises(ConfigError, match="at least 1"):
        render_png(out, still(), count=0)
    assert not out.exists()
