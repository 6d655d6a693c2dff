"""Motion and trajectory files in the browser: play, pause, scrub."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.motion.bounded_npz import read_npz
from speech_gesture_pkg.motion.frames import PHASES, MotionFrames
from speech_gesture_pkg.motion.npz import load_motion
from speech_gesture_pkg.outside_text import as_markdown
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.viewer.frame import time_span
from speech_gesture_pkg.viewer.page import BrowserPage
from speech_gesture_pkg.viewer.robot import RobotFigure
from speech_gesture_pkg.viewer.sampling import MotionSampler, TrajectorySampler
from speech_gesture_pkg.viewer.timeline import Timeline, clock

logger = logging.getLogger(__name__)

_STRIP = (560, 120)


class FilePlayer:
    """Plays a motion, a trajectory or both on a `BrowserPage`, with play/pause, speed and a time slider.

    Attributes:
        page: the page it draws on.
        time: present time on the stream clock, seconds.
        playing: whether time advances.
    """

    RATE_HZ = 25.0

    def __init__(
        self,
        page: BrowserPage,
        motion: MotionFrames | None = None,
        trajectory: RobotTrajectory | None = None,
        robot: RobotFigure | None = None,
        audio: AudioChunk | None = None,
        note: str | None = None,
        title: str = "",
    ) -> None:
        """Draws the first pose; `start` makes it run. A trajectory needs its `robot`. Raises InputError."""
        if motion is None and trajectory is None:
            raise InputError("there is nothing to view: give a motion, a trajectory or both")
        if trajectory is not None and robot is None:
            raise InputError("a trajectory can only be viewed on its robot: give the URDF it was made for")
        self.page = page
        self._motion = MotionSampler(motion) if motion is not None else None
        self._trajectory = None
        if robot is not None:
            page.set_robot(robot)
            if trajectory is not None:
                self._trajectory = TrajectorySampler(trajectory, robot.joint_names)
        self.begin, self.end = time_span(motion, trajectory, audio)
        self._timeline = Timeline(*_STRIP, self.begin, self.end, audio, motion)
        self._note = note
        self._has_phases = motion is not None and bool(motion.phase.any())
        self._title = title
        self.time = self.begin
        self.playing = True
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._add_controls()
        self.seek(self.begin)

    def _add_controls(self) -> None:
        gui = self.page.server.gui
        length = max(self.end - self.begin, 0.01)
        self._button = gui.add_button("Pause", icon="player-pause", order=2)
        self._slider = gui.add_slider("time [s]", 0.0, round(length, 2), 0.01, 0.0, order=3)
        self._speed = gui.add_slider("speed", 0.1, 2.0, 0.1, 1.0, order=4)
        self._loop = gui.add_checkbox("repeat", True, order=5)

        @self._button.on_click
        def _(_: Any) -> None:
            self.set_playing(not self.playing)

        @self._slider.on_update
        def _(event: Any) -> None:
            if getattr(event, "client", None) is not None:  # moved by a person, not by us
                self.seek(self.begin + float(self._slider.value))

    def set_playing(self, playing: bool) -> None:
        """Plays or pauses."""
        with self._lock:
            self.playing = playing
            self._button.label = "Pause" if playing else "Play"
            self._button.icon = "player-pause" if playing else "player-play"

    def seek(self, when: float) -> None:
        """Shows the moment `when` (seconds on the stream clock)."""
        with self._lock:
            self.time = min(max(when, self.begin), self.end)
            if self._trajectory is not None:
                self.page.show_robot(self._trajectory.positions(self.time))
            if self._motion is not None:
                self.page.show_human(*self._motion.pose(self.time))
            self.page.show_strip(self._timeline.draw(self.time))
            self.page.show_status(self._status())

    def _status(self) -> str:
        text = f"**{as_markdown(self._title)}** &nbsp; " if self._title else ""
        text += f"{clock(self.time - self.begin)} / {clock(self.end - self.begin)}"
        if self._motion is not None and self._has_phases:
            text += f" &nbsp; *{PHASES[self._motion.phase(self.time)]}*"
        if self._note:
            text += f"\n\n{as_markdown(self._note)}"
        return text

    def start(self) -> None:
        """Advances time in a thread of its own until `close`."""
        self._thread = threading.Thread(target=self._run, name="file-player", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        before = time.monotonic()
        while not self._stop.wait(1 / self.RATE_HZ):
            now = time.monotonic()
            step, before = now - before, now
            with self._lock:
                if not self.playing:
                    continue
                when = self.time + step * float(self._speed.value)
                if when >= self.end:
                    if self._loop.value:
                        when = self.begin
                    else:
                        self.set_playing(False)
                self.seek(when)
                self._slider.value = round(self.time - self.begin, 2)

    def close(self) -> None:
        """Stops the thread and the page."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
        self.page.close()

    def wait(self) -> None:
        """Blocks until Ctrl-C, then closes."""
        try:
            while not self._stop.wait(0.5):
                pass
        except KeyboardInterrupt:
            logger.info("viewer stopped")
        finally:
            self.close()


def load_any(path: str | Path) -> MotionFrames | RobotTrajectory:
    """A motion npz or a trajectory npz, told apart by its keys. Raises InputError naming the file and its keys."""
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise InputError(f"{path} is not an npz file; a motion npz (key poses) or a trajectory npz is needed")
    keys = read_npz(path).keys()
    if "joint_names" in keys:
        return RobotTrajectory.load(path)
    if "poses" in keys:
        return load_motion(path)
    raise InputError(
        f"{path} holds neither a motion (key poses) nor a trajectory (key joint_names); its keys are: "
        f"{', '.join(sorted(keys)) or 'none'}"
    )


def view_file(
    path: str | Path,
    urdf: str | Path | None = None,
    audio: str | Path | AudioChunk | None = None,
    port: int = 8080,
    host: str = "127.0.0.1",
    trajectory: RobotTrajectory | None = None,
    note: str | None = None,
) -> FilePlayer:
    """Serves a motion npz or trajectory npz as a page and starts playing; call `wait` to block, `close` to stop.

    Args:
        path: file to show.
        urdf: robot of the trajectory (needed for one).
        audio: speech file or chunk to show below.
        trajectory: robot motion to show beside a motion file.
        note: text in the status, e.g. a latency.

    Raises:
        InputError, RobotError, ConfigError, MissingDependencyError naming what does not fit.
    """
    loaded = load_any(path)
    motion = loaded if isinstance(loaded, MotionFrames) else None
    if isinstance(loaded, RobotTrajectory):
        trajectory = loaded
    sound = read_audio(audio) if isinstance(audio, (str, Path)) else audio
    return open_player(motion, trajectory, urdf, sound, host, port, note, Path(path).name)


def open_player(
    motion: MotionFrames | None = None,
    trajectory: RobotTrajectory | None = None,
    urdf: str | Path | None = None,
    audio: AudioChunk | None = None,
    host: str = "127.0.0.1",
    port: int = 8080,
    note: str | None = None,
    title: str = "",
) -> FilePlayer:
    """As `view_file`, for what is loaded already (one clock for motion, trajectory and audio)."""
    robot = RobotFigure.from_file(urdf) if urdf is not None else None
    if trajectory is not None and robot is None:
        raise InputError("a robot trajectory needs the URDF of its robot to be shown")
    page = BrowserPage(host, port)
    try:
        player = FilePlayer(page, motion, trajectory, robot, audio, note, title)
    except BaseException:
        page.close()
        raise
    player.start()
    return player
