"""What a generator hears: audio in chunks of any size, speech features and accents frame by frame of its motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE
from speech_gesture_pkg.features.accents import AccentTracker, Event, tracker_input
from speech_gesture_pkg.features.extractor import FeatureFrames, FeatureState, SpeechFeatureExtractor


@dataclass(frozen=True)
class Heard:
    """What the speech did between two motion frames.

    Attributes:
        events: phrase boundaries and accents that were found.
        features: the feature frames that came.
        peak_db, speaking: level of the speaker's loud syllables and whether a phrase is running, at each of them.
    """

    events: list[Event]
    features: FeatureFrames
    peak_db: list[float]
    speaking: list[bool]


@dataclass
class Listening:
    """How far a stream was heard. `copy` before changing one that was handed out.

    Attributes:
        start: stream time of the first sample, seconds; None before the first chunk.
        used: audio samples that frames have used.
        audio: samples that no frame has used yet. Shape [N], float32.
        features: of the feature extractor.
        tracker: of phrases and accents.
    """

    start: float | None
    used: int
    audio: np.ndarray
    features: FeatureState
    tracker: AccentTracker

    def copy(self) -> Listening:
        """An independent copy."""
        return Listening(self.start, self.used, self.audio, self.features, self.tracker.copy())

    def let_go(self) -> None:
        """Keep nothing of the audio that was used: the rest is a slice, which would keep the whole chunk alive."""
        self.audio = self.audio.copy()


class SpeechListener:
    """Cuts audio into what each motion frame may hear: everything up to its own time plus the look-ahead.

    Args:
        fps: motion frames per second.
        lookahead_s: audio heard beyond a frame's time, seconds.
    """

    def __init__(self, fps: int, lookahead_s: float) -> None:
        self.fps, self.lookahead = fps, round(lookahead_s * SAMPLE_RATE)
        self._extractor = SpeechFeatureExtractor()

    def start(self) -> Listening:
        """Before the first sample."""
        return Listening(None, 0, np.zeros(0, np.float32), self._extractor.start(), AccentTracker())

    def take(self, state: Listening, samples: np.ndarray, start: float) -> int:
        """Add samples [N] that begin at stream time `start`; how many motion frames the stream is good for so far."""
        if state.start is None:
            state.start = start
        state.audio = np.concatenate([state.audio, samples])
        total = state.used + len(state.audio)
        return (total - self.lookahead) * self.fps // SAMPLE_RATE + 1 if total >= self.lookahead else 0

    def hear(self, state: Listening, frame: int, eager: float) -> Heard:
        """Hear what motion frame `frame` may hear and the one before it might not; frames come in order.

        Features are always computed in these same pieces, so that the chunks in which audio arrives cannot change
        even the last bit.

        Args:
            state: changed.
            frame: number of the motion frame; `take` has said that the audio is there.
            eager: above 1, weaker syllables count as accents too.
        """
        # frame k needs the samples up to ceil(k / fps) + look-ahead
        size = -(-frame * SAMPLE_RATE // self.fps) + self.lookahead - state.used
        features, state.features = self._extractor.step(state.audio[:size], state.features)
        state.audio = state.audio[size:]
        state.used += size
        tracker = state.tracker
        tracker.eager = eager
        heard = Heard([], features, [], [])
        for values in tracker_input(features):
            heard.events.extend(tracker.push(*values))
            heard.peak_db.append(tracker.peak_db)
            heard.speaking.append(tracker.speaking)
        return heard
