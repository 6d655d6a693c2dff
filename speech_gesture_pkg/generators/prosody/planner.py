"""Which gesture, with which hand, when: the rule that turns prosody events into stages of the limbs.

While someone speaks the hands wait in gesture space. A stroke is armed ahead of time (the hand is lifted or brought to
the stroke's first pose) when the running interval between accents says that one is due, and it is released by the next
accent, so that only the stroke itself (0.2-0.3 s) lies between hearing the syllable and the apex. Larger gestures are
armed at phrase starts. Without speech for a second the hands retract to rest.
"""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.features.accents import Event
from speech_gesture_pkg.generators.base import Style
from speech_gesture_pkg.generators.prosody import hands, head, random_streams, strokes, torso
from speech_gesture_pkg.generators.prosody import planner_rules as rules
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
from speech_gesture_pkg.generators.prosody.planner_rules import FPS, drawn
from speech_gesture_pkg.generators.prosody.planner_state import BOTH, GesturePlan, Sides
from speech_gesture_pkg.generators.prosody.random_streams import (
    Accent,
    Choice,
    Fidget,
    Look,
    PhraseEnd,
    PhraseStart,
    Retraction,
    Strike,
    Wander,
)

_ENUMERATE = strokes.INDEX["enumerate"]


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
        Chance of a blink now.
    """
    blink = 0.0
    gesturing = min(style.amplitude, style.rate) > rules.LEAST_STYLE
    if plan.quiet >= 0:
        plan.quiet += 1
    for event in events:
        if event.kind == "start":
            plan.quiet = -1
            _start_phrase(plan, limbs, frame, style, gesturing)
        elif event.kind == "end":
            plan.quiet = 0
            _end_phrase(plan, limbs, frame, style)
            blink = rules.BLINK_AT_END
        else:
            _accent(plan, limbs, frame, event.strength, style, gesturing)
    if plan.quiet < 0 and gesturing:
        lead = int(rules.LEAD * accent_gap_s * FPS)
        if plan.armed < 0 and frame >= max(plan.busy_until, plan.next_stroke - lead):
            _choose(plan, limbs, frame, style, at_start=False)
    if plan.armed >= 0 and frame > plan.ready_at + rules.ARMED_FRAMES:
        _relax(plan, limbs, frame, style, rules.RELAX_FRAMES)
    if any(plan.raised) and (plan.quiet > rules.SILENCE_FRAMES or not gesturing):
        _retract(plan, limbs, frame)
    for side in (LEFT_ARM, RIGHT_ARM):
        if plan.raised[side] and plan.armed < 0 and limbs.idle(side, frame):
            _wander(plan, limbs, frame, side, style)
    if not any(plan.raised) and frame >= plan.next_fidget:
        _fidget(plan, limbs, frame)
    if frame >= plan.next_look:
        u = plan.draw(random_streams.HEAD, Look.COUNT)
        wait = drawn(rules.LOOK_WAIT_S if plan.quiet < 0 else rules.LOOK_WAIT_SILENT_S, u[Look.WAIT])
        plan.next_look = frame + int(FPS * wait)
        if head.look(limbs, frame, _gain(style), u[Look.GAZE]) > head.LARGE_SHIFT:
            blink = max(blink, rules.BLINK_WITH_GAZE)
    return blink


def _gain(style: Style) -> float:
    """Size of head and torso motion: grows more slowly than the gestures'."""
    return rules.HEAD_SMALL * min(style.amplitude, 1.0) + rules.HEAD_LARGE * style.amplitude


def _start_phrase(plan: GesturePlan, limbs: Limbs, frame: int, style: Style, gesturing: bool) -> None:
    u = plan.draw(random_streams.TORSO, PhraseStart.COUNT)
    plan.posture = torso.posture(_gain(style), u[PhraseStart.TORSO])
    torso.shift(limbs, frame, plan.posture)
    if u[PhraseStart.TURN_HEAD] < rules.TURN_HEAD_START:
        head.posture(limbs, frame, _gain(style), u[PhraseStart.HEAD])
    if gesturing and frame >= plan.busy_until:
        _choose(plan, limbs, frame, style, at_start=True)


def _end_phrase(plan: GesturePlan, limbs: Limbs, frame: int, style: Style) -> None:
    plan.counted = 0
    u = plan.draw(random_streams.HEAD, PhraseEnd.COUNT)
    if u[PhraseEnd.TURN_HEAD] < rules.TURN_HEAD_END:
        tilt = rules.END_TILT * _sign(u[PhraseEnd.TILT_SIDE]) * _gain(style)
        head.posture(limbs, frame, _gain(style), u[PhraseEnd.HEAD], tilt)
    if any(plan.raised):
        _relax(plan, limbs, frame, style, rules.RELAX_END_FRAMES)


def _sign(chance: float) -> float:
    """Left or right, equally likely."""
    return 1.0 if chance < 0.5 else -1.0


def _accent(plan: GesturePlan, limbs: Limbs, frame: int, strength: float, style: Style, gesturing: bool) -> None:
    u = plan.draw(random_streams.HEAD, Accent.COUNT)
    if u[Accent.NOD] < rules.NOD_LEAST + rules.NOD_PER_STRENGTH * strength:
        head.nod(limbs, frame, strength * _gain(style), u[Accent.NOD_SHAPE])
    if u[Accent.RAISE_BROWS] < rules.BROWS_PER_STRENGTH * strength:
        _raise_brows(limbs, frame, min(1.0, drawn(rules.BROW_HEIGHT, u[Accent.BROW_HEIGHT]) * strength))
    if not gesturing or frame < plan.busy_until:
        return
    early = frame >= plan.next_stroke - rules.EARLY_FRAMES
    if plan.armed < 0 and plan.quiet < 0 and any(plan.raised) and early:
        # an accent before its time: hit at once, with no lift
        _choose(plan, limbs, frame, style, at_start=False, lifted=False)
    # right after a stroke only a clear accent releases the next one
    clear = strength > rules.CLEAR or frame > plan.ready_at + rules.CLEAR_FRAMES
    if plan.armed >= 0 and frame >= plan.armed_at and clear:
        _strike(plan, limbs, frame, strength, style)


def _raise_brows(limbs: Limbs, frame: int, height: float) -> None:
    up, held, down = rules.BROW_FRAMES
    top = np.array([height])
    limbs.send(BROW, frame, (Stage(top, up), Stage(top, held), Stage(np.zeros(1), down)))


def _draw_sides(u: float, now: Sides) -> Sides:
    """Both hands half of the time; else one, and rather the other one than last time."""
    if u < rules.BOTH_HANDS:
        return BOTH
    if now == BOTH:
        return (False, True) if u < rules.OTHER_HAND else (True, False)
    return (now[1], now[0]) if u < rules.OTHER_HAND else now


def _choose(plan: GesturePlan, limbs: Limbs, frame: int, style: Style, at_start: bool, lifted: bool = True) -> None:
    """Arm a stroke: draw it, draw the hands, send them to its preparation."""
    u = plan.draw(random_streams.STROKES, Choice.COUNT)
    continue_count = 0 < plan.counted < rules.FINGERS and plan.stay > 0
    again = plan.repeat >= 0 and lifted and not at_start
    if not (continue_count or again):
        if at_start or u[Choice.CHANGE_HANDS] < rules.CHANGE_HANDS:
            plan.sides = _draw_sides(u[Choice.HANDS], plan.sides)
        plan.counted = 0
    large = u[Choice.LARGE] < (rules.LARGE_AT_START if at_start else rules.LARGE_INSIDE)
    large = large and lifted and frame - plan.last_big > rules.LARGE_GAP_FRAMES
    if continue_count:
        plan.armed = _ENUMERATE
    elif again:
        plan.armed = plan.repeat
    elif large:
        plan.armed = strokes.draw(strokes.PHRASES, u[Choice.STROKE], plan.sides == BOTH)
        plan.last_big = frame
    else:
        kinds = strokes.BEATS if lifted else strokes.UNLIFTED
        plan.armed = strokes.draw(kinds, u[Choice.STROKE], plan.sides == BOTH)
    stroke = strokes.LIBRARY[plan.armed]
    plan.size = drawn(rules.SIZE, u[Choice.SIZE]) * (rules.REPEATED_SIZE if again else 1.0)
    if not again:
        plan.repeat = -1
    _time_preparation(plan, frame, stroke, lifted)
    _place_anchors(plan, u)
    for side in (LEFT_ARM, RIGHT_ARM):
        if plan.sides[side] and lifted:
            target = _prepared(plan, stroke, side, style)
            stages = (*_stagger(side, u[Choice.STAGGER]), Stage(target, plan.ready_at - frame, PREPARATION))
            limbs.send(side, frame, stages)
        elif plan.sides[side]:
            continue
        elif _makes_way(plan) if plan.raised[side] else (at_start and u[Choice.JOIN_LOW] < rules.JOIN_LOW):
            # the other hand makes way for a stroke in front of the body, or comes along to a low resting place
            anchors = (strokes.READY, plan.anchors[1]) if side == LEFT_ARM else (plan.anchors[0], strokes.READY)
            plan.anchors = anchors
            limbs.send(side, frame, (Stage(scaled(strokes.READY, style), rules.READY_FRAMES, PREPARATION),))
            plan.raised = (plan.raised[0] or side == LEFT_ARM, plan.raised[1] or side == RIGHT_ARM)
    plan.raised = (plan.raised[0] or plan.sides[0], plan.raised[1] or plan.sides[1])


def _time_preparation(plan: GesturePlan, frame: int, stroke: strokes.Stroke, lifted: bool) -> None:
    """When the armed stroke's preparation ends, and from when on an accent may release it."""
    frames = round(stroke.prepare_s * FPS) if stroke.prepare is not None else rules.LIFT_FRAMES
    from_rest = any(used and not up for used, up in zip(plan.sides, plan.raised, strict=True))
    if from_rest:
        frames += rules.FROM_REST_FRAMES
    share, whole = rules.RELEASABLE_FROM_REST if from_rest else rules.RELEASABLE
    plan.ready_at = frame + (frames if lifted else 0)
    plan.armed_at = frame + (frames * share // whole if lifted else 0)


def _stagger(side: int, u: float) -> tuple[Stage, ...]:
    """Hands never start on the same frame all the time."""
    late = int(u * (rules.STAGGER_LEFT if side == LEFT_ARM else rules.STAGGER_RIGHT)) % rules.STAGGER_FRAMES
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
        plan.stay = int(rules.STAY_MOST * u[Choice.STAY])
    anchors = list(plan.anchors)
    home = strokes.HOMES[int(u[Choice.HOME] * len(strokes.HOMES))]
    for side in (LEFT_ARM, RIGHT_ARM):
        if not (plan.sides[side] and (fresh or not plan.raised[side])):
            continue
        anchors[side] = fresh_place(np.roll(u[Choice.PLACE], side), home)
    plan.anchors = (anchors[0], anchors[1])


def _prepared(plan: GesturePlan, stroke: strokes.Stroke, side: int, style: Style) -> np.ndarray:
    base = plan.anchors[side] if stroke.prepare is None else stroke.prepare
    out = scaled(base, style) + stroke.lift * (rules.LIFT_SIZE * plan.size * style.amplitude)
    if plan.armed == _ENUMERATE and plan.counted:
        out[SHAPE] = hands.counted(plan.counted)
    return confined(out, style, _makes_way(plan))


def _strike(plan: GesturePlan, limbs: Limbs, frame: int, strength: float, style: Style) -> None:
    """Release the armed stroke: apex, recoil into a hold."""
    stroke = strokes.LIBRARY[plan.armed]
    u = plan.draw(random_streams.STROKES, Strike.COUNT)
    size = plan.size * strength * style.amplitude
    if plan.armed == _ENUMERATE:
        plan.counted += 1
        last = rules.COUNT_LEAST + int(rules.COUNT_MORE * u[Strike.COUNT_ON])
        plan.stay = rules.STAY_COUNTING if plan.counted < last else 0
    frames = round(stroke.stroke_s * FPS)
    anchors = list(plan.anchors)
    for side in (LEFT_ARM, RIGHT_ARM):
        if plan.sides[side]:
            own = size * drawn(rules.HAND_SIZE, u[Strike.SIZE[side]])
            anchors[side] = _hit(plan, limbs, frame, side, stroke, own, style)
        elif plan.raised[side] and u[Strike.JOIN] < rules.JOIN_STROKE and stroke.strike is None:
            # the waiting hand joins in a little
            _hit(plan, limbs, frame, side, strokes.BEATS[0], rules.JOIN_SIZE * size, style)
    plan.anchors = (anchors[0], anchors[1])
    plan.repeat = plan.armed if stroke.repeats and plan.repeat < 0 else -1
    plan.armed = -1
    plan.busy_until = frame + frames + rules.BUSY_FRAMES
    wait = FPS * (drawn(rules.WAIT_S, u[Strike.WAIT]) / max(style.rate, rules.LEAST_RATE))
    hold = 0.0
    if stroke.strike is not None:
        hold = frames + FPS * stroke.hold_s * rules.HOLD_SHARE / max(style.rate, rules.LEAST_HOLD_RATE)
    plan.next_stroke = frame + int(max(wait, hold)) if plan.repeat < 0 else plan.busy_until
    torso.lean(limbs, frame, _gain(style) * strength, stroke.lean, *plan.sides, plan.posture)
    if stroke.brows and u[Strike.RAISE_BROWS] < rules.BROWS_WITH_STROKE:
        _raise_brows(limbs, frame, stroke.brows)
    if stroke.tilt:
        head.posture(limbs, frame, _gain(style), head.STRAIGHT, stroke.tilt * _sign(u[Strike.TILT_SIDE]))


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
    bounce = rules.BOUNCE_BEAT if stroke.strike is None else rules.BOUNCE_LARGE
    stages = [Stage(apex, frames, STROKE, bounce=bounce)]
    if stroke.strike is None:
        rest = base + stroke.hit * (rules.REBOUND * size)
    else:
        rest = apex.copy()
        rest[POSITION] += rules.SETTLE
    stages.append(Stage(confined(rest, style, alone), rules.HOLD_FRAMES, HOLD))
    limbs.send(side, frame, tuple(stages))
    return anchor


def _wander(plan: GesturePlan, limbs: Limbs, frame: int, side: int, style: Style) -> None:
    u = plan.draw(random_streams.IDLE, Wander.COUNT)
    target = wandered(plan.anchors[side], u[Wander.PLACE], style)
    least, more = rules.WANDER_FRAMES
    limbs.send(side, frame, (Stage(target, least + int(more * u[Wander.DURATION]), HOLD),))


def _relax(plan: GesturePlan, limbs: Limbs, frame: int, style: Style, frames: int) -> None:
    """Drop the armed stroke; the hands sink part of the way towards the belly and wait there."""
    plan.armed = -1
    plan.next_stroke = max(plan.next_stroke, frame + rules.RELAX_WAIT_FRAMES)
    anchors = list(plan.anchors)
    for side in (LEFT_ARM, RIGHT_ARM):
        if plan.raised[side]:
            anchors[side] = (1 - rules.RELAXED) * plan.anchors[side] + rules.RELAXED * strokes.READY
            target = confined(scaled(anchors[side], style), style)
            limbs.send(side, frame, (Stage(target, frames, HOLD),))
    plan.anchors = (anchors[0], anchors[1])
    plan.stay = 0


def _retract(plan: GesturePlan, limbs: Limbs, frame: int) -> None:
    """Hands to rest, one a little after the other."""
    u = plan.draw(random_streams.STROKES, Retraction.COUNT)
    plan.armed = -1
    least, more = rules.RETRACT_FRAMES
    for side in (LEFT_ARM, RIGHT_ARM):
        if plan.raised[side]:
            late = int(rules.RETRACT_DELAY_FRAMES * u[Retraction.DELAY[side]])
            wait = (Stage(None, late, HOLD),) if late else ()
            frames = least + int(more * u[Retraction.DURATION[side]])
            rest = Stage(rest_pose(u[Retraction.REST[side]]), frames, RETRACTION, after=REST)
            limbs.send(side, frame, (*wait, rest))
    plan.raised = (False, False)
    plan.anchors = (strokes.REST, strokes.REST)
    plan.stay = 0
    plan.busy_until = frame + rules.RETRACT_BUSY_FRAMES
    plan.next_fidget = frame + int(FPS * drawn(rules.FIDGET_AFTER_S, u[Retraction.NEXT_FIDGET]))
    plan.posture = np.zeros(3)
    torso.shift(limbs, frame, plan.posture, rules.RETRACT_TORSO_FRAMES)
    head.settle(limbs, frame)


def _fidget(plan: GesturePlan, limbs: Limbs, frame: int) -> None:
    """A small readjustment of a resting hand and of the stance."""
    u = plan.draw(random_streams.STROKES, Fidget.COUNT)
    side = LEFT_ARM if u[Fidget.SIDE] < 0.5 else RIGHT_ARM
    rest = rest_pose(u[Fidget.REST])
    rest[SHAPE] *= drawn(rules.FIDGET_FINGERS, u[Fidget.FINGERS])
    limbs.send(side, frame, (Stage(rest, rules.FIDGET_FRAMES, REST, after=REST),))
    stance = (2.0 * u[Fidget.TORSO] - 1.0) * rules.FIDGET_TORSO
    torso.shift(limbs, frame, stance, rules.FIDGET_TORSO_FRAMES)
    plan.next_fidget = frame + int(FPS * drawn(rules.FIDGET_WAIT_S, u[Fidget.NEXT]))
