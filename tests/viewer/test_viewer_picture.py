"""Contact sheets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.errors import ConfigError, OutputError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.viewer.content import Content
from speech_gesture_pkg.viewer.picture import render_png


def still(count: int = 30) -> MotionFrames:
    poses = np.zeros((count, 55, 3))
    poses[:, 16, 2], poses[:, 17, 2] = np.linspace(-1.3, 0, count), 1.2
    return MotionFrames(poses, 30.0)


def test_contact_sheet_has_one_cell_per_time_and_they_differ(tmp_path: Path):
    out = render_png(tmp_path / "a.png", Content(still()), 6, columns=3, cell=(100, 120))
    picture = np.asarray(Image.open(out)).astype(int)
    assert picture.shape == (2 * 120 + 3, 3 * 100 + 6, 3)
    first, last = picture[20:100, :100], picture[143:223, 206:306]
    assert (np.abs(first - last).sum(2) > 60).sum() > 20


def test_audio_strip_is_added_below(tmp_path: Path):
    audio = AudioChunk(np.ones(16000, np.float32))
    out = render_png(tmp_path / "a.png", Content(still(), audio=audio), 1, cell=(200, 120))
    assert Image.open(out).size == (200, 120 + 110)


def test_bad_requests_are_named(tmp_path: Path):
    out = tmp_path / "a.png"
    with pytest.raises(OutputError, match=r"missing/a\.png"):
        render_png(tmp_path / "missing" / "a.png", Content(still()), 1)
    with pytest.raises(ConfigError, match="at least 1"):
        render_png(out, Content(still()), 0)
    assert not out.exists()
