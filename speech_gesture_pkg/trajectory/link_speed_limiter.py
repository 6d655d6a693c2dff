"""A limit on how fast hands, wrists and elbows move through space, kept together with the limits of the joints.

Between two control points c and c + d a point of the robot moves by |J d|, with its Jacobian J at the poses passed. The
spline's velocity is a convex combination of three successive d / dt, so points that keep |J d| <= speed * dt on every
leg of the control polygon keep the speed on the curve, up to the turn of J within a leg (second order in d;
`link_limit.RESERVE` covers it).

The limit is kept on the braking tail behind a control point, too. Then braking is always a way on that keeps it, and
it cannot be overshot because the joints' acceleration limits come first: the same argument as for position limits (see
`limiter.Step`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from speech_gesture_pkg.trajectory.braking import tail_points
from speech_gesture_pkg.trajectory.limits import GridLimits
from speech_gesture_pkg.trajectory.link_speed_limit import LinkGrid

_HALVINGS = 4
_LONGEST = 48
"""Most legs of a braking tail that are tried; of longer ones, an even choice."""


def hold(
    c1: np.ndarray, brake: np.ndarray, point: np.ndarray, grid: GridLimits, fits: Callable[[np.ndarray], bool]
) -> np.ndarray:
    """`point`, or as much of the way to it from `brake` as keeps the speed with the tail behind it, limb by limb.

    Args:
        c1: the last control point. Shape [J].
        brake: first point of its braking tail, which is always allowed. Shape [J].
        point: the point that all other limits allow. Shape [J].
        grid: the limits.
        fits: whether a point keeps the position limits with its tail.
    """
    links = grid.links
    if links is None:
        return point
    over = _over(c1, point, links, grid)
    if not over.any():
        return point
    everything = np.ones(links.moves.shape[1], bool)
    for limbs in (links.own[over].any(0), links.moves[over].any(0), everything):
        slowed = grid.spread(limbs)

        def allowed(share: float, slowed: np.ndarray = slowed) -> np.ndarray | None:
            tried = np.where(slowed, brake + share * (point - brake), point)
            return tried if fits(tried) and not _over(c1, tried, links, grid).any() else None

        best = allowed(0.0)
        if best is None:
            continue
        near, far = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = 0.5 * (near + far)
            tried = allowed(middle)
            near, far = (near, middle) if tried is None else (middle, far)
            best = best if tried is None else tried
        return best
    return brake


def _over(c1: np.ndarray, point: np.ndarray, links: LinkGrid, grid: GridLimits) -> np.ndarray:
    """Which points would be too fast between c1 and `point` or on the tail behind it. Shape [P], bool."""
    legs = np.concatenate([c1[None], point[None], tail_points(point, point - c1, grid)[:-2]])
    steps = np.diff(legs, axis=0)
    fast = np.flatnonzero(links.bounds(steps).max(1) > links.step)
    if len(fast) > _LONGEST:
        fast = fast[np.linspace(0, len(fast) - 1, _LONGEST).round().astype(np.intp)]
    # Each leg at its end, the first at its beginning, too: the legs of a tail shrink.
    poses = np.concatenate([legs[:1], legs[fast + 1]])
    along = np.concatenate([steps[:1], steps[fast]])
    return np.asarray((links.limit.speeds(poses, along) > links.step * (1.0 + 1e-9)).any(0))
