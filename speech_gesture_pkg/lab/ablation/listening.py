"""Does a generator listen? Its motion beside its own speech, against the same motion beside other speech.

All takes are cut into segments of equal length. Every segment's motion is scored with every segment's speech; matched
pairs stand on the diagonal. If the motion does not depend on what was said, any assignment of speech to motion scores
alike, so the mean of the diagonal is compared with the means of random assignments (permutation test, one-sided).
Rhythm, number of onsets and liveliness of all segments stay in the test whatever the assignment.

Gestures may run ahead of the words or lag behind them by a steady amount, so the best of several lags counts, for the
true assignment and for every random one alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.features.extractor import FeatureFrames
from speech_gesture_pkg.lab.metrics.beats import TALKSHOW_SIGMA_S, alignment, talkshow_motion_beats
from speech_gesture_pkg.lab.metrics.onsets import accents, audio_onsets
from speech_gesture_pkg.lab.metrics.result import NotComputable
from speech_gesture_pkg.lab.metrics.sample import STANDARD_FPS, joint_positions, standard
from speech_gesture_pkg.lab.metrics.speech_alignment import MAX_LAG_S, SIGMA_S, jaw_opening, strokes
from speech_gesture_pkg.lab.metrics.synchrony import STILL, cross_correlation
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX

SEGMENT_S = 10.0
"""Length of a segment: long enough for some strokes, short enough for many segments."""
PERMUTATIONS = 5000
LEAST_SEGMENTS = 5
"""Fewer segments have fewer than 120 assignments: no p-value below 0.01 could come out."""
LAGS_S = (-0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4)
"""Delays of the motion that are tried, s; a positive one suits motion that comes before its speech."""
_QUIETEST_DB = -70.0


@dataclass(frozen=True)
class ListeningTest:
    """One figure with matched speech against shuffled speech.

    Attributes:
        matched: mean over the segments, each with its own speech.
        shuffled: mean over all other pairs.
        effect: (matched - shuffled) / standard deviation over the other pairs (Cohen's d).
        p_value: share of assignments (the true one included) that score at least as well.
        segments: how many took part.
        lag: the delay of the motion that suits it best, s; the figures above are those at this lag.
    """

    matched: float
    shuffled: float
    effect: float
    p_value: float
    segments: int
    lag: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Segment:
    """Events of one segment; times after its begin, s.

    Attributes:
        strokes: speed peaks of the wrists.
        beats: of each of TalkSHOW's four arm angles.
        jaw: opening at 30 fps.
        accents, onsets: of the speech.
        level: of the speech at 30 fps, dB.
    """

    strokes: np.ndarray
    beats: tuple[np.ndarray, ...]
    jaw: np.ndarray
    accents: np.ndarray
    onsets: np.ndarray
    level: np.ndarray


def listening_tests(
    takes: Sequence[tuple[MotionFrames, FeatureFrames]],
    segment_s: float = SEGMENT_S,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> dict[str, ListeningTest | NotComputable]:
    """The tests by name.

    Args:
        takes: motion, and the speech that it was made from; both begin together.
        segment_s: length of a segment, s.
        permutations: random assignments.
        seed: of the assignments.

    Returns:
        "strokes_on_accents": speed peaks of the wrists near accents of the speech (`metrics.listening`, sigma 0.1 s).
        "bcs_talkshow": onsets near motion beats of the arms (`metrics.beats`).
        "jaw_on_loudness": correlation of jaw opening with the speech level, best within 0.1 s.
        In place of a test that too few segments allow stands the reason.
    """
    segments = [s for motion, speech in takes for s in _cut(motion, speech, segment_s)]
    rng = np.random.default_rng(seed)
    return {name: _test(segments, score, lags, permutations, rng) for name, (score, lags) in _SCORES.items()}


def permutation_test(
    scores: np.ndarray, permutations: int, rng: np.random.Generator, lags: Sequence[float] = (0.0,)
) -> ListeningTest:
    """The mean of the diagonal against means of random assignments of columns to rows; the best lag counts in both.

    Args:
        scores: of each motion (row) with each speech (column) at each lag. Shape [L, N, N], N >= 2.
        permutations: random assignments.
        rng: draws them.
        lags: of the first axis, s.
    """
    count = scores.shape[1]
    rows = np.arange(count)
    diagonal = scores[:, rows, rows].mean(1)
    best = int(diagonal.argmax())
    drawn = np.array([scores[:, rows, rng.permutation(count)].mean(1).max() for _ in range(permutations)])
    reached = int((drawn >= diagonal[best] - 1e-12).sum())
    other = scores[best][~np.eye(count, dtype=bool)]
    spread = float(other.std())
    own, chance = float(diagonal[best]), float(other.mean())
    effect = (own - chance) / spread if spread > 0 else 0.0
    return ListeningTest(own, chance, effect, (reached + 1) / (permutations + 1), count, float(lags[best]))


def _test(
    segments: Sequence[_Segment], score: _Score, lags: Sequence[float], permutations: int, rng: np.random.Generator
) -> ListeningTest | NotComputable:
    usable = [s for s in segments if score(s, s, 0.0) is not None]
    if len(usable) < LEAST_SEGMENTS:
        few = f"{len(usable)} of {len(segments)} segments can be scored; at least {LEAST_SEGMENTS} are needed"
        return NotComputable(few)
    scores = np.array([[[score(m, s, lag) for s in usable] for m in usable] for lag in lags], float)
    return permutation_test(scores, permutations, rng, lags)


def _strokes_on_accents(motion: _Segment, speech: _Segment, lag: float) -> float | None:
    if not len(motion.strokes) or not len(speech.accents):
        return None
    return alignment(motion.strokes + lag, speech.accents, SIGMA_S)


def _bcs(motion: _Segment, speech: _Segment, lag: float) -> float | None:
    beats = [b for b in motion.beats if len(b)]
    if not beats or not len(speech.onsets):
        return None
    return float(np.mean([alignment(speech.onsets, b + lag, TALKSHOW_SIGMA_S) for b in beats]))


def _jaw(motion: _Segment, speech: _Segment, lag: float) -> float | None:
    if np.ptp(motion.jaw) < STILL or np.ptp(speech.level) < STILL:
        return None
    return cross_correlation(motion.jaw, speech.level, round(MAX_LAG_S * STANDARD_FPS))


_Score = Callable[[_Segment, _Segment, float], "float | None"]
"""Motion of the first, delayed by so many seconds, on the speech of the second; None if there is nothing to score."""

_SCORES: dict[str, tuple[_Score, tuple[float, ...]]] = {
    "strokes_on_accents": (_strokes_on_accents, LAGS_S),
    "bcs_talkshow": (_bcs, LAGS_S),
    "jaw_on_loudness": (_jaw, (0.0,)),
}
"""With the lags that are tried; the jaw's correlation tries its own."""


def _cut(motion: MotionFrames, speech: FeatureFrames, length: float) -> list[_Segment]:
    """Whole segments that motion and speech both cover."""
    played = standard(motion, "the motion")
    positions = joint_positions(played)
    try:
        moved = strokes(positions[:, [JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]]], STANDARD_FPS)
    except InputError:  # no strokes: those segments cannot be scored
        moved = np.zeros(0)
    beats = talkshow_motion_beats(positions)
    jaw = jaw_opening(played)
    onsets = audio_onsets(speech)
    loud = accents(speech, onsets)
    clock = np.arange(len(played)) / STANDARD_FPS
    level = np.interp(clock, speech.times, np.maximum(speech.energy_db, _QUIETEST_DB))
    frames = round(length * STANDARD_FPS)
    found = []
    for first in range(0, min(len(played), round(speech.times[-1] * STANDARD_FPS)) - frames + 1, frames):
        begin, end = first / STANDARD_FPS, (first + frames) / STANDARD_FPS

        def inside(times: np.ndarray, begin: float = begin, end: float = end) -> np.ndarray:
            return times[(times >= begin) & (times < end)] - begin

        found.append(
            _Segment(
                inside(moved),
                tuple(inside(b) for b in beats),
                jaw[first : first + frames],
                inside(loud),
                inside(onsets),
                level[first : first + frames],
            )
        )
    return found
