"""Control points to windows: what is frozen, what is sent, and the braking tail behind it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from speech_gesture_pkg.trajectory import bspline
from speech_gesture_pkg.trajectory.braking import braking_steps, tail_points
from speech_gesture_pkg.trajectory.state import ComposerState, Window, cut, finite

HISTORY = 2.0
"""Seconds of past motion that a state keeps for `positions_at`."""
TRANSPORT = 0.012
"""A window is on its way for less than this, s, or the machine is overloaded."""
MIN_STEP = 0.005
"""Points of a window are at least so far apart, s."""
HORIZON = 2.0
"""Longest motion in a published window ahead of its braking tail, s."""


def tail(state: ComposerState) -> np.ndarray:
    """The control points that would follow if no further target came, until rest. Shape [K, J], K >= 2."""
    return tail_points(state.points[-1], state.points[-1] - state.points[-2], state.rules)


def time_to_rest(state: ComposerState) -> float:
    """Seconds from the last control point's grid time to rest, if no further target came."""
    steps = braking_steps(state.points[-1] - state.points[-2], state.rules)
    return float(np.floor(steps.max()) + 1) * state.dt


def stop_point(state: ComposerState) -> np.ndarray:
    """Where the joints come to rest, if no further target came. Shape [J]."""
    return tail(state)[-1]


def at_rest(state: ComposerState, target: np.ndarray | None = None) -> bool:
    """Whether the reference ends at rest, and (if given) within 1e-6 of `target` [J], clipped to the limits.

    NaN in `target` means no target for that joint.
    """
    if (state.points[-3:] != state.points[-1]).any():
        return False
    if target is None:
        return True
    away = np.abs(np.clip(target, state.rules.lower, state.rules.upper) - state.points[-1])
    return not bool((away > 1e-6).any())


def commit(state: ComposerState, now: float, lead: float) -> ComposerState:
    """Freeze what shapes the curve up to the first knot at or after now + lead.

    What the controllers execute until then was sent before: control points of the last published window, then its
    braking tail. Where the state differs (targets came late, or were discarded and nothing was sent since) it
    follows what was sent, and the targets behind are dropped. Old control points are dropped, too.
    """
    index = _first_knot(state, now, lead)
    need = index + 1
    state = _as_executed(state, need)
    missing = need - state.last_index
    keep = math.ceil(HISTORY / state.dt) + 2
    if missing > 0:
        counts = state.counts
        if not at_rest(state):  # standing still for lack of targets is no fault
            counts = replace(counts, steps=counts.steps + missing, braked=counts.braked + missing)
        state = replace(_append(state, tail(state), missing, keep), gap=state.gap + missing, counts=counts)
    oldest = min(index, math.floor((now - state.grid) / state.dt)) - keep
    if oldest > state.first:
        state = replace(state, first=oldest, points=state.points[oldest - state.first :].copy())
    if state.sent is not None and need > state.sent:
        state = _remember(state, need)
    return replace(state, frozen=max(state.frozen, need))


def _as_executed(state: ComposerState, need: int) -> ComposerState:
    """The state with the control points that were sent, as far as `need`, where its own differ."""
    if state.sent is None or state.sent_points is None or need <= state.frozen:
        return state
    begin, end = state.frozen + 1, min(need, state.sent)
    own = state.points[begin - state.first : end - state.first + 1]
    executed = state.sent_points[begin - state.sent_first : end - state.sent_first + 1]
    behind = need > state.sent and state.last_index > state.sent
    if np.array_equal(own, executed) and not behind:
        return state
    state = cut(state, state.frozen)
    return replace(state, points=np.concatenate([state.points, executed]))


def _remember(state: ComposerState, end: int) -> ComposerState:
    """The state in which the control points up to grid index `end` are what the controllers execute."""
    return replace(state, sent_first=state.first, sent_points=state.points[: end - state.first + 1])


def _append(state: ComposerState, more: np.ndarray, missing: int, keep: int) -> ComposerState:
    """`missing` control points of the tail `more`, then of the hold behind it."""
    hold = missing - len(more)
    if hold <= 0:
        return replace(state, points=np.concatenate([state.points, more[:missing]]))
    rest = np.repeat(more[-1:], min(hold, keep), axis=0)
    last = state.last_index + missing
    if hold > keep:  # a long pause: the past is all hold
        return replace(state, points=rest, first=last - len(rest) + 1)
    return replace(state, points=np.concatenate([state.points, more, rest]))


def discard(state: ComposerState) -> ComposerState:
    """Without the targets that are not frozen (barge-in, pause, fault).

    The controllers go on executing what was sent until the next `publish`; a `commit` before that takes it back in.
    """
    return cut(state, state.frozen)


def publish(
    state: ComposerState,
    now: float,
    lead: float,
    min_length: float = 0.4,
    horizon: float = HORIZON,
    past: float = 0.0,
) -> tuple[ComposerState, Window]:
    """The window to send now, and the state that knows what was sent.

    Args:
        now: time of sending, s.
        lead: what is new in the window starts at the first knot at or after now + lead; longer than the worst latency,
            s.
        min_length: shortest motion behind that, s (padded with hold points).
        horizon: targets further ahead than this are left for later windows, s.
        past: the window begins so long before `now`, s, with what was sent before: a controller that takes it up is
            between two of its points from the first cycle on, and goes on exactly as before, whatever state it thinks
            it is in. 0 = it begins where it is new. Motion that has not begun yet (see `start`) has no past.
    """
    state = commit(state, now, lead)
    index = _first_knot(state, now, lead)
    ahead = state.last_index if math.isinf(horizon) else index + math.ceil(horizon / state.dt)
    end = min(max(index + 1, state.frozen, ahead), state.last_index)
    begin = index if past <= 0.0 else _knot_before(state, now - past, index)
    return _remember(state, end), _window(state, index, end, min_length, begin, now + lead - TRANSPORT)


def window(state: ComposerState, now: float, lead: float, min_length: float = 0.4) -> Window:
    """The window from the first knot at or after now + lead to rest, over all control points (see `publish`).

    A window that is sent this way is not remembered: keep to the order commit, extend, window with the same `now`.
    """
    state = commit(state, now, lead)
    index = _first_knot(state, now, lead)
    return _window(state, index, state.last_index, min_length, index, now + lead - TRANSPORT)


def _knot_before(state: ComposerState, time: float, index: int) -> int:
    """Grid index of the last knot at or before `time`, as far back as the state knows; not behind `index`."""
    return min(max(math.floor((time - state.grid) / state.dt + 1e-6), state.first + 1), index)


def _window(state: ComposerState, index: int, end: int, min_length: float, begin: int, send_by: float) -> Window:
    points = state.points[begin - 1 - state.first : end - state.first + 1]
    points = np.concatenate([points, tail_points(points[-1], points[-1] - points[-2], state.rules)])
    shortest = math.ceil(finite("min_length", min_length) / state.dt) + 3 + index - begin
    if len(points) < shortest:
        points = np.concatenate([points, np.repeat(points[-1:], shortest - len(points), axis=0)])
    position, velocity, acceleration = bspline.at_knots(points, state.dt)
    times = np.arange(len(position)) * state.dt
    return Window(state.time_of(begin), times, position, velocity, acceleration, state.rules.joint_names, send_by)


def ahead_of(state: ComposerState, window: Window, begin: float) -> Window:
    """The part of `window` from time `begin` on.

    For controllers that bridge from the state that they think they are in to the first point: that is the point at
    `begin` itself, not the next knot, so that the bridge is short.
    """
    step = state.dt
    first = max(math.ceil((begin - window.stamp) / step - 1e-6), 0)
    position, velocity, acceleration = (x[first:] for x in (window.position, window.velocity, window.acceleration))
    times, knot = np.arange(len(position)) * step, window.stamp + first * step
    ahead = knot - begin
    if MIN_STEP < ahead <= step and begin >= state.time_of(state.first + 1):
        # Only the four control points round it: the spline is local.
        index = max(int((begin - state.time_of(state.first)) / step) - 1, 0)
        near = state.points[index : index + 5]
        p, v, a = bspline.at_times(near, step, np.array([begin - state.time_of(state.first + index)]))
        position, velocity = np.concatenate([p, position]), np.concatenate([v, velocity])
        acceleration, times, knot = np.concatenate([a, acceleration]), np.concatenate([[0.0], times + ahead]), begin
    return Window(knot, times, position, velocity, acceleration, window.joint_names, window.send_by)


def positions_at(state: ComposerState, times: np.ndarray | float) -> np.ndarray:
    """Position of the reference, for reporting and tracking errors.

    Args:
        times: on the caller's clock, s; held at the ends (about 2 s back; the end of the tail). Shape [N] or a number.

    Returns:
        shape [N, J], or [J] for a number.
    """
    since = np.asarray(times, float) - state.time_of(state.first)
    points, last = state.points, since.max(initial=0.0) / state.dt
    if not last < len(points) - 3:
        points = np.concatenate([points, tail(state)])
    position = bspline.positions_at_times(points, state.dt, np.atleast_1d(since))
    return position if since.ndim else position[0]


def _first_knot(state: ComposerState, now: float, lead: float) -> int:
    """Grid index of the first knot at or after now + lead (1e-6 of a step counts as at), not before the kept past."""
    index = math.ceil((finite("now", now) + finite("lead", lead) - state.grid) / state.dt - 1e-6)
    return max(index, state.first + 1)
