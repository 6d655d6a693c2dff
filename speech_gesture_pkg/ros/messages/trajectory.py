"""Trajectory windows to JointTrajectory messages, fast enough for seven controllers at 50 Hz on one core."""

from __future__ import annotations

import array
from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Time
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from speech_gesture_pkg.ros.clock import duration_msg, time_from_seconds


class TrajectoryMessage:
    """The JointTrajectory of one controller, refilled for every window.

    Args:
        joint_names: the controller's joints, in its order.
        columns: where they are in the window arrays. Shape [J] of ints.
        frame_id: header frame (joint space has none; usually empty).
    """

    def __init__(self, joint_names: Sequence[str], columns: Sequence[int], frame_id: str = "") -> None:
        self.message = JointTrajectory(joint_names=list(joint_names))
        self.message.header.frame_id = frame_id
        self._columns = np.asarray(columns, int)
        self._points: list[JointTrajectoryPoint] = []
        self._times: bytes = b""

    def fill(
        self,
        stamp: Time | float | None,
        time_from_start: np.ndarray,
        position: np.ndarray,
        velocity: np.ndarray | None = None,
        acceleration: np.ndarray | None = None,
    ) -> JointTrajectory:
        """The message holding a window; it is reused by the next call, so publish it before.

        Args:
            stamp: when the window starts, message or seconds; None or 0 is "now" for the controller.
            time_from_start: seconds, strictly increasing. Shape [P].
            position: rad or m. Shape [P, all joints].
            velocity: rad/s or m/s, same shape; None leaves the field empty.
            acceleration: rad/s^2 or m/s^2, same shape; None leaves the field empty.
        """
        msg = self.message
        msg.header.stamp = stamp if isinstance(stamp, Time) else time_from_seconds(stamp or 0.0)
        self._set_times(np.ascontiguousarray(time_from_start, float))
        for name, values in (("positions", position), ("velocities", velocity), ("accelerations", acceleration)):
            self._set_values(name, values)
        return msg

    def _set_times(self, times: np.ndarray) -> None:
        # windows sit on a fixed grid: the durations hardly ever change, and making them costs most
        key = times.tobytes()
        if key == self._times:
            return
        self._times = key
        while len(self._points) < len(times):
            self._points.append(JointTrajectoryPoint())
        self.message.points = self._points[: len(times)]
        for point, value in zip(self.message.points, times.tolist(), strict=True):
            point.time_from_start = duration_msg(value)

    def _set_values(self, name: str, values: np.ndarray | None) -> None:
        if values is None:
            for point in self.message.points:
                setattr(point, name, array.array("d"))
            return
        data = np.ascontiguousarray(values[:, self._columns], float).tobytes()
        step = 8 * len(self._columns)
        for i, point in enumerate(self.message.points):
            setattr(point, name, array.array("d", data[i * step : (i + 1) * step]))
