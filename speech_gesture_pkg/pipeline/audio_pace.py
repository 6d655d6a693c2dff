"""PaceWatch: whether audio arrives as fast as its declared sample rate says."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

USUAL_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000)
"""Sample rates that a device or a speech synthesiser may have, Hz; neighbours are 8.8 % apart at least."""

SPANS = {4.0: 0.005, 10.0: 0.02, 20.0: 0.02}
"""Stretches of audio that are compared, s: largest distance of the arrivals from a line, as a share of the stretch.

Audio that flows in real time lies on a line; sentences that are sent ahead, at once or as fast as they are made, a
publisher's first burst and pauses do not. The more arrivals jitter, the longer it takes to find out.
"""
SHORT, LONG, LONGEST = SPANS

COMPLETE = 0.85
"""A stretch is compared once it is so much of its length."""

LEAST = 10
"""Fewest arrivals in a stretch that is compared."""

WRONG = 0.03
"""A pace that differs from 1 by more is wrong (sound cards: less than 0.001)."""

FITS = 0.006
"""A pace fits a usual rate if it differs by less than this and the distance from the line together."""

TOO_FAST, STRAIGHT = 1.05, 0.01
"""Audio that fits no usual rate and yet flows faster than this builds up a delay; it must lie on a line like this."""

PAUSE = 1.0
"""Without a message for so long (or three times the last one's length) a new stretch begins, s."""

MERGED = 0.02
"""Messages that arrive within this of each other are looked at as one, s."""

LOOK = 0.25
"""Time between two updates, s."""


class PaceWatch:
    """Compares the audio received with the time that it took to arrive.

    Attributes:
        pace: seconds of audio per second, as long as that is steadily wrong; 1.0 otherwise.
        problem: sentence about it; '' otherwise.
    """

    def __init__(self) -> None:
        self.pace, self.problem = 1.0, ""
        self._rate = 0
        self._flow: deque[tuple[float, float, float]] = deque()  # arrival, audio in all, stamp (nan: none)
        self._began = self._looked = -math.inf
        self._reported = ""

    @property
    def too_fast(self) -> bool:
        """Whether more audio arrives than time passes."""
        return self.pace > 1.0

    def add(self, duration: float, rate: int, arrival: float, stamp: float | None) -> None:
        """A message of `duration` s at the declared `rate` (Hz) came at node time `arrival`, stamped `stamp` (s)."""
        if rate != self._rate:
            self._rate, self.pace, self.problem = rate, 1.0, ""
            self._flow.clear()
        last, total = self._flow[-1][:2] if self._flow else (arrival, 0.0)
        if not 0.0 <= arrival - last <= max(PAUSE, 3.0 * duration):
            self._flow.clear()
            total = 0.0
        entry = (arrival, total + duration, math.nan if stamp is None else stamp + duration)
        if self._flow and arrival - self._began < MERGED:
            self._flow[-1] = entry
        else:
            self._flow.append(entry)
            self._began = arrival
        while self._flow[0][0] < arrival - LONGEST:
            self._flow.popleft()
        if not 0.0 <= arrival - self._looked < LOOK:
            self._looked = arrival
            self._update()

    def news(self) -> str:
        """The problem if it is new, or that it is gone; '' otherwise."""
        if self.problem == self._reported:
            return ""
        self._reported = self.problem
        return self.problem or "audio arrives in real time again"

    def _update(self) -> None:
        flow = np.array(self._flow)
        flow = flow - [*flow[0, :2], 0.0]
        for span, straight in SPANS.items():
            part = flow[flow[:, 0] >= flow[-1, 0] - span]
            length = part[-1, 0] - part[0, 0]
            if len(part) < LEAST or length < COMPLETE * span:
                continue
            if span == SHORT and not 0.8 < (part[-1, 1] - part[0, 1]) / length / self.pace < 1.25:
                self.pace, self.problem = 1.0, ""  # no longer what it was
            pace, start = (float(x) for x in np.polyfit(part[:, 0], part[:, 1], 1))
            off = float(np.abs(part[:, 1] - start - pace * part[:, 0]).max() / (abs(pace) * length))
            if pace > 0.0 and off <= straight and self._concludes(pace, off, part, span):
                return

    def _concludes(self, pace: float, off: float, part: np.ndarray, span: float) -> bool:
        """Whether a steady pace, known to about `off` (a share), means something; then it is noted."""
        if abs(pace - 1.0) < WRONG or self._sent_ahead(part):
            self.pace, self.problem = 1.0, ""
            return True
        if self.problem and abs(pace / self.pace - 1.0) < WRONG:
            return True
        nearest = min(USUAL_RATES, key=lambda rate: abs(math.log(pace * self._rate / rate)))
        fits = nearest != self._rate and abs(pace * self._rate / nearest - 1.0) < FITS + off
        if not fits and (span < LONG or pace < TOO_FAST or off > STRAIGHT):
            return False
        looks = f"looks like {nearest}" if fits else f"is declared, {pace * self._rate:.0f} a second arrive"
        channels = round(pace)
        more = f" (or {channels} channels)" if fits and channels > 1 and abs(pace / channels - 1.0) < FITS + off else ""
        self.pace = pace
        self.problem = f"audio arrives at {pace:.2f} times real time: {self._rate} {looks}{more}"
        return True

    @staticmethod
    def _sent_ahead(part: np.ndarray) -> bool:
        """Whether the stamps pass as the audio does, so that its rate is right: it is sent before it is played."""
        passed, audio = part[-1, 2] - part[0, 2], part[-1, 1] - part[0, 1]
        return bool(abs(passed / audio - 1.0) < WRONG) if math.isfinite(passed) else False
