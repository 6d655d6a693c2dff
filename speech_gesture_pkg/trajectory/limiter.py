"""One grid step towards the targets, inside all limits: the inner loop of the composer.

What is feasible next, given the last two control points c0, c1 (d = c1 - c0):

    |c - c1| <= step,  |c - c1 - d| <= bend,  lower <= c <= upper,  and the braking tail from c stays in lower..upper

The wanted step is scaled per limb to the velocity limits, then its change is scaled per limb to the acceleration
limits, one factor for all joints of a limb, so that directions are kept. Towards position limits: the first point b of
the present braking tail is always feasible, since the tail behind c1 was; a limb goes to b + s (goal - b) with the
largest s in [0, 1] that can still stop inside. A limb without a usable target goes to b. The speed of hands and elbows
is limited in the same two ways (see `link_speed`).

The goal is the target itself where the limb follows it. A limb that is away from its target (after a jump, or after
targets that were too fast) closes in by the square-root velocity law, discretised so that it lands: with r = the
error in units of the largest second difference, the step u(r) solves u + (u-1) + (u-2) + ... = r, whose next step is
exactly u - 1. One r per limb, the largest of its joints, so the limb moves straight at its target and all joints land
together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.trajectory.braking import braking_steps, next_factor, stop_factor
from speech_gesture_pkg.trajectory.limits import GridLimits
from speech_gesture_pkg.trajectory.link_speed_limiter import hold

HELD = 1e-6
"""A point farther than this from its target was held back by a limit, rad."""
LANDING = 0.6
"""Part of the acceleration limit that the square-root law plans with; the rest is left for the target's own motion."""
SOFT_STOP = 0.9
"""Part of the acceleration limit that is planned with towards a position limit."""
_ROUNDING = 1e-10
"""Overstep of the inner position bounds (rad) that is treated as rounding; the margin of `GridLimits` covers it."""
_FRACTIONS = np.linspace(1.0, 0.0, 17)[:, None]


def landing_fraction(r: np.ndarray) -> np.ndarray:
    """u(r) / r of the discrete square-root law (module docstring); 1 where r <= 1. Any shape."""
    r = np.maximum(r, 1.0)
    whole = np.floor((np.sqrt(1.0 + 8.0 * r) - 1.0) / 2.0)
    return (r + 0.5 * whole * (whole + 1.0)) / ((whole + 1.0) * r)


def target_velocity(change: np.ndarray, known: np.ndarray, grid: GridLimits) -> np.ndarray:
    """The targets' own motion per grid step, as far as a limb could follow it.

    A jump is no motion: the velocity is held inside the limits and grows by at most the acceleration limit per step,
    both per limb. It is exact while the targets are feasible.

    Args:
        change: this target minus the one before. Shape [J].
        known: last step's result. Shape [J].
    """
    change = change / grid.spread(np.maximum(grid.limb_max(np.abs(change) * grid.inverse_step), 1.0))
    turn = change - known
    slowing = np.abs(change) <= np.abs(known)
    sharp = np.maximum(braking_steps(np.where(slowing, 0.0, turn), grid), 1.0)
    return np.where(slowing, change, known + turn / grid.spread(sharp))


@dataclass(frozen=True)
class Step:
    """One grid step.

    Attributes:
        c0, c1: the last two control points, on a polygon whose braking tail is feasible. Shape [J].
        velocity: `target_velocity` at this step. Shape [J].
        target: inside the position bounds; finite (the value does not matter in limbs that are not movable). Shape [J].
        grid: limits.
    """

    c0: np.ndarray
    c1: np.ndarray
    velocity: np.ndarray
    target: np.ndarray
    grid: GridLimits

    def point(self, movable: np.ndarray) -> tuple[np.ndarray, bool]:
        """The next control point [J], and whether some movable limb was held back by a limit.

        Args:
            movable: limbs that may move towards their target; the others brake. Shape [L], bool.
        """
        c1, grid, target = self.c1, self.grid, self.target
        d = c1 - self.c0
        brake = c1 + d * grid.spread(next_factor(braking_steps(d, grid)))

        error = target - c1 - self.velocity
        fraction = landing_fraction(braking_steps(error, grid) / LANDING)
        step = target - c1
        away = fraction < 1.0
        if away.any():
            step = np.where(grid.spread(away), self.velocity + grid.spread(fraction) * error, step)
        fast = grid.limb_max(np.abs(step) * grid.inverse_step)
        if fast.max() > 1.0:
            step = step / grid.spread(np.maximum(fast, 1.0))
        held = away | (fast > 1.0)
        point = self._limited(brake, step, held, movable)
        links = grid.links
        if links is not None and not links.safe(point - c1, c1, braking_steps(point - c1, grid)):
            over = links.excess(c1, step)
            if over.max() > 1.0:
                step = step / grid.spread(np.maximum(over, 1.0))
                point = self._limited(brake, step, held | (over > 1.0), movable)
            point = hold(c1, brake, point, grid, lambda p: bool(_stoppable(c1, p, grid).all()))
        return point, bool((grid.spread(movable) & (np.abs(point - target) > HELD)).any())

    def _limited(self, brake: np.ndarray, step: np.ndarray, held: np.ndarray, movable: np.ndarray) -> np.ndarray:
        """`step` inside the acceleration and position limits; limbs that are not `held` want the target itself."""
        c1, grid = self.c1, self.grid
        d = c1 - self.c0
        turn = step - d
        sharp = braking_steps(turn, grid)
        if sharp.max() > 1.0:
            step = np.where(grid.spread(sharp > 1.0), d + turn / grid.spread(np.maximum(sharp, 1.0)), step)
        held = held | (sharp > 1.0)
        goal = np.where(grid.spread(held), c1 + step, self.target) if held.any() else self.target

        s = movable.astype(float)
        reach = np.where(step > 0, grid.upper - c1, c1 - grid.lower)
        stretch = 1.5 + braking_steps(step, grid) / (2.0 * SOFT_STOP)
        if (np.abs(step) * grid.spread(stretch) > reach).any():
            goal = _soften(c1, d, step, goal, reach, grid)
            s = _largest_stoppable(c1, brake, goal, s, grid)
        return _go(brake, goal, s, grid)


def _soften(
    c1: np.ndarray, d: np.ndarray, step: np.ndarray, goal: np.ndarray, reach: np.ndarray, grid: GridLimits
) -> np.ndarray:
    """The goal with joints that run at a position limit slowed in time, each for itself.

    This is the clipping of targets, with foresight: without it a joint whose target stops at its limit would make the
    whole limb brake. A joint's step is held to the square-root law towards the limit, and to what leaves room for the
    limb's tail.
    """
    unit = SOFT_STOP * grid.bend
    whole = np.maximum(reach, 0.0)
    most = np.minimum(
        whole * landing_fraction(whole / unit),
        whole / (1.0 + grid.spread(stop_factor(braking_steps(step, grid)))),
    )
    slow = np.clip(np.copysign(most, step), d - grid.bend, d + grid.bend)
    return np.where(np.abs(step) > most, c1 + slow, goal)


def _go(brake: np.ndarray, goal: np.ndarray, s: np.ndarray, grid: GridLimits) -> np.ndarray:
    """brake + s * (goal - brake), and exactly the goal where s is 1."""
    if s.min() >= 1.0:
        return goal
    share = grid.spread(s)
    return np.where(share >= 1.0, goal, brake + share * (goal - brake))


def _stoppable(c1: np.ndarray, points: np.ndarray, grid: GridLimits) -> np.ndarray:
    """Whether a point after c1 and its braking tail stay in bounds, per limb. [..., J] -> [..., L]."""
    steps = points - c1
    stops = points + steps * grid.spread(stop_factor(braking_steps(steps, grid)))
    high, low = np.maximum(points, stops), np.minimum(points, stops)
    return grid.limb_max(np.maximum(high - grid.upper, grid.lower - low)) <= _ROUNDING


def _largest_stoppable(
    c1: np.ndarray, brake: np.ndarray, goal: np.ndarray, s: np.ndarray, grid: GridLimits
) -> np.ndarray:
    """The largest share of `s` [L] with which the point and its braking tail stay in bounds, to 1/256 of it, per limb.

    The tail's end is not a convex function of s (the joints of a limb stop together), so it is tried on a grid, from
    the far end; 0 is always feasible.
    """

    if _stoppable(c1, _go(brake, goal, s, grid), grid).all():
        return s
    way = goal - brake
    far, near = s, np.zeros_like(s)
    limb = np.arange(len(s))
    for _ in range(2):
        tries = near + _FRACTIONS * (far - near)
        works = _stoppable(c1, brake + grid.spread(tries) * way, grid)
        works[-1] = True
        best = works.argmax(axis=0)
        far, near = tries[np.maximum(best - 1, 0), limb], tries[best, limb]
    return near
