"""Beat consistency (BCS) and beat alignment (BA): do motion beats and audio onsets fall together?

Three published variants, which differ in what a motion beat is, in sigma and in who looks for whom. Every alignment is

    a(P -> Q) = 1/|P| sum_{p in P} exp( - min_{q in Q} |p - q|^2 / (2 sigma^2) )

All of them rise with the number of beats on the searched side, and all take minima of speed for beats, of which jitter
makes many: **jittered motion scores higher than clean motion** (tests/lab/test_metrics_controls.py holds this against
BCS and EMAGE's BC, where the onset looks for the nearest motion beat). `listening` corrects for it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.signal import argrelextrema

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.result import finite, frames
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX

TALKSHOW_SIGMA_S = 0.1
TALKSHOW_THRESHOLD = 0.01
TALKSHOW_CHANGE = np.array([6.0181e-5, 5.1597e-5, 2.1344e-4, 2.1899e-4])
"""Mean angle change per frame of SHOW: left and right collar-shoulder, left and right shoulder-elbow."""
TALKSHOW_CHANGE.setflags(write=False)

EMAGE_SIGMA_S = 0.3
EMAGE_ORDER = 7
EMAGE_THRESHOLD = 0.10
EMAGE_JOINTS: tuple[int, ...] = (3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21)
EMAGE_MARGIN_S = 2.0

DIFFSHEG_SIGMA_S = 0.3
DIFFSHEG_ORDER = 7


def alignment(seekers: np.ndarray, found: np.ndarray, sigma: float) -> float:
    """a(seekers -> found) of the module's docstring, in [0, 1].

    Args:
        seekers: beats that look for a partner, s. Shape [N], N >= 1.
        found: beats among which the nearest counts, s, in any order. Shape [M], M >= 1.
        sigma: tolerance, s.

    Raises:
        InputError: one side has no beats.
    """
    if len(seekers) == 0 or len(found) == 0:
        raise InputError("there are no beats to align: one side has none")
    return float(np.exp(-(_nearest(seekers, found) ** 2) / (2.0 * sigma**2)).mean())


def _nearest(seekers: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Distance from each seeker to the nearest of `found`. Shape [N]."""
    grid = np.concatenate([[-np.inf], np.sort(found), [np.inf]])
    right = np.searchsorted(grid, seekers)
    return np.minimum(seekers - grid[right - 1], grid[right] - seekers)


def _onsets(onsets: np.ndarray) -> np.ndarray:
    onsets = finite("audio onsets", onsets, 1)
    if len(onsets) == 0:
        raise InputError("the audio has no onsets: beat alignment needs speech")
    return onsets


def arm_angles(positions: np.ndarray) -> np.ndarray:
    """TalkSHOW's four arm "angles": arccos(clip(u . v, -1, 1)) / pi of successive bones that are *not* normalised.

    Bones in metres are short, so the products lie near 0 and the angles near 1/2: hence the tiny constants.

    Args:
        positions: SMPL-X joints, m. Shape [T, 55, 3] (at least 22 joints).

    Returns:
        left and right upper arm against collar bone, left and right forearm against upper arm. Shape [T, 4].
    """
    chains = [
        [positions[:, JOINT_INDEX[f"{side}_{name}"]] for name in ("collar", "shoulder", "elbow", "wrist")]
        for side in ("left", "right")
    ]
    bones = [[b - a for a, b in pairwise(chain)] for chain in chains]
    products = [(bones[side][k] * bones[side][k + 1]).sum(-1) for k in (0, 1) for side in (0, 1)]
    return np.arccos(np.clip(np.stack(products, 1), -1.0, 1.0)) / np.pi


def talkshow_motion_beats(positions: np.ndarray) -> list[np.ndarray]:
    """Beats of the four arm angles (TalkSHOW's code): local minima of the scaled angle change.

    The change is |angle_t - angle_{t-1}| / `TALKSHOW_CHANGE` / 4 (0 at t = 0); frame t is a beat if it is below both
    neighbours and at least 0.01 below one of them.

    Args:
        positions: SMPL-X joints at 30 fps, m. Shape [T, 55, 3], T >= 4.

    Returns:
        For each angle the times of its beats, t / 30 s.
    """
    x = frames("positions", positions, 3, 4)
    change = np.abs(np.diff(arm_angles(x), axis=0)) / TALKSHOW_CHANGE / len(TALKSHOW_CHANGE)
    change = np.concatenate([np.zeros((1, 4)), change])
    before, here, after = change[:-2], change[1:-1], change[2:]
    drop = np.maximum(before - here, after - here)
    beat = (here < before) & (here < after) & (drop >= TALKSHOW_THRESHOLD)
    return [(1 + np.flatnonzero(column)) / 30.0 for column in beat.T]


def bcs_talkshow(positions: np.ndarray, onsets: np.ndarray) -> float:
    """BCS, beat consistency score (TalkSHOW's code; "BCS" of the thesis, Table 1): audio onset -> nearest motion beat.

    Sigma 0.1 s. Mean over onsets and over those of the four arm angles that have beats (one without is left out).

    Args:
        positions: SMPL-X joints at 30 fps, m. Shape [T, 55, 3], T >= 4.
        onsets: audio onsets after the motion's first frame, s. Shape [K], K >= 1.

    Returns:
        In [0, 1].
    """
    onsets = _onsets(onsets)
    scores = [alignment(onsets, b, TALKSHOW_SIGMA_S) for b in talkshow_motion_beats(positions) if len(b)]
    if not scores:
        raise InputError("the arms make no motion beats: BCS is not defined for still motion")
    return float(np.mean(scores))


def central_speed(positions: np.ndarray, fps: float) -> np.ndarray:
    """Speed of each joint by central differences (one-sided at the ends), m/s. [T, J, 3] in, [T, J] out, T >= 2."""
    x = frames("positions", positions, 3, 2)
    return np.linalg.norm(np.gradient(x, 1.0 / fps, axis=0), axis=-1)


def speed_minima(speed: np.ndarray, order: int, threshold: float = 0.0) -> list[np.ndarray]:
    """Frames at which a column is below its `order` neighbours on both sides and above `threshold`. [T, J] in."""
    found = []
    for column in speed.T:
        index = argrelextrema(column, np.less, order=order)[0]
        found.append(index[column[index] > threshold])
    return found


def bc_emage(positions: np.ndarray, onsets: np.ndarray, fps: float, mean_speed: np.ndarray | None = None) -> float:
    """BC of EMAGE (its evaluation tools; BEAT's GAHR): audio onset -> nearest motion beat, 13 upper-body joints.

    Beats of a joint are minima (order 7) of its speed, divided by its mean speed, where that is above 0.10. Sigma
    0.3 s. 2 s are dropped at each end. A joint without beats counts 0.

    EMAGE divides by each joint's mean speed over BEAT2: give that of your corpus (`lab.study.normalise`). Deviations:
    without it (`mean_speed` None) we divide by the take's own; EMAGE's code compares beats of the cut take with a mask
    of the uncut one, we cut both.

    Args:
        positions: SMPL-X joints, m. Shape [T, 55, 3].
        onsets: audio onsets after the motion's first frame, s. Shape [K].
        fps: frames per second.
        mean_speed: of the 13 joints of `EMAGE_JOINTS` over the corpus, m/s. Shape [13].

    Returns:
        In [0, 1].
    """
    onsets = _onsets(onsets)
    x = frames("positions", positions, 3, 2)
    margin = round(EMAGE_MARGIN_S * fps)
    if len(x) <= 2 * (margin + EMAGE_ORDER):
        raise InputError(
            f"the motion lasts {len(x) / fps:.1f} s; EMAGE's BC drops 2 s at each end and needs something in between"
        )
    speed = central_speed(x[:, list(EMAGE_JOINTS)], fps)
    scale = speed.mean(axis=0) if mean_speed is None else finite("mean_speed", mean_speed, 1)
    if not (scale > 1e-6).any():
        raise InputError("the upper body does not move: BC is not defined for still motion")
    if scale.shape != (len(EMAGE_JOINTS),):
        raise InputError(f"mean_speed has shape {scale.shape}; one number for each of the {len(EMAGE_JOINTS)} joints")
    speed = speed[margin : len(x) - margin] / np.maximum(scale, 1e-6)
    inside = onsets[(onsets >= margin / fps) & (onsets < (len(x) - margin) / fps)] - margin / fps
    inside = _onsets(inside)
    minima = speed_minima(speed, EMAGE_ORDER, EMAGE_THRESHOLD)
    return float(np.mean([alignment(inside, m / fps, EMAGE_SIGMA_S) if len(m) else 0.0 for m in minima]))


def ba_diffsheg(hands: np.ndarray, onsets: np.ndarray, fps: float) -> float:
    """BA of DiffSHEG (Eq. 12): motion beat -> nearest audio beat.

    The equation leaves motion beats and sigma open and points to BEAT's code: minima (order 7) of the speed of the
    *right wrist's rotation channels*, sigma 0.3 s, onsets moved back to the energy minimum (`audio_onsets(...,
    backtrack=True)`). Deviations: we take the positions of both wrists (a left-hander gestures, too), and minima of
    frames that move (above 0.05 m/s, else a resting hand's rounding noise makes beats).

    Args:
        hands: positions of the wrists, m. Shape [T, H, 3], T >= 2.
        onsets: audio onsets after the motion's first frame, s. Shape [K], K >= 1.
        fps: frames per second.

    Returns:
        In [0, 1]: mean over all beats of all hands.
    """
    return alignment(motion_beats(hands, fps), _onsets(onsets), DIFFSHEG_SIGMA_S)


STILL_SPEED = 0.05
"""A hand that moves less rests, m/s."""


def motion_beats(hands: np.ndarray, fps: float, order: int = DIFFSHEG_ORDER) -> np.ndarray:
    """Beats of the hands: minima of speed around which the hand moves (some speed within `order` frames > 0.05 m/s).

    Args:
        hands: positions, m. Shape [T, H, 3].
        fps: frames per second.
        order: frames on each side that must be faster.

    Returns:
        Times after the first frame, s, of all hands together, increasing.

    Raises:
        InputError: there are none.
    """
    speed = central_speed(hands, fps)
    times = []
    for column, index in zip(speed.T, speed_minima(speed, order), strict=True):
        moving = [column[max(i - order, 0) : i + order + 1].max() > STILL_SPEED for i in index]
        times.append(index[np.array(moving, bool)] / fps)
    beats = np.sort(np.concatenate(times))
    if len(beats) == 0:
        raise InputError("the hands make no motion beats: beat alignment is not defined for still motion")
    return beats
