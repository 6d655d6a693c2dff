"""Motion and trajectory files in the browser: play, pause, scrub."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from speech_gesture_pkg.motion.frames import PHASES
from speech_gesture_pkg.viewer.content import Content
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

    def __init__(self, page: BrowserPage, content: Content) -> None:
        """Draws the first pose; `start` makes it run. Raises InputError, RobotError."""
        content.check()
        self.page = page
        self._motion = MotionSampler(content.motion) if content.motion is not None else None
        self._trajectory = None
        if content.trajectory is not None and content.urdf is not None:
            robot = RobotFigure.from_file(content.urdf)
            page.set_robot(robot)
            self._trajectory = TrajectorySampler(content.trajectory, robot.joint_names)
        self.begin, self.end = content.span()
        self._timeline = Timeline(_STRIP, (self.begin, self.end), content)
        self._has_phases = content.has_phases
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
        text = f"{clock(self.time - self.begin)} / {clock(self.end - self.begin)}"
        if self._motion is not None and self._has_phases:
            text += f" &nbsp; *{PHASES[self._motion.phase(self.time)]}*"
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


def open_player(content: Content, host: str = "127.0.0.1", port: int = 8080) -> FilePlayer:
    """Serves the content as a page and starts playing; call `wait` to block, `close` to stop.

    Raises:
        InputError, RobotError, ConfigError, MissingDependencyError naming what does not fit.
    """
    content.check()
    page = BrowserPage(host, port)
    try:
        player = FilePlayer(page, content)
    except BaseException:
        page.close()
        raise
    player.start()
    return player
