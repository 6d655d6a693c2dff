"""How a robot followed what it was commanded, from a recorded bag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech_gesture_pkg.bags.messages import BagMessage, nanoseconds, on_one_clock, read_bag, stamp_seconds
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.verification.bag_windows import JOINT_STATE, TRAJECTORY, Windows, reference
from speech_gesture_pkg.verification.quintic import SampledTrajectory

TIME_TOLERANCE = 0.002
"""A position counts as reached if it was commanded within this time, s: two cycles of a 1 kHz controller."""

JERK_RATE = 30.0
"""Sampling for jerk, Hz: the rate of the reference's knots (finer would see the time stamps jitter)."""


@dataclass(frozen=True)
class Tracking:
    """How the robot followed what was commanded.

    Attributes:
        error: largest distance of a measured position from what was commanded within `TIME_TOLERANCE`, rad.
        error_now: largest difference between measured and commanded position at the same time, rad.
        delay: time shift that explains the motion best, of the controller where it is largest (positive = the robot
            is late), s.
        jerk_ratio: rms jerk of the measured over that of the commanded motion, largest over controllers.
    """

    error: float
    error_now: float
    delay: float
    jerk_ratio: float


def check_tracking(bag: str | Path, state_topic: str = "/joint_states") -> Tracking:
    """Compare joint states with the reference that the windows make together.

    Raises InputError if either is missing.
    """
    windows, states = Windows(), list[BagMessage]()
    for message in read_bag(bag, types=(TRAJECTORY, JOINT_STATE)):
        if message.type_name == TRAJECTORY:
            windows.add(message)
        elif message.topic == state_topic:
            states.append(message)
    windows.settle()
    kept = on_one_clock([stamp_seconds(m.data.header.stamp) for m in states], [m.received for m in states])
    states = [m for m, keep in zip(states, kept, strict=True) if keep]
    if not windows.sent or len(states) < 10:
        raise InputError(f"{bag} lacks trajectories or joint states on {state_topic}: tracking cannot be judged")
    found = []
    for topic, pieces in windows.sent.items():
        times, positions = _measured(states, windows.joints[topic], windows.epoch)
        inside = (times > pieces[0].times[0] + 0.1) & (times < pieces[-1].times[0])
        if inside.sum() >= 10:
            found.append(_compare(pieces, times[inside], positions[inside]))
    if not found:
        raise InputError(f"{bag}: joint states and trajectories hardly overlap in time: tracking cannot be judged")
    return Tracking(
        max(f.error for f in found),
        max(f.error_now for f in found),
        max((f.delay for f in found), key=abs),
        max(f.jerk_ratio for f in found),
    )


def _measured(states: Sequence[BagMessage], joints: list[str], epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Times [T] and positions [T, J] of the messages that hold all of these joints, in order of time."""
    columns: dict[tuple[str, ...], list[int] | None] = {}
    rows: dict[float, np.ndarray] = {}
    for message in states:
        names = tuple(message.data.name)
        if names not in columns:
            columns[names] = [names.index(j) for j in joints] if set(joints) <= set(names) else None
        chosen = columns[names]
        if chosen is None or len(message.data.position) != len(names):
            continue
        row = np.asarray(message.data.position, float)[chosen]
        if np.isfinite(row).all():
            rows[(nanoseconds(message.data.header.stamp) - epoch) * 1e-9] = row
    times = sorted(rows)
    return np.array(times), np.array([rows[t] for t in times]).reshape(len(times), len(joints))


def _compare(pieces: list[SampledTrajectory], t: np.ndarray, q: np.ndarray) -> Tracking:
    shifts = np.linspace(-TIME_TOLERANCE, TIME_TOLERANCE, 9)
    references = np.stack([reference(pieces, t + s)[0] for s in shifts])
    now = references[len(shifts) // 2]
    outside = np.maximum(q - references.max(axis=0), references.min(axis=0) - q)
    speed = (references[-1] - references[0]) / (2 * TIME_TOLERANCE)
    power = float((speed * speed).sum())
    delay = -float((speed * (q - now)).sum()) / power if power > 1e-6 else 0.0
    ratio = _rms_jerk(t, q) / max(_rms_jerk(t, now), 1e-9)
    return Tracking(float(outside.max(initial=0.0)), float(np.abs(q - now).max()), delay, ratio)


def _rms_jerk(t: np.ndarray, q: np.ndarray) -> float:
    """Root mean square of the third difference quotient at `JERK_RATE`, rad/s^3."""
    grid = np.arange(t[0], t[-1], 1 / JERK_RATE)
    even = np.stack([np.interp(grid, t, column) for column in q.T], axis=1)
    return float(np.sqrt(np.mean((np.diff(even, 3, axis=0) * JERK_RATE**3) ** 2)))
