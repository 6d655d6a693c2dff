"""When motion happens: the offset between the time of the speech and the time of the gesture."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from speech_gesture_pkg.config import SyncConfig

CLOCK_STEP = 0.03
"""Node clock steps back or forward by more than this between two looks: it was set, s. Less lies inside what windows
repeat of the ones before, so that controllers on another clock go on exactly."""

SIMULATED_STEP = 0.5
"""Simulated time may run ahead of the steady clock by as much between two looks, s: /clock comes in large steps."""

CLOCK_STANDS = 1.0
"""A node clock that shows the same time for so long stands still, s. (Simulators send /clock more often.)"""

BEHIND = 0.25
"""Joint states whose stamps are always farther behind than this are of another clock, or useless, s: windows begin so
much earlier that controllers whose clock is behind find what was sent before."""

OFFSET_MEMORY = 1.0
"""The offset of clocks is estimated from the quickest message of so long, s."""


def pipeline_latency(lookahead: float, chunk: float, lead: float, dt: float, jitter: float) -> float:
    """Least delay between a sample and the motion that belongs to it when audio arrives in real time, in seconds.

    A frame needs `lookahead` of audio beyond it, which arrives in pieces of `chunk`; its control point must be there
    two grid steps before the first knot of the window, which starts `lead` ahead; one more covers the grid's phase.
    """
    return lookahead + chunk + lead + 3.0 * dt + jitter


def play_time(stream_time: float, config: SyncConfig, latency: float) -> float:
    """When the motion of `stream_time` should happen on the robot, on the node clock in seconds."""
    delay = 0.0 if config.mode == "stamp" else latency
    return stream_time + delay + config.offset


def on_grid(time: float, grid: float, dt: float) -> float:
    """The grid time `grid + n dt` nearest to `time`."""
    return grid + round((time - grid) / dt) * dt


class ClockWatch:
    """Distinguishes jumps of the node clock from the passing of time, which the steady clock measures.

    A clock that runs slowly or stands still (simulated time) has not jumped.

    Args:
        steady: steady clock, s.
        forward: it was set if it runs ahead by more than this between two looks, s.
    """

    def __init__(self, steady: Callable[[], float], forward: float = CLOCK_STEP) -> None:
        self._steady, self._forward = steady, forward
        self._last: tuple[float, float] | None = None
        self._moved = steady()

    def start(self, now: float) -> None:
        """Node time is `now`; what was before does not count."""
        self._last = (now, self._steady())
        self._moved = self._last[1]

    @property
    def stood(self) -> float:
        """For how long the node clock has stood still, s; 0 while that is less than a second."""
        stood = self._steady() - self._moved
        return stood if stood > CLOCK_STANDS else 0.0

    def jump(self, now: float) -> float:
        """Seconds by which the node clock was set since the last call (negative: back); 0 if it was not."""
        if self._last is None:
            self.start(now)
            return 0.0
        before, steady = self._last
        self._last = (now, self._steady())
        if abs(now - before) > 1e-6:  # rounding of sums
            self._moved = self._last[1]
        jump = now - before - (self._last[1] - steady)
        back = now < before and jump < -CLOCK_STEP
        return jump if back or jump > self._forward else 0.0


class ClockOffset:
    """Finds out from the stamps of joint states whether the controllers' clock is another than the node's.

    A message is on its way for a while, so that its stamp is behind; it can never be ahead. Windows are stamped on the
    node's clock: a controller whose clock is ahead would be beyond what is fixed of them, one that is behind would
    bridge to their beginning.

    Args:
        tolerance: stamps may be so far ahead, s; 0 = not watched.
        most_behind: stamps may be so far behind, s.
    """

    def __init__(self, tolerance: float, most_behind: float = BEHIND) -> None:
        self._tolerance, self._most_behind = tolerance, most_behind
        self._newest: deque[tuple[float, float]] = deque()
        self._waits = False

    def see(self, ahead: float, steady: float) -> None:
        """A stamp is `ahead` s ahead of the node's clock at its arrival, at steady time `steady`."""
        while self._newest and (self._newest[-1][1] <= ahead or self._newest[-1][0] < steady - OFFSET_MEMORY):
            self._newest.pop()
        self._newest.append((steady, ahead))
        self._waits = False
        while self._newest[0][0] < steady - OFFSET_MEMORY:
            self._newest.popleft()

    def forget(self) -> None:
        """The node's clock was set: whether it still is that of the controllers, the next stamp shows."""
        self._waits = self._waits or bool(self._newest)
        self._newest.clear()

    def behind(self, steady: float) -> float:
        """How far stamps are behind at least: by a clock, or by the way of the messages, s; 0 if it is not known."""
        known = self._newest and steady - self._newest[-1][0] <= OFFSET_MEMORY
        return max(-self._newest[0][1], 0.0) if known else 0.0  # the quickest message of late

    def problem(self, steady: float) -> str:
        """What is wrong, in a sentence; '' if nothing is."""
        if not self._tolerance:
            return ""
        if self._waits:
            return "the clock was set, and no stamp of a joint state has come since"
        if not self._newest or steady - self._newest[-1][0] > OFFSET_MEMORY:
            return ""
        ahead = self._newest[0][1]
        if -self._most_behind <= ahead <= self._tolerance:
            return ""
        way = f"{ahead:.2f} s ahead of" if ahead > 0 else f"{-ahead:.2f} s behind"
        return (
            f"joint states are stamped {way} this node's clock: the robot's clock is another one; synchronise them "
            "(NTP, chrony; use_sim_time alike), or set trajectory.stamp_zero"
        )
