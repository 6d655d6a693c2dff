"""StampClock: by how much the time stamps of audio differ from the node's clock, by when the messages arrive.

The delay from recording to arrival is never negative, so the offset of a clock that is behind is the smallest delay
seen, as in the clock filters of NTP (RFC 5905 section 10): jitter of arrival does not move it. With `lag` = arrival -
stamp - duration, a stamp of the node's own clock lies between the time when the message's first sample was recorded
(lag 0) and the time when it is sent (lag = -duration); audio that is sent ahead of its time follows on what is queued.
Everything else is an offset. Where `sync.mode` is stamp, stamps may lie ahead of arrival, because they say when the
sound is played: there an offset differs from look-ahead only when stamps are far in the past.
"""

from __future__ import annotations

import math

from speech_gesture_pkg.config import SyncConfig
from speech_gesture_pkg.errors import InputError

TOLERANCE = 0.08
"""Stamps that are behind by less are left alone, s: the way from the sound card takes that long, too."""

EARLY = 0.05
"""Stamps of the future by less are left alone, s: `/clock` comes in steps."""

PAST = 2.0
"""Offset that counts at once even after a pause, s; in stamp mode, the least one: motion that is less late is waited
for (see `pipeline.lateness`)."""

AHEAD = 60.0
"""With `sync.mode: stamp`, sound that is to be played later than this after its arrival is refused, s: the robot would
wait for it, and take nothing else."""

LONG_MESSAGE = 0.2
"""A foreign stamp is taken as the time of sending for messages longer than this (a synthesiser's sentence), else as the
time of the first sample (a microphone), s."""

BACK = 1.0
"""Stamps that go back by more than this come from a clock that was set, or from another publisher, s."""

PAUSE = 1.0
"""Without a message for so long the audio begins again, s."""

WINDOW, LEAST = 1.0, 8
"""The offset is estimated again from so many seconds, and messages, at least."""

STEADY = 0.2
"""Largest spread of the delays in such a window, s; more is audio that is sent ahead, or a network in trouble."""

STEP = 0.05
"""A delay found to be smaller by this is taken over at once; less, and what grows, is followed as a drift, s."""

DRIFT = 1e-3
"""Fastest drift that is followed, s/s; clocks of computers differ by less than 5e-4."""

CONFIRM = 2.5
"""Offsets below `PAST` are reported after so long, s: the first message may have been held up."""

REPORT_AGAIN = 1.0
"""An offset that changed by this since it was reported is reported again, s."""


class StampClock:
    """Puts the stamps of audio messages on the node's clock.

    Args:
        config: the mode, and the jitter that is allowed for.

    Attributes:
        behind: seconds added to every stamp: how far their clock is behind the node's. 0 while stamps are plausible.
    """

    def __init__(self, config: SyncConfig) -> None:
        self.behind = 0.0
        self._played_later = config.mode == "stamp"
        self._late = PAST if self._played_later else max(TOLERANCE, config.jitter)
        self._fresh = True
        self._sent = False  # stamps are times of sending
        self._stamp, self._duration, self._arrival = -math.inf, 0.0, -math.inf
        self._decided = self._reported = 0.0
        self._kept = 0  # messages since it was decided
        self._lags: list[float] = []
        self._since = -math.inf

    def restart(self) -> None:
        """The audio begins again: the next message may change the offset."""
        self._fresh = True

    def correct(self, stamp: float, duration: float, arrival: float, queued: float | None) -> float:
        """The stamp of a message, seconds on the node's clock.

        Args:
            stamp: as it came, s.
            duration: of the message's audio, s.
            arrival: node time at which it came, s.
            queued: corrected time up to which there is audio already, s; None without any.

        Raises:
            InputError: in stamp mode, a stamp that is `AHEAD` of the clock.
        """
        if not math.isfinite(stamp) or duration <= 0.0:
            return stamp
        step, pause = stamp - self._stamp, arrival - self._arrival
        fresh = self._fresh or step < -BACK or pause < 0.0
        if not self._sent and max(step, pause) < 0.75 * self._duration and step > 0.0:
            self._sent = fresh = True  # a burst whose stamps pass as fast as it arrives
        plausible = self._late_by(stamp, duration, arrival) <= self._late
        plausible &= self._played_later or stamp - arrival <= EARLY
        off = self._late_by(stamp + self.behind, duration, arrival)
        if self._played_later:
            leapt = step - self._duration - max(pause, 0.0) > BACK
            decide = (off > self._late and (fresh or pause > PAUSE)) or (self.behind and plausible and (fresh or leapt))
        else:
            early = stamp + self.behind - max(arrival, -math.inf if queued is None else queued)
            again = fresh or plausible or (pause > PAUSE and off > PAST)
            decide = early > EARLY or (off > self._late and again)
        if decide:
            self._decide(stamp, duration, arrival, plausible)
        elif not self._played_later:
            self._follow(off, duration, arrival)
        self._fresh = False
        self._kept += 1
        self._stamp, self._duration, self._arrival = stamp, duration, arrival
        ahead = stamp + self.behind - arrival
        if self._played_later and ahead > AHEAD:
            raise InputError(
                f"the audio's time stamp is {ahead:.0f} s ahead of the node's clock; with sync.mode stamp it says when "
                f"the sound is heard, which must be within {AHEAD:g} s"
            )
        return stamp + self.behind

    def news(self) -> str:
        """Sentence about an offset that was found or is gone; '' if there is nothing new."""
        known = (abs(self.behind) > PAST and self._kept > 1) or self._arrival - self._decided >= CONFIRM
        change = abs(self.behind - self._reported)
        least = STEP if not self._reported else REPORT_AGAIN if self.behind else 0.0
        if not known or change <= least:
            return ""
        self._reported = self.behind
        if not self.behind:
            return "audio: its time stamps are of the node's clock again"
        way = "behind" if self.behind > 0 else "ahead of"
        sentence = f"audio: its time stamps are {abs(self.behind):.2f} s {way} the node's clock; corrected"
        if self._played_later:
            return f"{sentence}: taken as heard when it arrives"
        if self.behind < 0:
            return f"{sentence} (if they say when it is heard, set sync.mode to stamp)"
        return sentence if self.behind > PAST else f"{sentence} (or it takes that long to arrive)"

    def _late_by(self, stamp: float, duration: float, arrival: float) -> float:
        """How long after it could be sent a message arrived, s."""
        return arrival - stamp - (0.0 if self._sent else duration)

    def _decide(self, stamp: float, duration: float, arrival: float, plausible: bool) -> None:
        """An offset that makes this message fit."""
        self._sent |= duration > LONG_MESSAGE
        self.behind = 0.0 if plausible else self._late_by(stamp, duration, arrival)
        self._decided, self._kept = arrival, 0
        self._lags.clear()

    def _follow(self, lag: float, duration: float, arrival: float) -> None:
        """Estimate again, now and then, from the delays (as corrected) since the last time."""
        if not self._lags:
            self._since = arrival
        self._lags.append(lag)
        elapsed = arrival - self._since
        if elapsed < WINDOW or len(self._lags) < LEAST:
            return
        least, most = min(self._lags), max(self._lags)
        self._lags.clear()
        if most - least > STEADY:
            return
        if abs(self.behind) > TOLERANCE and least < -STEP:
            moved = self.behind + least
            self.behind = 0.0 if abs(moved) <= TOLERANCE else moved
        elif self.behind or least > self._late or most < -(0.0 if self._sent else duration) - EARLY:
            self.behind += min(max(least, -DRIFT * elapsed), DRIFT * elapsed)
