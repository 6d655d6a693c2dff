"""The library of strokes. Poses are in gesture space (`arms`): outward, up, forward of the own shoulder, metres.

A stroke either hits from wherever the hand is (`lift` and `hit` are offsets: beats) or goes through two poses of its
own (`prepare`, `strike`: offers, sweeps, ...), after which the hand stays at `strike` and further beats happen there.
Proportions follow the descriptions in McNeill (1992) and Kendon (2004); the numbers are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from speech_gesture_pkg.generators.prosody import hands
from speech_gesture_pkg.generators.prosody.arms import (
    DEVIATION,
    FLEXION,
    LIFT,
    PALM,
    POSE_SIZE,
    POSITION,
    REACH,
    SHAPE,
    SWIVEL,
)

COLLAR_REST = -0.14
"""Collar elevation of a relaxed shoulder, rad (BEAT2 mean: -13 degrees left, -7 right)."""

Triple = tuple[float, float, float]


def pose(
    position: Triple,
    palm: Triple,
    shape: np.ndarray,
    swivel: float = 0.0,
    flexion: float = 0.0,
    deviation: float = 0.0,
    lift: float = 0.0,
    reach: float = 0.0,
) -> np.ndarray:
    """A hand pose vector: position m, direction the palm faces, angles rad; `lift` is on top of the relaxed collar."""
    out = np.zeros(POSE_SIZE)
    out[POSITION] = position
    out[PALM] = np.array(palm) / np.linalg.norm(palm)
    out[SWIVEL], out[FLEXION], out[DEVIATION] = swivel, flexion, deviation
    out[LIFT], out[REACH] = COLLAR_REST + lift, reach
    out[SHAPE] = shape
    out.setflags(write=False)
    return out


def offset(
    position: Triple = (0.0, 0.0, 0.0),
    palm: Triple = (0.0, 0.0, 0.0),
    flexion: float = 0.0,
    deviation: float = 0.0,
    shape: np.ndarray | None = None,
    swivel: float = 0.0,
) -> np.ndarray:
    """A change of hand pose, to be added."""
    out = np.zeros(POSE_SIZE)
    out[POSITION], out[PALM] = position, palm
    out[FLEXION], out[DEVIATION], out[SWIVEL] = flexion, deviation, swivel
    if shape is not None:
        out[SHAPE] = shape
    out.setflags(write=False)
    return out


_NONE = offset()


@dataclass(frozen=True)
class Stroke:
    """One kind of gesture.

    Attributes:
        name: for people.
        hands: "one", "both" or "any".
        weight: how often it is drawn among its kind.
        prepare, strike: own poses, [POSE_SIZE] each, or None to hit from where the hand is.
        lift, hit: offsets of the preparation and of the apex (added to the own poses too).
        prepare_s, stroke_s, hold_s: durations, seconds.
        repeats: whether a smaller one of the same kind follows on the next accent.
        lean: forward lean of the torso at the apex, rad.
        brows: brow raise at the apex, 0..1.
        tilt: head tilt at the apex, rad.
    """

    name: str
    hands: str = "any"
    weight: float = 1.0
    prepare: np.ndarray | None = None
    strike: np.ndarray | None = None
    lift: np.ndarray = field(default_factory=lambda: _NONE)
    hit: np.ndarray = field(default_factory=lambda: _NONE)
    prepare_s: float = 0.40
    stroke_s: float = 0.20
    hold_s: float = 0.5
    repeats: bool = False
    lean: float = 0.01
    brows: float = 0.0
    tilt: float = 0.0


REST = pose((0.075, -0.492, 0.055), (-1.0, 0.0, -0.25), hands.RELAXED, swivel=0.1, flexion=0.05)
"""Hand hanging beside and slightly in front of the thigh."""
READY = pose((0.010, -0.385, 0.195), (-0.75, -0.45, -0.25), hands.RELAXED, swivel=0.15, flexion=0.10)
"""Low resting place in front of the belly, for the hand that does not gesture."""

HOMES: tuple[np.ndarray, ...] = (
    pose((0.000, -0.345, 0.235), (-0.85, -0.50, 0.0), hands.RELAXED, swivel=0.20),
    pose((0.050, -0.270, 0.265), (-0.90, 0.00, 0.10), hands.CUPPED, swivel=0.25, deviation=0.1),
    pose((0.000, -0.305, 0.225), (-0.80, -0.40, -0.30), hands.LOOSE_PINCH, swivel=0.25, deviation=0.1),
    pose((0.080, -0.340, 0.230), (-0.70, 0.65, 0.20), hands.CUPPED, swivel=0.15),
    pose((0.030, -0.235, 0.265), (-0.70, -0.70, 0.10), hands.RELAXED, swivel=0.30, deviation=0.15),
    pose((0.030, -0.375, 0.215), (-0.75, -0.65, 0.0), hands.RELAXED, swivel=0.15),
)
"""Places in gesture space where hands wait and beat, palms from inward-down to half up."""

BEATS: tuple[Stroke, ...] = (
    Stroke(
        "beat_down",
        weight=3.0,
        lift=offset((0.005, 0.060, -0.005), flexion=-0.18, deviation=0.10),
        hit=offset((0.005, -0.055, 0.030), flexion=0.16, deviation=-0.12, shape=hands.SNAP),
    ),
    Stroke(
        "beat_forward",
        weight=2.0,
        lift=offset((-0.010, 0.035, -0.035), flexion=0.12),
        hit=offset((0.015, -0.030, 0.070), flexion=-0.20, shape=hands.SNAP),
        lean=0.02,
    ),
    Stroke(
        "beat_turn",
        weight=2.2,
        lift=offset((-0.015, 0.025, 0.0), palm=(-0.15, -0.45, 0.0)),
        hit=offset((0.055, -0.025, 0.025), palm=(0.05, 0.80, 0.20), flexion=-0.10, shape=hands.SNAP * 1.3),
    ),
    Stroke(
        "beat_out",
        weight=1.8,
        lift=offset((-0.030, 0.025, 0.0), palm=(0.0, -0.2, 0.0), flexion=0.10),
        hit=offset((0.085, -0.025, 0.020), palm=(0.25, 0.2, 0.15), flexion=-0.15, shape=hands.SNAP * 1.3, swivel=0.08),
    ),
    Stroke(
        "beat_double",
        weight=1.2,
        lift=offset((0.0, 0.050, 0.0), flexion=-0.15, deviation=0.08),
        hit=offset((0.0, -0.042, 0.018), flexion=0.16, deviation=-0.10, shape=hands.SNAP),
        repeats=True,
    ),
    Stroke(
        "chop",
        weight=0.8,
        prepare=pose((0.010, -0.215, 0.255), (-1.0, 0.0, 0.05), hands.FLAT, swivel=0.18, deviation=0.25),
        strike=pose((0.015, -0.315, 0.290), (-1.0, -0.05, 0.05), hands.FLAT, swivel=0.12, deviation=-0.15),
        prepare_s=0.36,
        stroke_s=0.22,
        hold_s=0.35,
        lean=0.025,
        brows=0.2,
    ),
)

UNLIFTED: tuple[Stroke, ...] = BEATS[:4]
"""Beats that can do without their lift."""

PHRASES: tuple[Stroke, ...] = (
    Stroke(
        "offer",
        weight=3.0,
        prepare=pose((-0.015, -0.310, 0.210), (-0.85, -0.45, -0.1), hands.CUPPED, swivel=0.22, flexion=0.12),
        strike=pose((0.060, -0.290, 0.330), (-0.25, 0.95, 0.10), hands.OPEN, swivel=0.05, flexion=-0.12),
        prepare_s=0.42,
        stroke_s=0.27,
        hold_s=0.9,
        lean=0.035,
        brows=0.3,
    ),
    Stroke(
        "open_palms",
        hands="both",
        weight=2.6,
        prepare=pose((-0.025, -0.300, 0.230), (-0.80, -0.50, -0.2), hands.CUPPED, swivel=0.25, flexion=0.15),
        strike=pose((0.150, -0.310, 0.255), (-0.10, 0.80, 0.55), hands.OPEN, swivel=0.05, flexion=-0.20, reach=-0.05),
        prepare_s=0.44,
        stroke_s=0.27,
        hold_s=0.9,
        lean=-0.01,
        brows=0.5,
    ),
    Stroke(
        "sweep",
        hands="one",
        weight=2.0,
        prepare=pose((-0.055, -0.235, 0.265), (-0.30, -0.90, 0.1), hands.FLAT, swivel=0.40, reach=0.08),
        strike=pose((0.210, -0.270, 0.270), (-0.20, -0.55, 0.75), hands.OPEN, swivel=0.28, flexion=-0.18, reach=-0.05),
        prepare_s=0.44,
        stroke_s=0.27,
        hold_s=0.5,
        lean=0.01,
    ),
    Stroke(
        "frame",
        hands="both",
        weight=1.6,
        prepare=pose((0.090, -0.240, 0.240), (-0.95, -0.25, 0.1), hands.OPEN, swivel=0.25),
        strike=pose((0.020, -0.290, 0.285), (-1.0, 0.0, 0.1), hands.OPEN, swivel=0.22),
        prepare_s=0.42,
        stroke_s=0.24,
        hold_s=0.8,
        lean=0.02,
    ),
    Stroke(
        "other_open",
        hands="one",
        weight=1.1,
        prepare=pose((0.000, -0.270, 0.235), (-0.80, -0.2, 0.1), hands.CUPPED, swivel=0.20),
        strike=pose((0.010, -0.215, 0.405), (-0.55, 0.80, 0.0), hands.OPEN, swivel=0.08, flexion=-0.10, reach=0.06),
        prepare_s=0.40,
        stroke_s=0.27,
        hold_s=0.5,
        lean=0.04,
        brows=0.3,
    ),
    Stroke(
        "other_point",
        hands="one",
        weight=0.5,
        prepare=pose((0.010, -0.225, 0.245), (-0.85, -0.5, 0.0), hands.POINTING, swivel=0.25),
        strike=pose((0.000, -0.195, 0.395), (-0.60, -0.8, 0.0), hands.POINTING, swivel=0.15, reach=0.05),
        prepare_s=0.40,
        stroke_s=0.27,
        hold_s=0.45,
        lean=0.035,
        brows=0.2,
    ),
    Stroke(
        "self",
        hands="one",
        weight=0.9,
        prepare=pose((0.020, -0.270, 0.260), (-0.8, 0.2, -0.4), hands.OPEN, swivel=0.30),
        strike=pose((-0.055, -0.195, 0.255), (-0.35, 0.10, -0.93), hands.FLAT, swivel=0.45, flexion=0.12, reach=0.06),
        prepare_s=0.38,
        stroke_s=0.27,
        hold_s=0.55,
        lean=-0.01,
        brows=0.2,
    ),
    Stroke(
        "shrug",
        hands="both",
        weight=0.8,
        prepare=pose((0.060, -0.320, 0.220), (-0.75, -0.1, 0.1), hands.CUPPED, swivel=0.10),
        strike=pose((0.170, -0.275, 0.215), (-0.05, 0.95, 0.25), hands.OPEN, swivel=-0.05, flexion=-0.28, lift=0.26),
        prepare_s=0.38,
        stroke_s=0.27,
        hold_s=0.45,
        lean=-0.02,
        brows=0.9,
        tilt=0.10,
    ),
    Stroke(
        "enumerate",
        hands="one",
        weight=0.8,
        prepare=pose((0.020, -0.215, 0.245), (-0.75, 0.15, -0.55), hands.FIST, swivel=0.30, deviation=0.15),
        strike=pose((0.025, -0.235, 0.275), (-0.75, 0.25, -0.50), hands.counted(1), swivel=0.28, deviation=0.05),
        prepare_s=0.42,
        stroke_s=0.24,
        hold_s=0.7,
        brows=0.2,
    ),
)

LIBRARY: tuple[Stroke, ...] = BEATS + PHRASES
INDEX: dict[str, int] = {stroke.name: i for i, stroke in enumerate(LIBRARY)}


def draw(kinds: tuple[Stroke, ...], chance: float, both: bool) -> int:
    """Index in `LIBRARY` of a stroke drawn by weight among those that fit one hand or both hands.

    Args:
        kinds: `BEATS` or `PHRASES`.
        chance: a number in [0, 1).
        both: whether both hands gesture.
    """
    fitting = [s for s in kinds if s.hands in ("any", "both" if both else "one")]
    place = chance * sum(s.weight for s in fitting)
    for stroke in fitting:
        place -= stroke.weight
        if place < 0.0:
            return INDEX[stroke.name]
    return INDEX[fitting[-1].name]


POSITION_LOWER = np.array([0.005, -0.50, 0.03])
POSITION_UPPER = np.array([0.300, 0.05, 0.44])
"""Where a wrist may be, so that hands stay apart (fingers on their own side) and clear of the trunk. Strokes with one
hand (`CROSSING`) may go further in: the other hand is low then."""
_CLEAR_FORWARD, _CHEST, _LOWEST_INSIDE = 0.185, -0.25, -0.42
_TRUNK_SIDE = 0.055


CROSSING = 0.060
"""How much further inward a hand may go that gestures alone, metres."""


def confine(hand: np.ndarray, alone: bool = False) -> np.ndarray:
    """The hand pose drawn into the allowed region; changes and returns `hand`. `alone`: the other hand is away."""
    place = hand[POSITION]
    inner = place[0]
    np.clip(place, POSITION_LOWER, POSITION_UPPER, out=place)
    if alone:
        place[0] = max(min(inner, place[0]), POSITION_LOWER[0] - CROSSING)
    if place[0] < _TRUNK_SIDE:
        place[1] = max(place[1], _LOWEST_INSIDE)
        # farther ahead of the chest than of the belly: the elbow is bent hard there
        place[2] = max(place[2], _CLEAR_FORWARD + 0.25 * max(place[1] - _CHEST, 0.0))
    hand[FLEXION] = min(max(hand[FLEXION], -0.6), 0.6)
    hand[DEVIATION] = min(max(hand[DEVIATION], -0.35), 0.4)
    np.clip(hand[SHAPE], hands.LOWER, hands.UPPER, out=hand[SHAPE])
    return hand
