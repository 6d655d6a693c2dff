"""Which gesture falls on which accent: the rule by which real clips are laid on real speech.

- A stroke ends (its clip's mark `emphasis`) 0.2 to 0.3 s after the onset of an accented syllable, so that the hand is
  fastest about the onset. People's hands run a little earlier; a network that sees 0.3 s ahead could not know of the
  accent in time.
- A new gesture comes on the first accent that is 0.8 to 1.8 s (over the speaker's rate) after the last one: about every
  2 s of fluent speech; accents between are beaten with the hand that is up.
- Beats dominate; deictic and metaphoric gestures come at the start of phrases.
- One-handed gestures change hands more often than not; two hands for strong accents.
- Amplitude follows the strength of the accent. Hands rest in pauses longer than a second.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE, AudioChunk
from speech_gesture_pkg.features.accents import AccentTracker, tracker_input
from speech_gesture_pkg.features.extractor import HOP_S, SpeechFeatureExtractor
from speech_gesture_pkg.lab.starter_corpus.library import BEATS, MEANING, Gesture, Library

_FOUND_LATE_S = 0.02
"""The accent tracker speaks about this long after the syllable's onset."""
_LAG_S, _AHEAD_S = 0.3, 0.1
"""A stroke ends at most so long after an accent's onset, and up to so much earlier."""
_AGAIN_S = 0.34
"""Least time between two beats of a hand, seconds."""
_ARRIVE_S = 0.08
"""A blend is complete this long before the peak."""
_SHORTEST_S, _LONGEST_S = 0.36, 0.9
"""Of a blend into a gesture. From one raised hand to the next it may be much shorter than the clip's preparation."""
_REST_S = 1.0
"""Hands rest in pauses longer than this."""
_UP_S = 3.0
"""A hand stays up this long for another beat, at most."""
_REMEMBERED = 12


@dataclass(frozen=True)
class Accent:
    """An accented syllable: onset (s), strength (1 = ordinary), and whether it is the first of its phrase."""

    time: float
    strength: float
    first: bool


@dataclass(frozen=True)
class Phrase:
    """A stretch of speech without a pause, seconds."""

    start: float
    end: float
    accents: tuple[Accent, ...]


@dataclass(frozen=True)
class Manner:
    """How one speaker gestures; drawn once per speaker.

    Attributes:
        rate: of new gestures, 1 = ordinary.
        size: largest share of a clip's amplitude.
        right: how much the right hand is preferred, 0..1.
    """

    rate: float
    size: float
    right: float

    @staticmethod
    def draw(rng: np.random.Generator) -> Manner:
        """A speaker's manner."""
        return Manner(rng.uniform(0.8, 1.25), rng.uniform(0.78, 1.0), rng.uniform(0.4, 0.65))


@dataclass
class Laid:
    """A gesture laid on speech.

    Attributes:
        gesture: what.
        peak: when its emphasis falls, seconds.
        speed: of the clip's time, 1 = as recorded.
        size: share of the clip's amplitude.
        rise: duration of the blend into the gesture, seconds.
        beats: later accents that the raised hand beats, seconds.
        until: when the hand may go down, at the earliest (seconds).
    """

    gesture: Gesture
    peak: float
    speed: float
    size: float
    rise: float
    beats: list[float] = field(default_factory=list)
    until: float = 0.0

    @property
    def start(self) -> float:
        """When the hand leaves."""
        return self.peak - _ARRIVE_S - self.rise


def phrases_of(audio: AudioChunk) -> list[Phrase]:
    """Phrases and accents of speech, by the tracker that the prosody generator uses."""
    extractor = SpeechFeatureExtractor()
    tail = np.zeros(SAMPLE_RATE // 2, np.float32)
    frames, _ = extractor.step(np.concatenate([audio.samples, tail]), extractor.start())
    tracker = AccentTracker()
    phrases: list[Phrase] = []
    begin: float | None = None
    accents: list[Accent] = []
    for number, values in enumerate(tracker_input(frames)):
        now = number * HOP_S
        for event in tracker.push(*values):
            if event.kind == "start":
                begin, accents = now, []
            elif event.kind == "accent" and begin is not None:
                accents.append(Accent(now - _FOUND_LATE_S, event.strength, not accents))
            elif event.kind == "end" and begin is not None:
                phrases.append(Phrase(begin, max(now - 0.18, begin), tuple(accents)))
                begin = None
    if begin is not None:
        phrases.append(Phrase(begin, audio.duration, tuple(accents)))
    return phrases


def lay(phrases: list[Phrase], library: Library, manner: Manner, rng: np.random.Generator) -> list[Laid]:
    """Gestures for the accents of some speech, in order of time."""
    laid: list[Laid] = []
    used: deque[str] = deque(maxlen=_REMEMBERED)
    hand = int(rng.random() < manner.right)
    free = [0.05, 0.05]
    gap, last = 0.0, -10.0
    for phrase, quiet in zip(phrases, _quiet_from(phrases), strict=True):
        earlier = len(laid)
        for accent in phrase.accents:
            near = laid[-1] if laid else None
            time = accent.time + _LAG_S
            due = time - last >= (0.9 if accent.first else gap)
            made = _choose(accent, library, manner, rng, used, hand, free) if due else None
            if made is not None:
                laid.append(made)
                used.append(made.gesture.key)
                last, gap = time, rng.uniform(0.8, 1.8) / manner.rate
                for side in range(2):
                    if made.gesture.uses[side]:
                        free[side] = made.peak + 0.2
                if not all(made.gesture.uses):
                    hand = made.gesture.uses.index(True)
                    hand = 1 - hand if rng.random() < 0.6 else hand
            elif near is not None and _may_beat(near, time) and rng.random() < 0.9:
                near.beats.append(time - rng.uniform(0.0, 0.06))
                for side in range(2):
                    if near.gesture.uses[side]:
                        free[side] = time + 0.1
        for one in laid[earlier:]:
            up = max([one.peak, *one.beats])
            one.until = min(up + rng.uniform(0.7, 2.2), quiet + 0.1)
    return laid


def _quiet_from(phrases: list[Phrase]) -> list[float]:
    """For each phrase, when the next pause of a second or more begins."""
    out: list[float] = []
    for k in range(len(phrases) - 1, -1, -1):
        follows = out and phrases[k + 1].start - phrases[k].end < _REST_S
        out.append(out[-1] if follows else phrases[k].end)
    return out[::-1]


def _may_beat(near: Laid, time: float) -> bool:
    before = max([near.peak, *near.beats])
    return time - before >= _AGAIN_S and time - near.peak <= _UP_S


def _choose(
    accent: Accent,
    library: Library,
    manner: Manner,
    rng: np.random.Generator,
    used: deque[str],
    hand: int,
    free: list[float],
) -> Laid | None:
    """A gesture whose preparation fits before the accent; None if none of a few draws does."""
    strong = accent.strength > 1.2
    two = rng.random() < (0.65 if strong else 0.32)
    pool = library.both if two else library.one[hand]
    weights = np.array([_weight(g, accent) * (g.key not in used) for g in pool])
    if not weights.any():
        return None
    weights /= weights.sum()
    peak = accent.time + _LAG_S - rng.uniform(0.0, _AHEAD_S)
    size = manner.size * float(np.clip(0.62 + 0.33 * accent.strength, 0.7, 1.0))
    for k in rng.choice(len(pool), size=6, p=weights):
        gesture = pool[int(k)]
        room = peak - _ARRIVE_S - max(f for f, used_arm in zip(free, gesture.uses, strict=True) if used_arm)
        raised = room < _UP_S
        # a hand that is down goes the clip's own way up, a mild warp may make it fit
        speed = rng.uniform(0.9, 1.15) if raised else max(rng.uniform(0.9, 1.15), gesture.preparation / room)
        rise = float(np.clip(gesture.preparation / speed, _SHORTEST_S, _LONGEST_S))
        rise = max(min(rise, room), _SHORTEST_S) if raised else rise
        if rise <= room and speed <= 1.3:
            return Laid(gesture, peak, float(speed), size, rise)
    return None


def _weight(gesture: Gesture, accent: Accent) -> float:
    """How likely a gesture is on an accent."""
    quick = 1.0 if gesture.preparation < 0.7 else 0.5
    if gesture.kind in BEATS:
        return 3.0 * quick
    if gesture.kind in MEANING:
        return (2.5 if accent.first else 0.8) * quick
    return (0.5 if accent.strength > 1.1 else 0.2) * quick
