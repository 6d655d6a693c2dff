"""The robot's metrics by name; parts of `registry`."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics import beats, robot
from speech_gesture_pkg.lab.metrics.chance_level import AboveChance
from speech_gesture_pkg.lab.metrics.onsets import accents, speech_mask
from speech_gesture_pkg.lab.metrics.sample import MetricInput
from speech_gesture_pkg.lab.metrics.spec import Better, Metric, Need
from speech_gesture_pkg.lab.metrics.speech_alignment import strokes_on_accents
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory

T = TypeVar("T")


def _have(value: T | None, what: str) -> T:
    if value is None:
        raise InputError(f"the take lacks {what}")
    return value


def _trajectory(take: MetricInput) -> RobotTrajectory:
    return _have(take.need_robot().trajectory, "the robot's joint motion")


def _position_use(take: MetricInput) -> robot.LimitUse:
    r = take.need_robot()
    lower, upper = _have(r.lower, "the robot's position limits"), _have(r.upper, "the robot's position limits")
    return robot.position_limit_use(_trajectory(take).position, lower, upper)


def _velocity_use(take: MetricInput) -> robot.LimitUse:
    limit = _have(take.need_robot().velocity, "the robot's velocity limits")
    return robot.rate_limit_use(_trajectory(take).velocity, limit)


def _acceleration_use(take: MetricInput) -> robot.LimitUse:
    limit = _have(take.need_robot().acceleration, "the robot's acceleration limits")
    return robot.rate_limit_use(_trajectory(take).acceleration, limit)


def _jerk(take: MetricInput) -> float:
    trajectory = _trajectory(take)
    return robot.joint_jerk_rms(trajectory.position, trajectory.time)


def _mean_angle(directions: tuple[np.ndarray, np.ndarray] | None, what: str) -> float:
    return float(robot.angle_error(*_have(directions, what)).mean())


def _latency(take: MetricInput) -> robot.Latency:
    return robot.latency_percentiles(_have(take.need_robot().latency, "latencies"))


def _real_time(take: MetricInput) -> float:
    r = take.need_robot()
    return robot.real_time_factor(
        _have(r.audio_seconds, "the length of its audio"), _have(r.busy_seconds, "its time of work")
    )


def _hands(take: MetricInput) -> tuple[np.ndarray, float, float]:
    """Hand positions on an even grid, its rate, and the start of the speech after its first frame, s.

    They cover the speech, from its first sample until its features end (half a second later): chance levels depend on
    how much standing still there is round it.
    """
    trajectory = _trajectory(take)
    hands = _have(take.need_robot().hands, "positions of the robot's hands")
    if len(hands) != len(trajectory.time):
        raise InputError(f"there are {len(hands)} hand positions for {len(trajectory.time)} trajectory samples")
    time = trajectory.time
    begin = max(float(time[0]), take.speech_start)
    end = min(float(time[-1]), take.speech_start + float(take.heard[0].times[-1]))
    if end - begin < 1.0 / 30.0:
        raise InputError("the robot's motion and the speech have no time in common")
    grid = begin + np.arange(int((end - begin) * 30.0 + 1e-6) + 1) / 30.0
    flat = np.asarray(hands, float).reshape(len(hands), -1)
    even = np.stack([np.interp(grid, time, column) for column in flat.T], axis=1)
    return even.reshape(len(grid), -1, 3), 30.0, take.speech_start - begin


def _covered(times: np.ndarray, length: float) -> np.ndarray:
    return times[(times >= 0.0) & (times < length)]


def _robot_beats(take: MetricInput) -> float:
    hands, fps, offset = _hands(take)
    return beats.ba_diffsheg(hands, _covered(take.all_onsets + offset, len(hands) / fps), fps)


def robot_strokes(take: MetricInput) -> AboveChance:
    """Strokes of the robot's hands on accents of the speech (`listening.strokes_on_accents`)."""
    hands, fps, offset = _hands(take)
    length = len(hands) / fps
    found = accents(take.heard[0], take.all_onsets) + offset
    return strokes_on_accents(hands, fps, _covered(found, length), length)


def _speech_motion(take: MetricInput) -> float:
    hands, fps, offset = _hands(take)
    speech, _ = take.heard
    return robot.speech_with_motion(hands, fps, speech_mask(speech), speech.times + offset)


_R = frozenset({Need.ROBOT})
_RA = frozenset({Need.ROBOT, Need.AUDIO})
_OURS = "ours (robot metrics)"

ROBOT_METRICS: tuple[Metric, ...] = (
    Metric("robot_position_at_limit", lambda t: _position_use(t).at, "%", Better.LOWER, _OURS, _R),
    Metric("robot_position_over_limit", lambda t: _position_use(t).over, "%", Better.LOWER, _OURS, _R),
    Metric("robot_velocity_at_limit", lambda t: _velocity_use(t).at, "%", Better.LOWER, _OURS, _R),
    Metric("robot_velocity_over_limit", lambda t: _velocity_use(t).over, "%", Better.LOWER, _OURS, _R),
    Metric("robot_acceleration_at_limit", lambda t: _acceleration_use(t).at, "%", Better.LOWER, _OURS, _R),
    Metric("robot_acceleration_over_limit", lambda t: _acceleration_use(t).over, "%", Better.LOWER, _OURS, _R),
    Metric("robot_jerk_rms", _jerk, "rad/s^3", Better.LOWER, _OURS, _R),
    Metric(
        "robot_direction_error",
        lambda t: _mean_angle(t.need_robot().directions, "limb directions of robot and human"),
        "deg",
        Better.LOWER,
        _OURS,
        _R,
    ),
    Metric(
        "robot_palm_error",
        lambda t: _mean_angle(t.need_robot().palms, "palm normals of robot and human"),
        "deg",
        Better.LOWER,
        _OURS,
        _R,
    ),
    Metric(
        "robot_collision",
        lambda t: robot.collision_share(_have(t.need_robot().clearance, "clearances")),
        "%",
        Better.LOWER,
        _OURS,
        _R,
    ),
    Metric("robot_latency_p50", lambda t: _latency(t).p50, "s", Better.LOWER, _OURS, _R),
    Metric("robot_latency_p99", lambda t: _latency(t).p99, "s", Better.LOWER, _OURS, _R),
    Metric("robot_real_time_factor", _real_time, "", Better.HIGHER, _OURS, _R),
    Metric(
        "robot_late_windows",
        lambda t: robot.late_windows(_have(t.need_robot().lead, "the windows' leads")),
        "%",
        Better.LOWER,
        _OURS,
        _R,
    ),
    Metric(
        "robot_tracking_error",
        lambda t: _have(t.need_robot().tracking_error, "measured joint states beside commanded motion"),
        "rad",
        Better.LOWER,
        _OURS,
        _R,
    ),
    Metric(
        "robot_tracking_delay",
        lambda t: _have(t.need_robot().tracking_delay, "measured joint states beside commanded motion"),
        "s",
        Better.LOWER,
        _OURS,
        _R,
    ),
    Metric("robot_speech_with_motion", _speech_motion, "%", Better.REAL, _OURS, _RA),
    Metric("robot_ba", _robot_beats, "", Better.REAL, "DiffSHEG Eq. 12 on the robot's hands", _RA),
    Metric("robot_strokes_on_accents", lambda t: robot_strokes(t).excess, "", Better.HIGHER, _OURS, _RA),
)
