"""Streaming prosody events: phrase starts and ends, and accents (stressed syllables), from 10 ms speech features.

All levels are judged against running statistics of the speaker (level, syllable peaks, log F0, onset strength), so
loudness, pitch register and microphone do not matter. An accent is reported within `DECIDE_FRAMES` of the onset of its
syllable, at once if it is obvious: the hand needs the rest of the syllable to get there.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass

from speech_gesture_pkg.features.extractor import FeatureFrames

HOP_S = 0.01
DECIDE_FRAMES = 4
"""Feature frames looked at after a syllable onset before it is judged, at most."""
_SILENCE_DB = -55.0
_PAUSE_FRAMES = 18
"""Silence of this length ends a phrase; the next speech starts one."""
_MIN_GAP_FRAMES = 22
"""Accents are at least this far apart."""
_VOICED = 0.45
_LOUD, _HIGH, _NOVEL, _DUE = 1.0, 0.4, 0.4, 0.3
"""Weights of a syllable's level, pitch, onset, and of the time since the last accent."""
_OBVIOUS = 0.15
"""A syllable that beats the threshold by this much is accepted without waiting."""
_SPREAD = 1.25
"""Standard deviation over mean absolute deviation (normal distribution)."""
_LONGEST_DUE = 1.5
_FALL = 0.03
_RISE = 0.05


@dataclass(frozen=True)
class Event:
    """Something in the speech.

    Attributes:
        kind: "start" or "end" of a phrase, or "accent".
        strength: of an accent; 1 is an ordinary one, range about 0.5 to 2.
    """

    kind: str
    strength: float = 1.0


def tracker_input(features: FeatureFrames) -> Iterator[tuple[float, float, float, float]]:
    """What `AccentTracker.push` takes, frame by frame."""
    columns = (features.energy_db, features.onset, features.f0_hz, features.voicing)
    return zip(*(c.tolist() for c in columns), strict=True)


class AccentTracker:
    """Running statistics and events. `copy()` is cheap; `push` changes the tracker.

    Attributes:
        speaking: whether a phrase is running.
        gap_s: running interval between accents, seconds.
        peak_db: level of the speaker's loud syllables.
        eager: above 1, weaker syllables count as accents too (the style's rate).
    """

    __slots__ = (
        "_best_db",
        "_best_pitch",
        "_candidate",
        "_history",
        "_novelty",
        "_peak_novelty",
        "eager",
        "floor_db",
        "frame",
        "gap_s",
        "last_accent",
        "novelty_mean",
        "peak_db",
        "pitch_mean",
        "pitch_spread",
        "quiet",
        "smooth_db",
        "speaking",
        "syllable_db",
        "syllable_spread",
        "threshold",
        "voiced",
    )

    def __init__(self) -> None:
        self.frame = 0
        self.floor_db, self.peak_db = -70.0, -35.0
        self.smooth_db = -100.0
        self.syllable_db, self.syllable_spread = -32.0, 4.0
        self.pitch_mean, self.pitch_spread = 0.0, 0.18
        self.novelty_mean = 0.6
        self.threshold = 0.3
        self.quiet = 1000
        self.eager = 1.0
        self.voiced = 0
        self.speaking = False
        self.last_accent = -1000
        self.gap_s = 0.7
        self._history: tuple[float, float, float, float, float, float] = (-100.0,) * 6
        self._novelty: tuple[float, float] = (0.0, 0.0)
        self._candidate = -1
        self._peak_novelty = 0.0
        self._best_db, self._best_pitch = -100.0, 0.0

    def copy(self) -> AccentTracker:
        """An independent copy."""
        return copy.copy(self)

    @property
    def level(self) -> float:
        """Loudness between this speaker's quiet and loud syllables, 0..1."""
        return min(max((self.smooth_db - self.peak_db + 30.0) / 30.0, 0.0), 1.0)

    def push(self, energy_db: float, onset: float, f0_hz: float, voicing: float) -> list[Event]:
        """Take one feature frame; the events it reveals."""
        self.frame += 1
        self.smooth_db += 0.5 * (energy_db - self.smooth_db)
        self.floor_db = min(self.floor_db + 0.02, max(energy_db, -90.0))
        active = energy_db > max(self.floor_db + 9.0, self.peak_db - 30.0, _SILENCE_DB)
        if active:
            self.peak_db = max(energy_db, self.peak_db - 0.03)
        elif self.peak_db > _SILENCE_DB + 15.0:
            self.peak_db -= 0.005
        self.voiced = 12 if active and voicing > _VOICED else max(0, self.voiced - 1)

        events: list[Event] = []
        self.quiet = 0 if active else min(self.quiet + 1, 100_000)
        if not self.speaking and active and self.voiced > 0:
            self.speaking = True
            events.append(Event("start"))
        elif self.speaking and self.quiet >= _PAUSE_FRAMES:
            self.speaking = False
            events.append(Event("end"))

        self._find_syllable(onset, active)
        if self._candidate >= 0:
            self._follow_syllable(f0_hz, voicing, events)
        return events

    def _find_syllable(self, onset: float, active: bool) -> None:
        """Open a candidate at a local maximum of novelty (onset strength and 50 ms rise of level)."""
        self._history = (*self._history[1:], self.smooth_db)
        rise = max(0.0, self.smooth_db - self._history[0])
        novelty = 0.5 * min(onset, 3.0) + min(rise, 20.0) / 12.0
        before, last = self._novelty
        self._novelty = (last, novelty)
        peak = last >= before and last > novelty and last > 0.6 * self.novelty_mean and last > 0.25
        if peak and active and self._candidate < 0:
            self._candidate = 1
            self._peak_novelty = last
            self._best_db, self._best_pitch = self.smooth_db, 0.0
            self.novelty_mean += 0.08 * (last - self.novelty_mean)

    def _follow_syllable(self, f0_hz: float, voicing: float, events: list[Event]) -> None:
        """Collect the syllable's level and pitch; accept it once it stands out, judge it after `DECIDE_FRAMES`."""
        self._best_db = max(self._best_db, self.smooth_db)
        pitch = math.log(f0_hz) if f0_hz > 0.0 and voicing > _VOICED else 0.0
        self._best_pitch = max(self._best_pitch, pitch)
        self._candidate += 1
        last = self._candidate > DECIDE_FRAMES
        since = self.frame - self.last_accent
        if self.voiced > 0 and since >= _MIN_GAP_FRAMES:
            score = self._score(since)
            if score >= self.threshold + (0.0 if last else _OBVIOUS):
                self._accept(score, since, events)
                last = True
            elif last:
                self.threshold = max(self.threshold - _FALL, -0.4)
        if last:
            self._candidate = -1
            if self.voiced > 0:
                self._learn()

    def _score(self, since: int) -> float:
        """How much the syllable stands out; about 0 for an average one. `since`: frames since the last accent."""
        loud = (self._best_db - self.syllable_db) / self.syllable_spread
        high = 0.0
        if self._best_pitch > 0.0 and self.pitch_mean > 0.0:
            high = (self._best_pitch - self.pitch_mean) / self.pitch_spread
        novel = self._peak_novelty / max(self.novelty_mean, 0.1) - 1.0
        due = min(since * HOP_S / self.gap_s, _LONGEST_DUE) - 1.0
        return _LOUD * _limit(loud) + _HIGH * _limit(high) + _NOVEL * _limit(novel) + _DUE * due

    def _accept(self, score: float, since: int, events: list[Event]) -> None:
        # fewer syllables pass the higher this step is; an eager gesturer takes weaker ones
        self.threshold = min(self.threshold + _RISE / max(self.eager, 1.0) ** 2, 1.2)
        if since < 200:
            self.gap_s += 0.15 * (min(max(since * HOP_S, 0.3), 1.2) - self.gap_s)
        self.last_accent = self.frame
        events.append(Event("accent", min(max(0.95 + 0.25 * (score - 0.3), 0.6), 1.6)))

    def _learn(self) -> None:
        """Let the running statistics follow the syllable."""
        pitch, level = self._best_pitch, self._best_db
        if pitch > 0.0:
            if self.pitch_mean == 0.0:
                self.pitch_mean = pitch
            self.pitch_mean += 0.06 * (pitch - self.pitch_mean)
            spread = min(max(abs(pitch - self.pitch_mean), 0.05), 0.4) * _SPREAD
            self.pitch_spread += 0.04 * (spread - self.pitch_spread)
        self.syllable_db += 0.08 * (level - self.syllable_db)
        spread = min(max(abs(level - self.syllable_db), 1.5), 8.0) * _SPREAD
        self.syllable_spread += 0.05 * (spread - self.syllable_spread)


def _limit(value: float) -> float:
    return min(max(value, -2.0), 2.5)
