"""What the robot did: limits, smoothness, directions, palms, clearance, latency, motion while speaking.

The functions take arrays; who measures them (URDF, forward kinematics, a bag) stands above this layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.beats import STILL_SPEED, central_speed
from speech_gesture_pkg.lab.metrics.result import finite, frames

AT_LIMIT = 0.01
"""A joint is at its limit within this share of its range (position) or of its limit (rates)."""


@dataclass(frozen=True)
class LimitUse:
    """Share of samples (frames x joints) at and beyond a limit, percent."""

    at: float
    over: float


def position_limit_use(position: np.ndarray, lower: np.ndarray, upper: np.ndarray, tolerance: float = 1e-6) -> LimitUse:
    """Samples within 1 % of the range of a position limit, and beyond it.

    Args:
        position: rad or m. Shape [T, J].
        lower, upper: limits, rad or m; infinite for continuous joints. Shape [J].
        tolerance: beyond this a limit is broken, rad or m (rounding of messages).

    Returns:
        Percent of the T x J samples; `at` includes `over`.
    """
    q = frames("joint positions", position, 2, 1)
    lower, upper = np.asarray(lower, float), np.asarray(upper, float)
    if lower.shape != (q.shape[1],) or upper.shape != lower.shape:
        raise InputError(f"limits have shapes {lower.shape} and {upper.shape}; one number per joint, ({q.shape[1]},)")
    if not (lower < upper).all():
        raise InputError("a lower position limit is not below the upper one, or NaN")
    bounded = np.isfinite(upper - lower)
    margin = np.where(bounded, AT_LIMIT * np.where(bounded, upper - lower, 0.0), 0.0)
    room = np.minimum(q - lower, upper - q)
    return LimitUse(100.0 * float((room <= margin).mean()), 100.0 * float((room < -tolerance).mean()))


def rate_limit_use(rate: np.ndarray, limit: np.ndarray, tolerance: float = 1e-4) -> LimitUse:
    """Samples whose |velocity| or |acceleration| is at 99 % of its limit, and beyond it.

    Args:
        rate: rad/s or rad/s^2 (m for prismatic joints). Shape [T, J].
        limit: positive. Shape [J].
        tolerance: relative; beyond it a limit is broken (windows that overlap carry stamps rounded to 1 ns: a curve
            between two points that lie 1 ms apart has its acceleration to some 1e-6).

    Returns:
        Percent of the T x J samples; `at` includes `over`.
    """
    v = frames("joint rates", rate, 2, 1)
    limit = np.asarray(limit, float)
    if limit.shape != (v.shape[1],) or not (limit > 0.0).all():
        raise InputError(f"rate limits have shape {limit.shape}; one positive number per joint, ({v.shape[1]},)")
    share = np.abs(v) / limit
    return LimitUse(100.0 * float((share >= 1.0 - AT_LIMIT).mean()), 100.0 * float((share > 1.0 + tolerance).mean()))


def joint_use(
    names: Sequence[str],
    position: np.ndarray,
    velocity: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    limit: np.ndarray,
) -> list[dict[str, Any]]:
    """How much of its range and of its velocity limit each joint uses; plain values for a report.

    Args:
        names: of the J joints.
        position: rad or m. Shape [T, J].
        velocity: rad/s or m/s. Shape [T, J].
        lower, upper: position limits; infinite for continuous joints. Shape [J].
        limit: of velocity. Shape [J].

    Returns:
        Per joint: name; low, high (least and greatest position); lower, upper (None if infinite); at_limit (percent of
        samples within 1 % of the range of a limit); speed_p99, speed_max (share of the velocity limit).
    """
    q, v = frames("joint positions", position, 2, 1), frames("joint velocities", velocity, 2, 1)
    if not q.shape[1] == v.shape[1] == len(names):
        raise InputError(f"there are {len(names)} joint names for {q.shape[1]} positions and {v.shape[1]} velocities")
    share = np.abs(v) / np.asarray(limit, float)
    found = []
    for j, name in enumerate(names):
        ends = [float(e) if np.isfinite(e) else None for e in (lower[j], upper[j])]
        use = position_limit_use(q[:, [j]], np.asarray(lower)[[j]], np.asarray(upper)[[j]])
        found.append(
            {
                "name": name,
                "low": float(q[:, j].min()),
                "high": float(q[:, j].max()),
                "lower": ends[0],
                "upper": ends[1],
                "at_limit": use.at,
                "speed_p99": float(np.percentile(share[:, j], 99)),
                "speed_max": float(share[:, j].max()),
            }
        )
    return found


def joint_jerk_rms(position: np.ndarray, time: np.ndarray, rate: float = 30.0) -> float:
    """Root mean square jerk of joint positions: third difference quotient, on a grid of `rate` Hz by interpolation.

    The grid makes figures of trajectories and of joint states of any rate comparable, and keeps the jitter of time
    stamps out.

    Args:
        position: rad. Shape [T, J].
        time: s, increasing. Shape [T].
        rate: Hz.

    Returns:
        rad/s^3, over all joints and frames.
    """
    q = frames("joint positions", position, 2, 4)
    t = finite("time", time, 1)
    if len(t) != len(q) or (np.diff(t) <= 0).any():
        raise InputError(f"time has {len(t)} entries for {len(q)} samples, or does not increase")
    grid = t[0] + np.arange(int((t[-1] - t[0]) * rate + 1e-6) + 1) / rate
    if len(grid) < 4:
        raise InputError(f"the motion lasts {t[-1] - t[0]:.3f} s; jerk at {rate:g} Hz needs at least {3 / rate:.3f} s")
    even = np.stack([np.interp(grid, t, column) for column in q.T], axis=1)
    return float(np.sqrt(((np.diff(even, 3, axis=0) * rate**3) ** 2).mean()))


def angle_error(robot: np.ndarray, human: np.ndarray) -> np.ndarray:
    """Angle between directions, degrees: of upper arms and forearms (direction error) or of palm normals (palm error).

    Args:
        robot: any length but zero, in one frame with `human`. Shape [..., 3].
        human: the same shape.

    Returns:
        In [0, 180]. Shape [...]. Exact near 0 and 180 (arctangent of sine and cosine).
    """
    a, b = finite("robot directions", robot), finite("human directions", human)
    if a.shape != b.shape or a.shape[-1:] != (3,) or a.size == 0:
        raise InputError(f"directions have shapes {a.shape} and {b.shape}; both must be [..., 3] and not empty")
    if not (np.linalg.norm(a, axis=-1).all() and np.linalg.norm(b, axis=-1).all()):
        raise InputError("a direction has length zero; its angle is not defined")
    sine = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.rad2deg(np.arctan2(sine, (a * b).sum(axis=-1)))


def tracking_error(largest: float) -> float:
    """Largest distance of a measured joint position from what was commanded within 2 ms around it (two cycles of a
    1 kHz controller)."""
    return largest


def tracking_delay(delay: float) -> float:
    """The shift in time by which the measured motion matches the commanded one best; of the controller where it is
    largest."""
    return delay


def collision_share(distance: np.ndarray) -> float:
    """Share of samples in self-collision, percent: clearance (m, shape [T]) below 0."""
    return 100.0 * float((frames("clearance", distance, 1, 1) < 0.0).mean())


@dataclass(frozen=True)
class Latency:
    """Percentiles of latency, s."""

    p50: float
    p99: float


def latency_percentiles(latency: np.ndarray) -> Latency:
    """Percentiles (linear interpolation) of latencies in s. Shape [N], N >= 1; none may be negative."""
    x = frames("latencies", latency, 1, 1)
    if x.min() < 0.0:
        raise InputError(f"a latency is {x.min():.4f} s; negative ones mean that clocks do not agree")
    p50, p99 = np.percentile(x, [50, 99])
    return Latency(float(p50), float(p99))


LATENCY_EDGES_MS: tuple[float, ...] = (*range(0, 100, 2), *range(100, 200, 10), *range(200, 1001, 100))
"""Bins of `latency_histogram`; the last one is open."""


def latency_histogram(latency: np.ndarray) -> dict[str, list[float]]:
    """Counts of latencies (s, shape [N]) in `LATENCY_EDGES_MS`, in plain values: histograms of takes can be added."""
    ms = np.minimum(1e3 * frames("latencies", latency, 1, 1), LATENCY_EDGES_MS[-1])
    counts, _ = np.histogram(ms, LATENCY_EDGES_MS)
    return {"edges": [float(e) for e in LATENCY_EDGES_MS], "counts": [int(c) for c in counts]}


def late_windows(lead: np.ndarray, least: float = 0.0) -> float:
    """Share of windows that came too late, percent: time of the first point minus arrival (s) not above `least`."""
    return 100.0 * float((frames("leads", lead, 1, 1) <= least).mean())


def real_time_factor(audio_seconds: float, busy_seconds: float) -> float:
    """Seconds of audio per second of work."""
    if not (audio_seconds > 0.0 and busy_seconds > 0.0):
        raise InputError(f"{audio_seconds} s of audio in {busy_seconds} s of work; both must be positive")
    return audio_seconds / busy_seconds


def speech_with_motion(hands: np.ndarray, fps: float, speech: np.ndarray, speech_times: np.ndarray) -> float:
    """Share of speech time in which a hand moves, percent.

    A hand moves in a frame if its speed exceeds 0.05 m/s within 0.5 s around it: the hold between two strokes is part
    of the gesture.

    Args:
        hands: positions, m. Shape [T, H, 3].
        fps: frames per second.
        speech: where somebody speaks (`onsets.speech_mask`). Shape [F], bool.
        speech_times: after the motion's first frame, s. Shape [F].
    """
    speed = central_speed(hands, fps).max(axis=1)
    reach = round(0.5 * fps)
    active = np.convolve(speed > STILL_SPEED, np.ones(2 * reach + 1), "full")[reach : reach + len(speed)] > 0
    index = np.round(np.asarray(speech_times) * fps).astype(int)
    both = np.asarray(speech, bool) & (index >= 0) & (index < len(active))
    if not both.any():
        raise InputError("nobody speaks while the robot's motion is recorded")
    return 100.0 * float(active[index[both]].mean())
