"""What the controllers execute: overlapping trajectory windows as one motion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from speech_gesture_pkg.bags.messages import check_span
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.verification.quintic import SampledTrajectory

RATE = 60.0
"""Sampling of the commanded motion, Hz: every knot of a 30 fps generator, and once between."""

SAME_TIME = 1e-6
"""Points of two windows that are nearer than this are one: stamps are rounded to 1 ns, and between points that differ
by rounding alone a polynomial has any acceleration, s."""

_APART = 100.0
"""More than the time between two points of any window, s."""


def execution(windows: Sequence[SampledTrajectory]) -> SampledTrajectory:
    """The pieces that are executed, one after the other: each window from its start until the next one's.

    A newer window that starts no later than an older one replaces it. Where the next window begins between two points,
    a point of the old curve is put there (twice the same time: the end of the old piece and the begin of the new).

    Args:
        windows: of one controller, in the order in which they were sent; at least one.
    """
    last = np.inf
    kept: list[SampledTrajectory] = []
    for window in reversed(windows):
        if window.times[0] < last - SAME_TIME:
            kept.append(window)
            last = float(window.times[0])
    kept.reverse()
    ends = np.array([*(w.times[0] for w in kept[1:]), np.inf])
    counts = [
        max(int(np.searchsorted(w.times, end - SAME_TIME, side="left")), 1) for w, end in zip(kept, ends, strict=True)
    ]
    cut = [i for i, (w, n) in enumerate(zip(kept, counts, strict=True)) if n < len(w.times)]
    joints = dict(zip(cut, _between([kept[i] for i in cut], [counts[i] for i in cut], ends[cut]), strict=True))
    parts: list[tuple[np.ndarray, ...]] = []
    for i, (w, n) in enumerate(zip(kept, counts, strict=True)):
        parts.append((w.times[:n], w.position[:n], w.velocity[:n], w.acceleration[:n]))
        if i in joints:
            parts.append((ends[i : i + 1], *joints[i]))
    return SampledTrajectory(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _between(
    windows: Sequence[SampledTrajectory], counts: Sequence[int], times: np.ndarray
) -> list[tuple[np.ndarray, ...]]:
    """Position, velocity and acceleration [1, J] of each window at one time, between its points count - 1 and count.

    All at once (one call a window would take longer than everything else): the pairs of points are laid out far apart
    on one time axis.
    """
    if not windows:
        return []
    pairs = [np.arange(n - 1, n + 1) for n in counts]
    apart = _APART * np.arange(len(windows))
    own = np.array([w.times[p] for w, p in zip(windows, pairs, strict=True)])
    laid = (apart[:, None] + own - own[:, :1]).ravel()
    curves = [
        np.concatenate([getattr(w, key)[p] for w, p in zip(windows, pairs, strict=True)])
        for key in ("position", "velocity", "acceleration")
    ]
    found = SampledTrajectory(laid, *curves).at(apart + times - own[:, 0])
    return [tuple(c[i : i + 1] for c in found) for i in range(len(windows))]


def commanded(
    windows: Mapping[str, Sequence[SampledTrajectory]], joints: Mapping[str, Sequence[str]], rate: float = RATE
) -> RobotTrajectory:
    """Commanded motion of all controllers from the first window's start to the last one's end.

    Args:
        windows: controller (or topic) -> its windows in the order of sending.
        joints: the same keys -> joint names.
        rate: samples per second.

    Raises:
        InputError: no windows, or they span too many hours.
    """
    runs = {name: execution(pieces) for name, pieces in windows.items() if pieces}
    if not runs:
        raise InputError("there are no trajectory windows")
    begin = min(float(r.times[0]) for r in runs.values())
    end = max(float(r.times[-1]) for r in runs.values())
    check_span("the commanded motion", end - begin)
    grid = begin + np.arange(int((end - begin) * rate + 1e-6) + 1) / rate
    sampled = [_at(run, grid) for run in runs.values()]
    position, velocity, acceleration = (np.concatenate(a, axis=1) for a in zip(*sampled, strict=True))
    names = tuple(j for name in runs for j in joints[name])
    return RobotTrajectory(names, grid, position, velocity, acceleration, rate)


def _at(run: SampledTrajectory, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Position, velocity, acceleration on `grid`; at rest before the begin and after the end."""
    if len(run.times) < 2:
        still = np.repeat(run.position[:1], len(grid), axis=0)
        return still, np.zeros_like(still), np.zeros_like(still)
    position, velocity, acceleration = run.at(grid)
    outside = (grid < run.times[0]) | (grid > run.times[-1])
    velocity[outside] = acceleration[outside] = 0.0
    return position, velocity, acceleration
