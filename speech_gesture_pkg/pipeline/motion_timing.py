"""MotionTiming: how much later than its sound a gesture happens, and what to do about frames that come too late."""

from __future__ import annotations

from speech_gesture_pkg.config import SyncConfig
from speech_gesture_pkg.pipeline.events import Counters, Event
from speech_gesture_pkg.pipeline.lateness import MOST_EXTRA, Lateness, Verdict
from speech_gesture_pkg.pipeline.motion_source import MotionSource, ReadyFrame
from speech_gesture_pkg.pipeline.states import Severity
from speech_gesture_pkg.pipeline.timing import on_grid, pipeline_latency, play_time

CHUNK = 0.032
"""Length of an audio message that the live latency allows for, s."""


class MotionTiming:
    """See above.

    Args:
        sync: parameters; they are fixed while active.
        lookahead: the longest of all generators that may be in charge, s: sound and motion stay together when another
            one takes over.
        lead: of the windows, s.
        dt: grid step, s.
    """

    def __init__(self, sync: SyncConfig, lookahead: float, lead: float, dt: float) -> None:
        self.lateness = Lateness(dt)
        self._sync, self._dt = sync, dt
        self.needed = pipeline_latency(lookahead, CHUNK, lead, dt, sync.jitter)
        """Least delay between a sample that arrives in real time and its motion, s."""

    @property
    def wanted_offset(self) -> float:
        """How much later than the stamp of its sound a gesture should happen, s, before rounding to the grid."""
        return play_time(0.0, self._sync, self.needed) + self.lateness.extra

    @property
    def received_by_now(self) -> float:
        """How much real audio would have come by now, counted from the node time of its motion, s (<= 0 is past)."""
        return self.needed + self._sync.offset - self.wanted_offset - self._sync.jitter

    def play(self, stream_time: float, grid: float) -> float:
        """When the motion of `stream_time` happens, on the grid of the reference, s."""
        return on_grid(stream_time + self.wanted_offset, grid, self._dt)

    def take(self, source: MotionSource, time: float, counters: Counters) -> ReadyFrame | None:
        """The frame for grid time `time`, s, None if there is none; those whose time has passed are dropped."""
        for play, _ in source.pass_by(time - 0.5 * self._dt):
            counters.late_frames += self.lateness.add(time - play, time)
        frame = source.next_frame(time + 0.5 * self._dt)
        counters.frames += frame is not None
        return frame

    def realign(self, source: MotionSource, counters: Counters, now: float) -> tuple[Verdict, Event | None]:
        """Frames that keep coming too late for their time: from now on motion happens that much later."""
        verdict, more = self.lateness.update(now)
        if verdict is Verdict.SKIP:
            text = f"audio or motion comes more than {MOST_EXTRA} s too late: skipped to the newest"
            return verdict, Event(Severity.ERROR, "too_slow", text)
        if verdict is Verdict.DELAY:
            counters.realigned += 1
            source.postpone(more)
            text = f"audio or motion comes too late for {self._sync.mode} mode: {more:.2f} s later from now on"
            return verdict, Event(Severity.WARN, "late", text)
        return verdict, None
