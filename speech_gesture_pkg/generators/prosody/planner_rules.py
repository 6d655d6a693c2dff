"""The planner's numbers: how likely, how large, how long. Frames are of 1/30 s; chances are in [0, 1].

None is from a publication. They were chosen by eye on the demo humanoid, and so that the motion's figures lie among
those of real speakers (`motion.liveliness.TALKERS`).
"""

from __future__ import annotations

import numpy as np

FPS = 30

# When

SILENCE_FRAMES = 28
"""Silence (after the end of the phrase was noticed) until the hands retract: about one second in all."""
ARMED_FRAMES = 36
"""An armed stroke that no accent releases within this is dropped."""
LARGE_GAP_FRAMES = 60
"""Frames between large gestures inside a phrase."""
LEAD = 0.55
"""Share of the interval between accents by which a stroke is armed before it is due."""
EARLY_FRAMES = 8
"""An accent so long before a stroke is due still gets one, without a lift."""
CLEAR = 0.9
"""Strength of an accent that releases a stroke that was armed a moment ago."""
CLEAR_FRAMES = 10
"""After so long, any accent releases it."""
BUSY_FRAMES = 5
"""From the apex until the next stroke may be armed."""
LIFT_FRAMES = 8
"""Preparation of a stroke that only lifts the hand."""
FROM_REST_FRAMES = 6
"""More of it for a hand that comes from rest."""
RELEASABLE, RELEASABLE_FROM_REST = (3, 5), (4, 5)
"""Share of the preparation after which an accent may release the stroke."""
WAIT_S = (0.12, 0.55)
"""Pause between strokes at rate 1: at least, and at random on top, s."""
LEAST_RATE, LEAST_HOLD_RATE = 0.05, 0.5
"""Pauses and holds grow no further below these style rates."""
HOLD_SHARE = 0.5
"""Share of a stroke's hold that must pass before the next one, at rate 1."""
LEAST_STYLE = 0.02
"""Amplitude and rate below which nobody gestures."""
LOOK_WAIT_S, LOOK_WAIT_SILENT_S = (1.1, 2.2), (2.0, 4.0)
"""Time between gaze shifts, while speaking and in silence: at least, and at random on top, s."""
FIDGET_AFTER_S, FIDGET_WAIT_S = (4.0, 4.0), (4.0, 6.0)
"""Time from the hands' retraction to the first fidget, and between fidgets: at least, and at random on top, s."""

# How likely

CHANGE_HANDS = 0.35
"""That a stroke inside a phrase draws its hands again."""
BOTH_HANDS = 0.62
OTHER_HAND = 0.84
"""Below `BOTH_HANDS` both gesture; up to this, the hand that did not last time (after both: the right one)."""
LARGE_AT_START, LARGE_INSIDE = 0.62, 0.36
"""That a stroke is a large one, if none was for `LARGE_GAP_FRAMES`."""
JOIN_LOW = 0.65
"""That at a phrase's start the hand that does not gesture comes along to a low place."""
JOIN_STROKE = 0.75
"""That a raised hand that does not gesture joins in a beat a little."""
TURN_HEAD_START, TURN_HEAD_END = 0.6, 0.5
"""That the head takes a new posture at a phrase's start, and at its end."""
NOD_LEAST, NOD_PER_STRENGTH = 0.35, 0.3
"""That an accent gets a nod: the first, and the second times its strength."""
BROWS_PER_STRENGTH = 0.16
"""That an accent raises the brows, times its strength."""
BROWS_WITH_STROKE = 0.7
"""That the brows go up with a stroke that has them."""
BLINK_AT_END, BLINK_WITH_GAZE = 0.4, 0.45
"""That somebody blinks at a phrase's end, and with a large gaze shift."""

# How large

SIZE = (0.92, 0.46)
"""Of a stroke: at least, and at random on top."""
REPEATED_SIZE = 0.65
"""Of a stroke that repeats the last one, relative to it."""
HAND_SIZE = (0.88, 0.24)
"""Of a stroke on each hand: at least, and at random on top."""
LIFT_SIZE = 1.3
"""Preparations are larger than their strokes, by this."""
JOIN_SIZE = 0.45
"""Of a beat in which the other hand joins."""
REBOUND = 0.25
"""Share of a beat's way at which the hand waits after it."""
BOUNCE_BEAT, BOUNCE_LARGE = 1.2, 0.5
"""Recoil at the apex (`limbs.Stage.bounce`)."""
SETTLE = np.array([-0.010, -0.015, -0.015])
"""After a large stroke the hand gives way a little back and down, as muscles let go, m."""
RELAXED = 0.5
"""Share of the way to the belly that hands sink when a phrase ends."""
BROW_HEIGHT = (0.35, 0.5)
"""Of a raise on an accent of strength 1: at least, and at random on top."""
END_TILT = 0.05
"""Roll of the head at a phrase's end, rad."""
HEAD_SMALL, HEAD_LARGE = 0.35, 0.65
"""Head and torso grow more slowly than the gestures: by both up to amplitude 1, then by the second alone."""
FIDGET_FINGERS = (0.8, 0.4)
"""Of the fingers' bend in a fidget: at least, and at random on top."""
FIDGET_TORSO = np.array([0.012, 0.02, 0.015])
"""Pitch, yaw, roll of the stance's readjustment, rad."""

# How long, frames

HOLD_FRAMES = 11
"""From the apex into the hold."""
RELAX_FRAMES, RELAX_END_FRAMES = 18, 22
"""A stroke that is dropped; a phrase that ends."""
RELAX_WAIT_FRAMES = 6
"""From then until the next stroke."""
READY_FRAMES = 16
"""To the low place where the other hand waits."""
WANDER_FRAMES = (17, 14)
RETRACT_FRAMES = (30, 8)
"""At least, and at random on top."""
RETRACT_DELAY_FRAMES = 5
"""One hand starts up to this later than the other."""
RETRACT_BUSY_FRAMES = 12
RETRACT_TORSO_FRAMES = 45
FIDGET_FRAMES, FIDGET_TORSO_FRAMES = 24, 50
BROW_FRAMES = (5, 5, 12)
"""Up, held, down."""
STAGGER_LEFT, STAGGER_RIGHT, STAGGER_FRAMES = 3, 7, 3
"""Hands start up to two frames late, each by its own function of one random number."""

# An enumeration

FINGERS = 4
"""It counts no further."""
COUNT_LEAST, COUNT_MORE = 2, 3
"""It counts at least to the first, and up to so many more."""
STAY_COUNTING = 2
"""Strokes for which hands stay where they count."""
STAY_MOST = 2
"""Hands stay at a waiting place for less than so many further strokes."""


def drawn(least_and_more: tuple[float, float], chance: float) -> float:
    """At least the first number, and up to the second on top."""
    return least_and_more[0] + least_and_more[1] * chance
