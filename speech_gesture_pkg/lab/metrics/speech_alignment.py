"""Does the motion follow the speech? Strokes on accents, jaw on loudness, each against chance (`chance_level`). Ours.

Published beat alignment takes *minima* of speed for motion beats and every onset for an audio beat. On motion that is
made to stroke on accents, such minima are hardly nearer to the onsets than chance (excess 0.03), while the speed
*peaks* are clearly nearer to the louder onsets (0.20), and jitter gains nothing (0.00): measured with the prosody
generator on LibriSpeech, held by tests/lab/test_metrics_controls.py. Strokes of real talkers fall on an accent or up
to 0.2 s before it, hence no narrower sigma than 0.1 s.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import find_peaks

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.beats import alignment, central_speed
from speech_gesture_pkg.lab.metrics.chance_level import SHIFTS, AboveChance, above_chance
from speech_gesture_pkg.lab.metrics.result import finite
from speech_gesture_pkg.lab.metrics.synchrony import cross_correlation
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import ARKIT_INDEX
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX

SIGMA_S = 0.1
STROKE_SPEED = 0.2
"""A stroke is a peak of hand speed above this, m/s, ..."""
STROKE_PROMINENCE = 0.05
"""... that stands out by this, m/s, ..."""
STROKE_DISTANCE_S = 0.1
"""... and is so far from a faster one."""
MAX_LAG_S = 0.1


def strokes(hands: np.ndarray, fps: float) -> np.ndarray:
    """Times of speed peaks of all hands after the first frame, s, increasing.

    Args:
        hands: positions, m. Shape [T, H, 3], T >= 2.
        fps: frames per second.

    Raises:
        InputError: there are none.
    """
    distance = max(1, round(STROKE_DISTANCE_S * fps))
    speed = central_speed(hands, fps)
    peaks = [find_peaks(s, height=STROKE_SPEED, distance=distance, prominence=STROKE_PROMINENCE)[0] for s in speed.T]
    times = np.sort(np.concatenate(peaks)) / fps
    if len(times) == 0:
        raise InputError(f"the hands make no strokes (no speed peak above {STROKE_SPEED} m/s)")
    return times


def strokes_on_accents(
    hands: np.ndarray, fps: float, accents: np.ndarray, duration: float, shifts: int = SHIFTS
) -> AboveChance:
    """Alignment a(strokes -> accents), sigma 0.1 s (`beats.alignment`), against chance.

    Args:
        hands: positions, m. Shape [T, H, 3].
        fps: frames per second.
        accents: louder onsets (`onsets.accents`) after the first frame, s. Shape [K], K >= 1.
        duration: time that motion and audio cover, s.
        shifts: how many shifts give the chance level.
    """
    found = strokes(hands, fps)
    times = finite("accents", accents, 1)
    return above_chance(lambda s: alignment(found, (times + s) % duration, SIGMA_S), duration, shifts)


def jaw_opening(motion: MotionFrames) -> np.ndarray:
    """ARKit's jawOpen where it is used, else the jaw joint's rotation about x, rad. Shape [T]."""
    weight = motion.face[:, ARKIT_INDEX["jawOpen"]]
    return weight if weight.any() else motion.poses[:, JOINT_INDEX["jaw"], 0]


def jaw_on_loudness(
    jaw: np.ndarray, fps: float, energy_db: np.ndarray, times: np.ndarray, shifts: int = SHIFTS
) -> AboveChance:
    """Pearson's correlation of jaw opening with speech level, the best within 0.1 s, against chance.

    Args:
        jaw: opening, any unit. Shape [T].
        fps: frames per second.
        energy_db: level, dB. Shape [F].
        times: of the levels after the jaw's first frame, s, increasing. Shape [F].
        shifts: how many shifts give the chance level.
    """
    opening = finite("jaw opening", jaw, 1)
    level = np.maximum(finite("energy", energy_db, 1), -70.0)
    clock = np.arange(len(opening)) / fps
    covered = (clock >= times[0]) & (clock <= times[-1])
    opening, even = opening[covered], np.interp(clock[covered], times, level)
    lag = round(MAX_LAG_S * fps)

    def score(shift: float) -> float:
        return cross_correlation(opening, np.roll(even, round(shift * fps)), lag)

    return above_chance(score, len(opening) / fps, shifts)
