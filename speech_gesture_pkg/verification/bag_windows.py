"""The trajectory windows in a bag, without those that cannot be meant, and the motion that they command together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from speech_gesture_pkg.bags.messages import BagMessage, check_span, nanoseconds, on_one_clock
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.verification.quintic import SampledTrajectory

TRAJECTORY = "trajectory_msgs/msg/JointTrajectory"
JOINT_STATE = "sensor_msgs/msg/JointState"
RATE = 200.0
"""Samples per second of the commanded motion."""


class Windows:
    """Collects them message by message; `settle` when all are there.

    Attributes:
        sent: topic -> its windows in the order of sending; bag clock less the epoch.
        joints: topic -> joint names.
        received: reception of each window, same clock; by topic.
        epoch: where that clock starts, ns; the first window's reception, unless it was set before.
        left_out: messages that are no curve of finite numbers, or are stamped on another clock than the others. (The
            motion guarantees report which.)
    """

    def __init__(self) -> None:
        self.sent: dict[str, list[SampledTrajectory]] = defaultdict(list)
        self.joints: dict[str, list[str]] = {}
        self.received: dict[str, list[float]] = defaultdict(list)
        self.epoch = 0
        self.left_out = 0

    def add(self, message: BagMessage) -> None:
        """The next JointTrajectory. Empty ones and those with other joints are passed over."""
        self.epoch = self.epoch or round(message.received) * 10**9
        if not message.data.points:
            return
        try:
            window = sampled(message, self.epoch)
        except InputError:
            self.left_out += 1
            return
        if not window.finite or np.any(np.diff(window.times) <= 0):
            self.left_out += 1
            return
        names = list(message.data.joint_names)
        if self.joints.setdefault(message.topic, names) == names:
            self.sent[message.topic].append(window)
            self.received[message.topic].append(message.received - self.epoch / 10**9)

    def settle(self) -> None:
        """Leave out those whose stamps are far from where the others of their topic put them."""
        for topic, windows in self.sent.items():
            kept = on_one_clock([w.times[0] for w in windows], self.received[topic])
            self.left_out += int((~kept).sum())
            self.sent[topic] = [w for w, keep in zip(windows, kept, strict=True) if keep]
            self.received[topic] = [t for t, keep in zip(self.received[topic], kept, strict=True) if keep]


def sampled(message: BagMessage, epoch: int) -> SampledTrajectory:
    """The message on a clock that starts at `epoch` ns.

    Raises InputError if there are not two points with position, velocity and acceleration.
    """
    data = message.data
    # Integer nanoseconds from the epoch: a float of Unix seconds resolves a quarter of a microsecond only.
    start = nanoseconds(data.header.stamp) or round(message.received * 1e9)
    times = np.array([nanoseconds(p.time_from_start) + start - epoch for p in data.points]) * 1e-9
    columns = [[getattr(p, key) for p in data.points] for key in ("positions", "velocities", "accelerations")]
    if any(len(values) != len(data.joint_names) for column in columns for values in column):
        raise InputError(f"{message.topic} holds a trajectory whose points lack positions, velocities or accelerations")
    if len(times) < 2:
        raise InputError(f"{message.topic} holds a trajectory of {len(times)} points: there is nothing between points")
    return SampledTrajectory(times, *(np.array(column, float) for column in columns))


def commanded(
    windows: Mapping[str, Sequence[SampledTrajectory]], joints: Mapping[str, Sequence[str]]
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The motion that controllers were commanded to make.

    Args:
        windows: topic -> its trajectories in the order of sending, not empty.
        joints: topic -> joint names.

    Returns:
        times [T], and position and velocity [T] by joint. Before its first window a joint stands still.

    Raises:
        InputError: it spans too many hours.
    """
    begin = min(w[0].times[0] for w in windows.values())
    end = max(w[-1].times[-1] for w in windows.values())
    check_span("the commanded motion", end - begin)
    times = np.arange(begin, end, 1.0 / RATE)
    position: dict[str, np.ndarray] = {}
    velocity: dict[str, np.ndarray] = {}
    for topic, sent in windows.items():
        p, v = reference(sent, times)
        position |= zip(joints[topic], p.T, strict=True)
        velocity |= zip(joints[topic], v.T, strict=True)
    return times, position, velocity


def reference(windows: Sequence[SampledTrajectory], times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Commanded positions and velocities of one topic at times [N]: each window replaces the one before at its first
    point, and stands before that and after its last one. Shapes [N, J]."""
    which = np.maximum(np.searchsorted([w.times[0] for w in windows], times, side="right") - 1, 0)
    shape = (len(times), windows[0].position.shape[1])
    p, v = np.empty(shape), np.empty(shape)
    for k in np.unique(which):
        window, now = windows[k], which == k
        p[now], v[now], _ = window.at(times[now])
        v[now] *= ((times[now] >= window.times[0]) & (times[now] <= window.times[-1]))[:, None]
    return p, v
