"""The browser page: it is served, follows the player, and stops."""

from __future__ import annotations

import socket
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("viser")
pytest.importorskip("PIL")

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.cli.view import load_scene
from speech_gesture_pkg.errors import ConfigError, InputError, MissingDependencyError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.npz import save_motion
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.viewer.browser import FilePlayer, open_player
from speech_gesture_pkg.viewer.content import Content
from speech_gesture_pkg.viewer.page import BrowserPage
from speech_gesture_pkg.viewer.robot import RobotFigure

DEADLINE_S = 10.0


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def motion(count: int = 20) -> MotionFrames:
    poses = np.zeros((count, 55, 3))
    poses[:, 16, 2] = np.linspace(-1, 1, count)
    return MotionFrames(poses, 20.0, phase=np.full(count, 2, np.uint8))


def elbow(count: int = 20) -> RobotTrajectory:
    q = np.linspace(0, -1, count)[:, None]
    return RobotTrajectory(("left_elbow",), np.arange(count) / 20.0, q, q * 0, q * 0, 20.0)


def wait_until(condition, what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {DEADLINE_S} s: {what}")
        time.sleep(0.02)


def test_page_is_served_on_this_machine_only_and_stops(capsys: pytest.CaptureFixture[str]):
    with BrowserPage(port=free_port()) as page:
        assert page.url.startswith("http://127.0.0.1:")
        assert b"<html" in urllib.request.urlopen(page.url, timeout=DEADLINE_S).read().lower()
        page.show_robot(np.zeros(3))  # no robot yet: nothing happens
        page.show_status("**hello**")
        assert page._status.content == "**hello**"
    page.close()
    with pytest.raises(OSError):
        urllib.request.urlopen(page.url, timeout=1.0)
    assert capsys.readouterr().out == ""


def test_a_taken_port_gives_the_next_one():
    with BrowserPage(port=free_port()) as first, BrowserPage(port=int(first.url.rsplit(":", 1)[1])) as second:
        assert second.url != first.url
        assert urllib.request.urlopen(second.url, timeout=DEADLINE_S).status == 200


def test_file_player_plays_pauses_and_seeks(demo_urdf: Path):
    with BrowserPage(port=free_port()) as page:
        robot = RobotFigure.from_file(demo_urdf)
        player = FilePlayer(page, Content(motion(), elbow(), demo_urdf, AudioChunk(np.zeros(16000, np.float32))))
        drawn = page._robot[1]
        hand = robot.link_names.index("left_hand")
        before = drawn._last[hand].copy()
        player.seek(0.95)
        expected = robot.transforms({"left_elbow": -1.0})[hand]
        np.testing.assert_allclose(drawn._last[hand], expected, atol=1e-9)
        assert np.abs(before - expected).max() > 0.05
        assert "stroke" in page._status.content
        player.seek(0.0)
        player.start()
        wait_until(lambda: player.time > 0.2, "time advances")
        player.set_playing(False)
        assert player._button.label == "Play"
        player.seek(0.4)
        assert player.time == 0.4
        player.close()


def test_motion_and_trajectory_files_are_told_apart(tmp_path: Path, demo_urdf: Path):
    save_motion(tmp_path / "m.npz", motion())
    elbow().save(tmp_path / "t.npz")
    assert load_scene(tmp_path / "m.npz").motion is not None
    content = load_scene(tmp_path / "t.npz")
    assert content.trajectory is not None
    content.urdf, content.audio = demo_urdf, AudioChunk(np.zeros(8000, np.float32))
    player = open_player(content, port=free_port())
    try:
        assert player.page.robot is not None
        assert player.page.robot.name == "demo_humanoid"
    finally:
        player.close()


def test_bad_requests_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    np.savez(tmp_path / "x.npz", something=np.zeros(3))
    with pytest.raises(InputError, match=r"x\.npz holds neither.*something"):
        load_scene(tmp_path / "x.npz")
    (tmp_path / "x.bvh").touch()
    with pytest.raises(InputError, match="cannot be shown"):
        load_scene(tmp_path / "x.bvh")
    with pytest.raises(InputError, match="give the URDF"):
        open_player(Content(trajectory=elbow()))
    with pytest.raises(ConfigError, match="70000"):
        BrowserPage(port=70000)
    with pytest.raises(ConfigError, match=r"203\.0\.113\.7"):
        BrowserPage(host="203.0.113.7")
    monkeypatch.setitem(sys.modules, "viser", None)
    with pytest.raises(MissingDependencyError, match=r"pip install.*viewer"):
        BrowserPage(port=free_port())
