"""The motion guarantees, checked while the gesture node runs: in a thread of its own, with flat memory."""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speech_gesture_pkg.bags.messages import BagMessage
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.robot.urdf_text import read_urdf_text
from speech_gesture_pkg.verification.motion_guarantees import GuaranteeCheck, GuaranteeReport
from speech_gesture_pkg.verification.quintic import SampledTrajectory
from speech_gesture_pkg.verification.self_collision import SelfCollision

WAITING = 4000
"""Most messages that wait to be checked."""
LINKS_EVERY = 3.0
"""The speed of links is looked at for so much motion at once, s."""

Pose = tuple[tuple[str, ...], np.ndarray]
Moved = tuple[str, tuple[str, ...], list[float]]


class GuaranteeThread(threading.Thread):
    """Checks windows and poses that are given to it. `close` gives the report.

    Args:
        urdf: file.
        acceleration: limits by joint, rad/s^2.
        arms: joint names of each arm from the shoulder out.
        link_speed: limit of the arms' links, m/s.
        collision: tests poses for self-collision; None = not.
    """

    def __init__(
        self,
        urdf: Path,
        acceleration: dict[str, float],
        arms: Sequence[Sequence[str]],
        link_speed: float,
        collision: SelfCollision | None = None,
    ) -> None:
        super().__init__(name="guarantees", daemon=True)
        self._check = GuaranteeCheck(read_urdf_text(urdf), acceleration)
        self._arms, self._link_speed, self._collision = arms, link_speed, collision
        self._queue: queue.Queue[BagMessage | Pose | Moved | None] = queue.Queue(WAITING)
        self._sent: dict[str, list[SampledTrajectory]] = defaultdict(list)
        self.unchecked = 0
        self.poses = 0

    def window(self, message: BagMessage) -> None:
        """A window of the gesture node."""
        self._put(message)

    def pose(self, names: Sequence[str], position: np.ndarray) -> None:
        """A measured pose."""
        self._put((tuple(names), position))

    def moved(self, topic: str, names: Sequence[str], position: np.ndarray) -> None:
        """Somebody else has moved the joints of a topic to here."""
        self._put((topic, tuple(names), position.tolist()))

    def report(self) -> GuaranteeReport:
        """What has been found so far."""
        return self._check.report

    def close(self) -> GuaranteeReport:
        """Check what waits, and end."""
        self._queue.put(None)
        self.join()
        return self._check.report

    def run(self) -> None:
        """Until `close`."""
        while (item := self._queue.get()) is not None:
            if isinstance(item, BagMessage):
                self._window(item)
            elif len(item) == 2:
                self._pose(*item)
            else:
                self._links(final=True)  # what comes next does not continue what was before
                self._check.moved(item[0], list(item[1]), item[2])
        self._links(final=True)

    def _put(self, item: BagMessage | Pose | Moved) -> None:
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self.unchecked += 1

    def _window(self, message: BagMessage) -> None:
        try:
            window = self._check.add(message)
        except InputError as e:
            self._check.report.note("points", str(e))
            return
        if window is not None:
            before = self._sent.get(message.topic)
            if before and window.times[0] > before[-1].times[-1]:  # it has stood since: nothing to look at in between
                self._links(final=True)
            self._sent[message.topic].append(window)
            self._links()

    def _links(self, final: bool = False) -> None:
        """Look at the arms once enough motion has come; the newest window of each topic stays for the next time."""
        if not self._sent:
            return
        first = min(w[0].times[0] for w in self._sent.values())
        last = max(w[-1].times[0] for w in self._sent.values())
        if not final and last - first < LINKS_EVERY:
            return
        known = [j for j in self._arms if any(j[0] in self._check.names[t] for t in self._sent)]
        if known:
            self._check.slow(self._sent, known, self._link_speed)
        for topic in list(self._sent):
            self._sent[topic] = [] if final else self._sent[topic][-1:]
            if not self._sent[topic]:
                del self._sent[topic]

    def _pose(self, names: tuple[str, ...], position: np.ndarray) -> None:
        if self._collision is None:
            return
        self.poses += 1
        found = self._collision.report(names, position[None])
        if found.colliding:
            self._check.report.note("self-collision", f"{', '.join(found.worst)} touch")
