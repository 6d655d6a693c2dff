"""The worst moments of a take: where to look first."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter1d

from speech_gesture_pkg.lab.metrics.beats import STILL_SPEED, central_speed
from speech_gesture_pkg.lab.metrics.onsets import speech_mask
from speech_gesture_pkg.lab.metrics.robot import angle_error
from speech_gesture_pkg.lab.study.sample import EvaluationSample, has_body

IDLE_S = 3.0
"""Hands that stand still for so long while somebody speaks are worth a look, s."""


def limit_use(sample: EvaluationSample) -> np.ndarray | None:
    """Share of its velocity or acceleration limit, whichever is larger, that each joint uses. Shape [T, J]."""
    trajectory, limits = sample.trajectory, sample.limits
    if trajectory is None or limits is None:
        return None
    velocity = np.abs(trajectory.velocity) / limits.velocity
    return np.maximum(velocity, np.abs(trajectory.acceleration) / limits.acceleration)


def worst_moments(sample: EvaluationSample) -> list[dict[str, Any]]:
    """One moment of each kind, where there is one; times after the first sample of the speech."""
    found: list[dict[str, Any]] = []
    trajectory, take = sample.trajectory, sample.take
    robot = take.robot
    if trajectory is not None and sample.limits is not None:
        found += _limits(sample)
    if trajectory is not None and robot is not None and robot.clearance is not None and len(robot.clearance):
        i = int(np.argmin(robot.clearance))
        gap = float(robot.clearance[i])
        text = f"parts of the robot come within {1e3 * gap:.1f} mm" if gap >= 0 else "parts of the robot touch"
        found.append(_moment("clearance", trajectory.time[2 * i], gap, "m", text))
    if trajectory is not None and robot is not None and robot.lead is not None and len(robot.lead):
        i = int(np.argmin(robot.lead))
        if robot.lead[i] <= 0:
            text = f"a window came {-1e3 * robot.lead[i]:.1f} ms after its first point"
            found.append(_moment("late", float("nan"), float(robot.lead[i]), "s", text))
    if robot is not None and robot.directions is not None:
        found += _direction(sample)
    found += _idle(sample)
    return found


def _limits(sample: EvaluationSample) -> list[dict[str, Any]]:
    trajectory, limits = sample.trajectory, sample.limits
    if trajectory is None or limits is None:
        return []
    found = []
    for what, unit, values, bounds in (
        ("velocity", "rad/s", trajectory.velocity, limits.velocity),
        ("acceleration", "rad/s^2", trajectory.acceleration, limits.acceleration),
    ):
        share = np.abs(values) / bounds
        t, j = np.unravel_index(int(share.argmax()), share.shape)
        text = (
            f"{trajectory.joint_names[j]} uses {100 * share[t, j]:.0f} % of its {what} limit "
            f"({abs(values[t, j]):.2f} of {bounds[j]:.2f} {unit})"
        )
        found.append(_moment("limit", trajectory.time[t], float(share[t, j]), "share", text, trajectory.joint_names[j]))
    return found


def _direction(sample: EvaluationSample) -> list[dict[str, Any]]:
    robot, trajectory = sample.take.robot, sample.trajectory
    if robot is None or robot.directions is None or trajectory is None:
        return []
    times = sample.shown_times
    errors = angle_error(*robot.directions).max(axis=1)
    i = int(errors.argmax())
    if len(times) != len(errors):
        return []
    text = f"an arm points {errors[i]:.0f} degrees away from where the human's does"
    return [_moment("direction", float(times[i]), float(errors[i]), "deg", text)]


def _idle(sample: EvaluationSample) -> list[dict[str, Any]]:
    """The longest stretch of speech in which no hand of the robot (or of the human, without one) moves."""
    take, trajectory = sample.take, sample.trajectory
    if take.speech is None:
        return []
    if trajectory is not None and sample.limbs is not None and sample.limbs.hands.shape[1]:
        hands, fps, start = sample.limbs.hands, trajectory.fps, float(trajectory.time[0])
    elif has_body(take.motion):
        hands, fps, start = take.wrists, 30.0, take.motion.start
    else:
        return []
    times = take.speech.times
    active = maximum_filter1d(central_speed(hands, fps).max(axis=1), 2 * round(0.5 * fps) + 1) > STILL_SPEED
    index = np.round((times - start) * fps).astype(int)
    inside = (index >= 0) & (index < len(active))
    still = speech_mask(take.speech) & inside & ~active[np.clip(index, 0, len(active) - 1)]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], still.astype(int), [0]])))
    spans = list(zip(edges[::2], edges[1::2], strict=True))
    if not spans:
        return []
    first, last = max(spans, key=lambda s: s[1] - s[0])
    seconds = (last - first) * 0.01
    if seconds < IDLE_S:
        return []
    text = f"the hands stand still for {seconds:.1f} s of speech"
    return [_moment("idle", float(times[first]), seconds, "s", text)]


def _moment(what: str, time: float, value: float, unit: str, sentence: str, joint: str = "") -> dict[str, Any]:
    at = round(float(time), 3) if np.isfinite(time) else None
    return {"what": what, "time_s": at, "value": value, "unit": unit, "joint": joint, "sentence": sentence}
