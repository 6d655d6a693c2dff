"""The robot's metrics by name; `registry` holds them beside those of the human motion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics import beats, robot
from speech_gesture_pkg.lab.metrics.onsets import accents, speech_mask
from speech_gesture_pkg.lab.metrics.sample import MetricInput
from speech_gesture_pkg.lab.metrics.spec import Better, Metric, Need, Of
from speech_gesture_pkg.lab.metrics.speech_alignment import strokes_on_accents
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory

T = TypeVar("T")


def _have(value: T | None, what: str) -> T:
    if value is None:
        raise InputError(f"the take lacks {what}")
    return value


def _trajectory(take: MetricInput) -> RobotTrajectory:
    return _have(take.need_robot().trajectory, "the robot's joint motion")


def _position(take: MetricInput) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r = take.need_robot()
    lower, upper = _have(r.lower, "the robot's position limits"), _have(r.upper, "the robot's position limits")
    return _trajectory(take).position, lower, upper


def _velocity(take: MetricInput) -> tuple[np.ndarray, np.ndarray]:
    limit = _have(take.need_robot().velocity, "the robot's velocity limits")
    return _trajectory(take).velocity, limit


def _acceleration(take: MetricInput) -> tuple[np.ndarray, np.ndarray]:
    limit = _have(take.need_robot().acceleration, "the robot's acceleration limits")
    return _trajectory(take).acceleration, limit


def _motion(take: MetricInput) -> tuple[np.ndarray, np.ndarray]:
    trajectory = _trajectory(take)
    return trajectory.position, trajectory.time


def _one(name: str, what: str) -> Callable[[MetricInput], tuple]:
    """One attribute of the robot's part of a take, in a tuple."""
    return lambda take: (_have(getattr(take.need_robot(), name), what),)


def _two(name: str, what: str) -> Callable[[MetricInput], tuple]:
    """An attribute that is a pair."""
    return lambda take: _have(getattr(take.need_robot(), name), what)


def _seconds(take: MetricInput) -> tuple[float, float]:
    r = take.need_robot()
    return _have(r.audio_seconds, "the length of its audio"), _have(r.busy_seconds, "its time of work")


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
    end = min(float(time[-1]), take.speech_start + float(take.speech_and_times[0].times[-1]))
    if end - begin < 1.0 / 30.0:
        raise InputError("the robot's motion and the speech have no time in common")
    grid = begin + np.arange(int((end - begin) * 30.0 + 1e-6) + 1) / 30.0
    flat = np.asarray(hands, float).reshape(len(hands), -1)
    even = np.stack([np.interp(grid, time, column) for column in flat.T], axis=1)
    return even.reshape(len(grid), -1, 3), 30.0, take.speech_start - begin


def _covered(times: np.ndarray, length: float) -> np.ndarray:
    return times[(times >= 0.0) & (times < length)]


def _beats(take: MetricInput) -> tuple[np.ndarray, np.ndarray, float]:
    hands, fps, offset = _hands(take)
    return hands, _covered(take.all_onsets + offset, len(hands) / fps), fps


def _strokes(take: MetricInput) -> tuple[np.ndarray, float, np.ndarray, float]:
    hands, fps, offset = _hands(take)
    length = len(hands) / fps
    return hands, fps, _covered(accents(take.speech_and_times[0], take.all_onsets) + offset, length), length


def _speech(take: MetricInput) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    hands, fps, offset = _hands(take)
    speech, _ = take.speech_and_times
    return hands, fps, speech_mask(speech), speech.times + offset


_LOW, _HIGH, _REAL = Better.LOWER, Better.HIGHER, Better.REAL
_R = frozenset({Need.ROBOT})
_RA = frozenset({Need.ROBOT, Need.AUDIO})
_BEYOND = "The share beyond the limit alone."
_HANDS = "On the positions of the robot's hands, at 30 Hz."
_OF_ARMS = "Of upper arms and forearms; mean over limbs and frames."
_OF_PALMS = "Of palm normals; mean over hands and frames."
_STROKES = f"The figure is the excess over chance. {_HANDS}"
_LATENCY, _CLEARANCE = _one("latency", "latencies"), _one("clearance", "clearances")
_DIRECTIONS = _two("directions", "limb directions of robot and human")
_PALMS = _two("palms", "palm normals of robot and human")
_ARRIVAL = "From the arrival of audio to the sending of its motion"
_MEASURED = "measured joint states beside commanded motion"

_LIMIT_USES = (
    ("position", robot.position_limit_use, _position),
    ("velocity", robot.rate_limit_use, _velocity),
    ("acceleration", robot.rate_limit_use, _acceleration),
)


def _limit_uses() -> Iterator[Metric]:
    for what, function, inputs in _LIMIT_USES:
        of = f"Of joint {what}s."
        yield _ours(f"robot_{what}_at_limit", Of(function, inputs, "at"), "%", _LOW, of)
        yield _ours(f"robot_{what}_over_limit", Of(function, inputs, "over"), "%", _LOW, f"{of} {_BEYOND}")


def _ours(
    name: str,
    compute: Callable[[MetricInput], float],
    unit: str,
    better: Better,
    note: str = "",
    needs: frozenset[Need] = _R,
) -> Metric:
    return Metric(name, compute, unit, better, "ours (robot metrics)", needs, note)


ROBOT_METRICS: tuple[Metric, ...] = (
    *_limit_uses(),
    _ours("robot_jerk_rms", Of(robot.joint_jerk_rms, _motion), "rad/s^3", _LOW),
    _ours("robot_direction_error", Of(robot.angle_error, _DIRECTIONS, mean=True), "deg", _LOW, _OF_ARMS),
    _ours("robot_palm_error", Of(robot.angle_error, _PALMS, mean=True), "deg", _LOW, _OF_PALMS),
    _ours("robot_collision", Of(robot.collision_share, _CLEARANCE), "%", _LOW, "Clearance by the capsule model."),
    _ours("robot_latency_p50", Of(robot.latency_percentiles, _LATENCY, "p50"), "s", _LOW, f"{_ARRIVAL}; median."),
    _ours("robot_latency_p99", Of(robot.latency_percentiles, _LATENCY, "p99"), "s", _LOW, f"{_ARRIVAL}; 99 %."),
    _ours("robot_real_time_factor", Of(robot.real_time_factor, _seconds), "", _HIGH),
    _ours("robot_late_windows", Of(robot.late_windows, _one("lead", "the windows' leads")), "%", _LOW),
    _ours("robot_tracking_error", Of(robot.tracking_error, _one("tracking_error", _MEASURED)), "rad", _LOW),
    _ours("robot_tracking_delay", Of(robot.tracking_delay, _one("tracking_delay", _MEASURED)), "s", _LOW),
    _ours("robot_speech_with_motion", Of(robot.speech_with_motion, _speech), "%", _REAL, needs=_RA),
    Metric("robot_ba", Of(beats.ba_diffsheg, _beats), "", _REAL, "DiffSHEG Eq. 12 on the robot's hands", _RA, _HANDS),
    _ours("robot_strokes_on_accents", Of(strokes_on_accents, _strokes, "excess"), "", _HIGH, _STROKES, _RA),
)
