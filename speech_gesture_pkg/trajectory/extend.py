"""Targets to control points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.trajectory.collision_check import Distance, first_blocked, way_out
from speech_gesture_pkg.trajectory.limiter import Step, target_velocity
from speech_gesture_pkg.trajectory.state import ComposerState, Counts

_LONGEST_GAP = 5
_CHECK_AHEAD = 16


def extend(
    state: ComposerState, targets: np.ndarray, distance: Distance | None = None, margin: float = 0.0
) -> ComposerState:
    """Append one control point per target.

    A control point is its target where that keeps all limits; else each limb goes as far towards it as the limits
    allow, all joints in proportion (see `limiter`). Targets are clipped to the position limits. A limb with a target
    that is not finite brakes.

    With `distance`, each new control point and its braking tail must keep `margin` (or, where the margin is already
    lost, must not come closer). If not, the fewest limbs that solve it brake; if none do, all brake on the old tail,
    which was checked. The curve runs within bend/6 of its control points; let `margin` cover that (about 2 mrad of
    joint motion at 10 rad/s^2 and 30 Hz).

    Args:
        targets: joint positions for `next_time(state)` and the grid times after it. Shape [N, J].
        distance: smallest distance between bodies for joint positions [K, J] -> [K], m, negative when they overlap.
            Called once for up to 16 targets (fewer after a blocked one), and twice more for each blocked step.
        margin: distance that must be kept, m.
    """
    targets = np.asarray(targets, float)
    grid = state.rules
    if targets.ndim != 2 or targets.shape[1] != len(grid.lower):
        raise InputError(f"targets have shape {targets.shape}; they must be [N, {len(grid.lower)}]")
    if not len(targets):
        return state
    finite = np.isfinite(targets)
    if finite.all():
        movable = np.ones((len(targets), len(grid.limits.limbs)), bool)
        known = np.clip(targets, grid.lower, grid.upper)
    else:
        movable = grid.limb_min(finite.astype(float)) > 0
        known = np.where(finite, np.clip(targets, grid.lower, grid.upper), np.nan)
    runner = _Run(state, known, movable)
    done, reach = 0, _CHECK_AHEAD
    while done < len(targets):
        ahead = len(targets) if distance is None else min(done + reach, len(targets))
        runner.run(done, ahead)
        if distance is None:
            break
        blocked = first_blocked(runner.points[: runner.start + ahead], runner.start + done, distance, margin, grid)
        if blocked is None:
            done, reach = ahead, min(2 * reach, _CHECK_AHEAD)
            continue
        done = blocked - runner.start
        reach = 1  # what lies behind a blocked step is in vain, and the next one is likely to be blocked, too
        free = way_out(runner.at(done), movable[done], distance, margin)
        runner.redo(done, free)
        done += 1
    return runner.state()


class _Run:
    """Working arrays of one `extend`: control points, and the targets' velocity at each of them."""

    def __init__(self, state: ComposerState, targets: np.ndarray, movable: np.ndarray) -> None:
        count, joints = targets.shape
        self.base, self.grid = state, state.rules
        self.start = len(state.points)
        self.points = np.empty((self.start + count, joints))
        self.points[: self.start] = state.points
        self.movable = movable
        self.limited = np.zeros(count, bool)
        self.blocked = 0
        self.targets = targets
        self.velocity = self._velocities(state, targets)
        # Where there is no target the limb does not move towards it; any finite number serves.
        self.goals = targets if movable.all() else np.where(np.isnan(targets), 0.0, targets)

    def _velocities(self, state: ComposerState, targets: np.ndarray) -> np.ndarray:
        change = np.diff(targets, axis=0, prepend=state.target[None])
        if state.gap:
            change[0] = change[0] / (1 + state.gap) if state.gap <= _LONGEST_GAP else np.nan
        unknown = np.isnan(change)
        change[unknown] = 0.0
        velocity = np.empty_like(change)
        known = state.target_velocity
        for i, row in enumerate(change):
            velocity[i] = target_velocity(row, known, self.grid)
            velocity[i, unknown[i]] = 0.0
            known = velocity[i]
        return velocity

    def run(self, begin: int, end: int) -> None:
        for i in range(begin, end):
            self._step(i, self.movable[i])

    def _step(self, i: int, movable: np.ndarray) -> None:
        n = self.start + i
        self.points[n], self.limited[i] = self.at(i).point(movable)

    def at(self, i: int) -> Step:
        n = self.start + i
        return Step(self.points[n - 2], self.points[n - 1], self.velocity[i], self.goals[i], self.grid)

    def redo(self, i: int, movable: np.ndarray) -> None:
        self._step(i, movable)
        self.limited[i] = True
        self.blocked += 1

    def state(self) -> ComposerState:
        counts, count = self.base.counts, len(self.targets)
        braked = int((~self.movable.all(axis=1)).sum())
        return replace(
            self.base,
            points=self.points,
            target=self.targets[-1],
            target_velocity=self.velocity[-1],
            gap=0,
            counts=Counts(
                counts.steps + count,
                counts.limited + int(self.limited.sum()),
                counts.braked + braked,
                counts.blocked + self.blocked,
            ),
        )
