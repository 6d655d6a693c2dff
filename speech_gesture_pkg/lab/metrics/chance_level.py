"""Figures against chance: does motion fit *this* speech better than the same speech shifted in time?

The published alignments have no zero: a jittering or constantly waving figure scores high on any audio. Here the same
score is taken again with the audio shifted round the circle (so its rhythm and number of onsets stay), which no figure
can exploit that does not listen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.errors import InputError

LEAST_SHIFT_S = 1.0
SHIFTS = 200


@dataclass(frozen=True)
class AboveChance:
    """A score beside its chance level.

    Attributes:
        score: with the matching audio.
        chance: mean over the shifts.
        excess: score minus chance; about 0 for motion that does not listen.
        p_value: share of shifts (the true one included) that score at least as well; one-sided.
    """

    score: float
    chance: float
    excess: float
    p_value: float


def above_chance(score: Callable[[float], float], duration: float, shifts: int = SHIFTS) -> AboveChance:
    """Compare `score(0)` with the scores of shifted audio.

    Args:
        score: of the motion against the audio shifted by so many seconds, modulo `duration`.
        duration: of the audio, s; more than 2 s.
        shifts: how many, evenly spread over [1 s, duration - 1 s].

    Raises:
        InputError: the audio is too short, or the score is not defined.
    """
    if not duration > 2.0 * LEAST_SHIFT_S:
        raise InputError(f"the audio lasts {duration:.2f} s; more than 2 s are needed to shift it against the motion")
    own = score(0.0)
    others = np.array([score(s) for s in np.linspace(LEAST_SHIFT_S, duration - LEAST_SHIFT_S, shifts)])
    reached = int((others >= own - 1e-12).sum())
    chance = float(others.mean())
    return AboveChance(own, chance, own - chance, (reached + 1) / (shifts + 1))
