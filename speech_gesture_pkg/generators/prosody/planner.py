"""Which gesture, with which hand, when: the rule that turns prosody events into stages of the limbs.

While someone speaks the hands wait in gesture space. A stroke is armed ahead of time (the hand is lifted or brought to
the stroke's first pose) when the running interval between accents says that one is due, and it is released by the next
accent, so that only the stroke itself (0.2-0.3 s) lies between hearing the syllable and the apex. Larger gestures are
armed at phrase starts. Without speech for a second the hands retract to rest.
"""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.generators.base import Style
from speech_gesture_pkg.generators.prosody import hands, head, random_streams, strokes, torso
from speech_gesture_pkg.generators.prosody.accents import Event
from speech_gesture_pkg.generators.prosody.arms import POSITION, SHAPE
from speech_gesture_pkg.generators.prosody.hand_placement import confined, fresh_place, rest_pose, scaled, wandered
from speech_gesture_pkg.generators.prosody.limbs import (
    BROW,
    HOLD,
    LEFT_ARM,
    PREPARATION,
    REST,
    RETRACTION,
    RIGHT_ARM,
    STROKE,
    Limbs,
    Stage,
)
from speech_gesture_pkg.generators.prosody.planner_state import BOTH, GesturePlan, Sides

FPS = 30
_SILENCE_FRAMES = 28
"""Silence (after the end of the phrase was noticed) until the hands retract: about one second in all."""
_ARMED_FRAMES = 36
"""An armed stroke that no accent releases within this is dropped."""
_ENUMERATE = strokes.INDEX["enumerate"]
_CLEAR = 0.9
"""Strength of an accent that releases a stroke that was armed a moment ago."""
_BIG_GAP_FRAMES = 60
"""Frames between large gestures inside a phrase."""


def update(
    plan: GesturePlan, limbs: Limbs, frame: int, events: list[Event], accent_gap_s: float, style: Style
) -> float:
    """Act on what the speech did since the last frame.

    Args:
        plan, limbs: changed.
        frame: now.
        events: new prosody events.
        accent_gap_s: running interval between accents, seconds.
        style: amplitude and rate.

    Returns:
        Wish for a blink now, a probability.
    """
    blink = 0.0
    gesturing = style.amplitude > 0.02 and style.rate > 0.02
    if plan.quiet >= 0:
        plan.quiet += 1
    for event in events:
        if event.kind == "start":
            plan.quiet = -1
            _start_phrase(plan, limbs, frame, style, gesturing)
        elif event.kind == "end":
            plan.quiet = 0
            _end_phrase(plan, limbs, frame, style)
            blink = 0.4
        else:
            _accent(plan, limbs, frame, event.strength, style, gesturing)
    if plan.quiet < 0 and gesturing:
        lead = int(0.55 * accent_gap_s * FPS)
        if plan.armed < 0 and frame >= max(plan.busy_until, plan.next_stroke - lead):
            _choose(plan, limbs, frame, style, at_start=False)
    if plan.armed >= 0 and frame > plan.ready_at + _ARMED_FRAMES:
        _relax(plan, limbs, frame, style, 18)
    if any(plan.raised) and (plan.quiet > _SILENCE_FRAMES or not gesturing):
        _retract(plan, limbs, frame)
    for side in (LEFT_ARM, RIGHT_ARM):
        if plan.raised[side] and plan.armed < 0 and limbs.idle(side, frame):
            _wander(plan, limbs, frame, side, style)
    if not any(plan.raised) and frame >= plan.next_fidget:
        _fidget(plan, limbs, frame)
    if frame >= plan.next_look:
        u = plan.draw(random_streams.HEAD, 7)
        wait = (1.1 + 2.2 * u[6]) if plan.quiet < 0 else (2.0 + 4.0 * u[6])
        plan.next_look = frame + int(FPS * wait)
        if head.look(limbs, frame, _gain(style), u) > head.LARGE_SHIFT:
            blink = max(blink, 0.45)
    return blink


def _gain(style: Style) -> float:
    """Size of head and torso motion: grows more slowly than the gestures'."""
    return 0.35 * min(style.amplitude, 1.0) + 0.65 * style.amplitude


def _start_phrase(plan: GesturePlan, limbs: Limbs, frame: int, style: Style, gesturing: bool) -> None:
    u = plan.draw(random_streams.TORSO, 8)
    plan.posture = torso.posture(_gain(style), u)
    torso.shift(limbs, frame, plan.posture)
    if u[3] < 0.6:
        head.posture(limbs, frame, _gain(style), u[4:8])
    if gesturing and frame >= plan.busy_until:
        _choose(plan, limbs, frame, style, at_start=True)


def _end_phrase(plan: GesturePlan, limbs: Limbs, frame: int, style: Style) -> None:
    plan.counted = 0
    u = plan.draw(random_streams.HEAD, 6)
    if u[0] < 0.5:
        head.posture(limbs, frame, _gain(style), u[1:5], tilt=0.05 * (1.0 if u[5] < 0.5 else -1.0) * _gain(style))
    if any(plan.raised):
        _relax(plan, limbs, frame, style, 22)


def _accent(plan: GesturePlan, limbs: Limbs, frame: int, strength: float, style: Style, gesturing: bool) -> None:
    u = plan.draw(random_streams.HEAD, 5)
    if u[0] < 0.35 + 0.3 * strength:
        head.nod(limbs, frame, strength * _gain(style), u[1:3])
    if u[3] < 0.16 * strength:
        _raise_brows(limbs, frame, min(1.0, (0.35 + 0.5 * u[4]) * strength))
    if not gesturing or frame < plan.busy_until:
        return
    if plan.armed < 0 and plan.quiet < 0 and any(plan.raised) and frame >= plan.next_stroke - 8:
        # an accent before its time: hit at once, with no lift
        _choose(plan, limbs, frame, style, at_start=False, lifted=False)
    # right after a stroke only a clear accent releases the next one
    clear = strength > _CLEAR or frame > plan.ready_at + 10
    if plan.armed >= 0 and frame >= plan.armed_at and clear:
        _strike(plan, limbs, frame, strength, style)


def _raise_brows(limbs: Limbs, frame: int, height: float) -> None:
    up = Stage(np.array([height]), 5)
    limbs.send(BROW, frame, (up, Stage(up.target, 5), Stage(np.zeros(1), 12)))


def _draw_sides(u: float, now: Sides) -> Sides:
    """Both hands half of the time; else one, and rather the other one than last time."""
    if u < 0.62:
        return BOTH
    if now == BOTH:
        return (False, True) if u < 0.84 else (True, False)
    return (now[1], now[0]) if u < 0.84 else now


def _choose(plan: GesturePlan, limbs: Limbs, frame: int, style: Style, at_start: bool, lifted: bool = True) -> None:
    """Arm a stroke: draw it, draw the hands, send them to its preparation."""
    u = plan.draw(random_streams.STROKES, 12)
    continue_count = 0 < plan.counted < 4 and plan.stay > 0
    again = plan.repeat >= 0 and lifted and not at_start
    if not (continue_count or again):
        if at_start or u[0] < 0.35:
            plan.sides = _draw_sides(u[1], plan.sides)
        plan.counted = 0
    big = lifted and u[2] < (0.62 if at_start else 0.36) and frame - plan.last_big > _BIG_GAP_FRAMES
    if continue_count:
        plan.armed = _ENUMERATE
    elif again:
        plan.armed = plan.repeat
    elif big:
        plan.armed = strokes.draw(strokes.PHRASES, u[3], plan.sides == BOTH)
        plan.last_big = frame
    else:
        kinds = strokes.BEATS if lifted else strokes.BEATS[:4]
        plan.armed = strokes.draw(kinds, u[3], plan.sides == BOTH)
    stroke = strokes.LIBRARY[plan.armed]
    plan.size = (0.92 + 0.46 * u[4]) * (0.65 if again else 1.0)
    if not again:
        plan.repeat = -1
    frames = round(stroke.prepare_s * FPS) if stroke.prepare is not None else 8
    from_rest = any(used and not up for used, up in zip(plan.sides, plan.raised, strict=True))
    if from_rest:
        frames += 6
    plan.ready_at = frame + (frames if lifted else 0)
    plan.armed_at = frame + (frames * 4 // 5 if from_rest else frames * 3 // 5) if lifted else frame
    _place_anchors(plan, u)
    for side in (LEFT_ARM, RIGHT_ARM):
        if plan.sides[side] and lifted:
            target = _prepared(plan, stroke, side, style)
            limbs.send(side, frame, (*_stagger(side, u[10]), Stage(target, plan.ready_at - frame, PREPARATION)))
        elif plan.sides[side]:
            continue
        elif _makes_way(plan) if plan.raised[side] else (at_start and u[11] < 0.65):
            # the other hand makes way for a stroke in front of the body, or comes along to a low resting place
            anchors = (strokes.READY, plan.anchors[1]) if side == LEFT_ARM else (plan.anchors[0], strokes.READY)
            plan.anchors = anchors
            limbs.send(side, frame, (Stage(scaled(strokes.READY, style), 16, PREPARATION),))
            plan.raised = (plan.raised[0] or side == LEFT_ARM, plan.raised[1] or side == RIGHT_ARM)
    plan.raised = (plan.raised[0] or plan.sides[0], plan.raised[1] or plan.sides[1])


def _stagger(side: int, u: float) -> tuple[Stage, ...]:
    """Hands never start on the same frame all the time."""
    late = int(u * 3) if side == LEFT_ARM else int(u * 7) % 3
    return (Stage(None, late, PREPARATION),) if late else ()


def _makes_way(plan: GesturePlan) -> bool:
    """Whether the armed stroke needs the space in front of the body for one hand."""
    stroke = strokes.LIBRARY[plan.armed]
    return stroke.hands == "one" and stroke.prepare is not None


def _place_anchors(plan: GesturePlan, u: np.ndarray) -> None:
    """New waiting places when the old ones have had their strokes, or a hand comes from rest."""
    plan.stay -= plan.repeat < 0
    fresh = plan.stay < 0
    if fresh:
        plan.stay = int(2 * u[5])
    anchors = list(plan.anchors)
    home = strokes.HOMES[int(u[6] * len(strokes.HOMES))]
    for side in (LEFT_ARM, RIGHT_ARM):
        if not (plan.sides[side] and (fresh or not plan.raised[side])):
            continue
        anchors[side] = fresh_place(np.roll(u[7:10], side), home)
    plan.anchors = (anchors[0], anchors[1])


def _prepared(plan: GesturePlan, stroke: strokes.Stroke, side: int, style: Style) -> np.ndarray:
    base = plan.anchors[side] if stroke.prepare is None else stroke.prepare
    out = scaled(base, style) + stroke.lift * (1.3 * plan.size * style.amplitude)
    if plan.armed == _ENUMERATE and plan.counted:
        out[SHAPE] = hands.counted(plan.counted)
    return confined(out, style, _makes_way(plan))


def _strike(plan: GesturePlan, limbs: Limbs, frame: int, strength: float, style: Style) -> None:
    """Release the armed stroke: apex, recoil into a hold."""
    stroke = strokes.LIBRARY[plan.armed]
    u = plan.draw(random_streams.STROKES, 6)
    size = plan.size * strength * style.amplitude
    if plan.armed == _ENUMERATE:
        plan.counted += 1
        plan.stay = 2 if plan.counted < 2 + int(3 * u[4]) else 0
    frames = round(stroke.stroke_s * FPS)
    anchors = list(plan.anchors)
    for side in (LEFT_ARM, RIGHT_ARM):
        if plan.sides[side]:
            anchors[side] = _hit(plan, limbs, frame, side, stroke, size * (0.88 + 0.24 * u[side]), style)
        elif plan.raised[side] and u[2] < 0.75 and stroke.strike is None:
            # the waiting hand joins in a little
            _hit(plan, limbs, frame, side, strokes.BEATS[0], 0.45 * size, style)
    plan.anchors = (anchors[0], anchors[1])
    plan.repeat = plan.armed if stroke.repeats and plan.repeat < 0 else -1
    plan.armed = -1
    plan.busy_until = frame + frames + 5
    wait = (0.12 + 0.55 * u[3]) / max(style.rate, 0.05)
    hold = frames + FPS * stroke.hold_s * 0.5 / max(style.rate, 0.5) if stroke.strike is not None else 0.0
    plan.next_stroke = frame + int(max(FPS * wait, hold)) if plan.repeat < 0 else plan.busy_until
    torso.lean(limbs, frame, _gain(style) * strength, stroke.lean, *plan.sides, plan.posture)
    if stroke.brows and u[5] < 0.7:
        _raise_brows(limbs, frame, stroke.brows)
    if stroke.tilt:
        head.posture(
            limbs, frame, _gain(style), np.array([0.5, 0.5, 0.5, 0.0]), stroke.tilt * (1 if u[4] < 0.5 else -1)
        )


def _hit(
    plan: GesturePlan, limbs: Limbs, frame: int, side: int, stroke: strokes.Stroke, size: float, style: Style
) -> np.ndarray:
    """Send one hand through the apex; where it waits afterwards."""
    anchor = plan.anchors[side] if stroke.strike is None else stroke.strike
    base = scaled(anchor, style)
    if plan.armed == _ENUMERATE and plan.sides[side]:
        base[SHAPE] = hands.counted(plan.counted)
        anchor = anchor.copy()
        anchor[SHAPE] = base[SHAPE]
    alone = stroke.hands == "one"
    apex = confined(base + stroke.hit * size, style, alone)
    frames = round(stroke.stroke_s * FPS)
    stages = [Stage(apex, frames, STROKE, bounce=1.2 if stroke.strike is None else 0.5)]
    if stroke.strike is None:
        rest = base + stroke.hit * (0.25 * size)
    else:
        # settle a little back and down, as muscles let go
        rest = apex.copy()
        rest[POSITION] += np.array([-0.010, -0.015, -0.015])
    stages.append(Stage(confined(rest, style, alone), 11, HOLD))
    limbs.send(side, frame, tuple(stages))
    return anchor


def _wander(plan: GesturePlan, limbs: Limbs, frame: int, side: int, style: Style) -> None:
    u = plan.draw(random_streams.IDLE, 6)
    target = wandered(plan.anchors[side], u[:5], style)
    limbs.send(side, frame, (Stage(target, 17 + int(14 * u[5]), HOLD),))


def _relax(plan: GesturePlan, limbs: Limbs, frame: int, style: Style, frames: int) -> None:
    """Drop the armed stroke; the hands sink part of the way towards the belly and wait there."""
    plan.armed = -1
    plan.next_stroke = max(plan.next_stroke, frame + 6)
    anchors = list(plan.anchors)
    for side in (LEFT_ARM, RIGHT_ARM):
        if plan.raised[side]:
            anchors[side] = 0.5 * plan.anchors[side] + 0.5 * strokes.READY
            target = confined(scaled(anchors[side], style), style)
            limbs.send(side, frame, (Stage(target, frames, HOLD),))
    plan.anchors = (anchors[0], anchors[1])
    plan.stay = 0


def _retract(plan: GesturePlan, limbs: Limbs, frame: int) -> None:
    """Hands to rest, one a little after the other."""
    u = plan.draw(random_streams.STROKES, 8)
    plan.armed = -1
    for side in (LEFT_ARM, RIGHT_ARM):
        if plan.raised[side]:
            late = int(5 * u[side])
            wait = (Stage(None, late, HOLD),) if late else ()
            rest = rest_pose(u[2 + 3 * side : 5 + 3 * side])
            limbs.send(side, frame, (*wait, Stage(rest, 30 + int(8 * u[1 - side]), RETRACTION, after=REST)))
    plan.raised = (False, False)
    plan.anchors = (strokes.REST, strokes.REST)
    plan.stay = 0
    plan.busy_until = frame + 12
    plan.next_fidget = frame + int(FPS * (4.0 + 4.0 * u[0]))
    plan.posture = np.zeros(3)
    torso.shift(limbs, frame, plan.posture, 45)
    head.settle(limbs, frame)


def _fidget(plan: GesturePlan, limbs: Limbs, frame: int) -> None:
    """A small readjustment of a resting hand and of the stance."""
    u = plan.draw(random_streams.STROKES, 8)
    side = LEFT_ARM if u[0] < 0.5 else RIGHT_ARM
    rest = rest_pose(u[1:4])
    rest[SHAPE] *= 0.8 + 0.4 * u[4]
    limbs.send(side, frame, (Stage(rest, 24, REST, after=REST),))
    torso.shift(limbs, frame, (2.0 * u[5:8] - 1.0) * np.array([0.012, 0.02, 0.015]), 50)
    plan.next_fidget = frame + int(FPS * (4.0 + 6.0 * u[0]))
