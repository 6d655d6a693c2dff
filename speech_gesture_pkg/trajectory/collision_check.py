"""Self-collision in the composer: new control points and their braking tails must keep a distance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from speech_gesture_pkg.trajectory.braking import braking_steps, tail_points
from speech_gesture_pkg.trajectory.limiter import Step
from speech_gesture_pkg.trajectory.limits import GridLimits

Distance = Callable[[np.ndarray], np.ndarray]
"""Smallest distance between bodies in metres (negative: overlap) for joint positions. [N, J] -> [N]."""

SAMPLE_SPACING = 0.08
"""Joint motion between two samples of a braking tail, rad (at most 6 samples per tail)."""
_NO_CLOSER = 1e-9


def tail_samples(point: np.ndarray, step: np.ndarray, grid: GridLimits) -> np.ndarray:
    """`point` and samples of the braking tail behind it, the end included. Shape [1..7, J]."""
    if braking_steps(step, grid).max() < 1.0:
        return point[None]
    tail = tail_points(point, step, grid)[:-2]
    count = int(np.clip(np.ceil(np.abs(tail[-1] - point).max() / SAMPLE_SPACING), 1, 6))
    chosen = np.linspace(0, len(tail), count + 1).round().astype(np.intp)[1:] - 1
    return np.concatenate([point[None], tail[chosen]])


def first_blocked(points: np.ndarray, begin: int, distance: Distance, margin: float, grid: GridLimits) -> int | None:
    """Index of the first of `points[begin:]` that may not be commanded, or None. One call of `distance`, rarely two.

    A point is free if it and its tail keep `margin`, or, where its predecessor has lost the margin already, if they
    come no closer than the predecessor. A distance that is NaN is not free.
    """
    groups = [tail_samples(points[n], points[n] - points[n - 1], grid) for n in range(begin, len(points))]
    values = np.asarray(distance(np.concatenate(groups)), float)
    starts = np.cumsum([0] + [len(g) for g in groups[:-1]])
    closest = np.minimum.reduceat(values, starts)
    if (closest >= margin).all():
        return None
    before = np.concatenate([distance(points[begin - 1 : begin]), values[starts[:-1]]])
    floor = np.minimum(margin, before - _NO_CLOSER)
    blocked = np.flatnonzero(~(closest >= floor))
    return begin + int(blocked[0]) if len(blocked) else None


def way_out(step: Step, movable: np.ndarray, distance: Distance, margin: float) -> np.ndarray:
    """Which limbs may still move when moving all of them is blocked: all but one if that is free, else one, else none.

    Args:
        step: that is blocked.
        movable: limbs that have a target. Shape [L], bool.
        distance, margin: as for `extend.extend`; one call.

    Returns:
        Shape [L], bool.
    """
    if not movable.any():
        return movable
    single = np.eye(len(movable), dtype=bool)[movable]
    choices = np.unique(np.concatenate([movable & ~single, single]), axis=0)
    choices = choices[np.argsort(-choices.sum(axis=1), kind="stable")]
    groups = [step.c1[None]]
    for choice in choices:
        point, _ = step.point(choice)
        groups.append(tail_samples(point, point - step.c1, step.grid))
    values = np.asarray(distance(np.concatenate(groups)), float)
    starts = np.cumsum([0] + [len(g) for g in groups[:-1]])
    closest = np.minimum.reduceat(values, starts)[1:]
    free = np.flatnonzero(closest >= np.minimum(margin, values[0] - _NO_CLOSER))
    return choices[free[0]] if len(free) else np.zeros_like(movable)
