"""Measured joint motion from JointState messages, which may name all joints or some, with or without stamps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class JointPositions(NamedTuple):
    """Names, times [T] in s, and positions [T, J] in rad or m."""

    names: tuple[str, ...]
    time: np.ndarray
    position: np.ndarray


def joint_positions(
    stamps: Sequence[float], states: Sequence[tuple[tuple[str, ...], Sequence[float]]]
) -> tuple[JointPositions | None, str]:
    """Motion of every joint that was measured throughout, on the time grid of the messages that come most often.

    Messages that name the same joints belong together; where drivers publish groups of joints in messages of their own,
    each group is interpolated linearly.

    Args:
        stamps: s.
        states: joint names and positions of each message, rad or m.

    Returns:
        The motion, None if there are not two messages; and a sentence on what was left out, '' if nothing was.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    bad = 0
    for i, (names, place) in enumerate(states):
        if len(place) != len(names) or not np.isfinite(place).all():
            bad += 1
        else:
            groups.setdefault(tuple(names), []).append(i)
    problem = f"{bad} messages without a finite position for each name are left out" if bad else ""
    groups = {names: index for names, index in groups.items() if len(index) > 1}
    if not groups:
        return None, problem
    series = {}
    for names, index in groups.items():
        times, first = np.unique([stamps[i] for i in index], return_index=True)
        if len(times) > 1:
            series[names] = times, np.array([states[index[k]][1] for k in first], float)
    if not series:
        return None, problem or "all messages have the same time stamp"
    main = max(series, key=lambda names: len(series[names][0]))
    grid = series[main][0]
    position: dict[str, np.ndarray] = {}
    for names, (times, values) in sorted(series.items(), key=lambda item: item[0] != main):
        if names == main or (times[0] <= grid[-1] and times[-1] >= grid[0]):
            for j, name in enumerate(names):
                position.setdefault(name, values[:, j] if names == main else np.interp(grid, times, values[:, j]))
    return JointPositions(tuple(position), grid, np.stack(list(position.values()), axis=1)), problem
