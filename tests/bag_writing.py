"""Small MCAP bags, written message by message with rosbags: what evaluation reads."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_KILTED)
T = STORE.types
EPOCH = 1_700_000_000.0


def time_msg(seconds: float, kind: str = "Time") -> Any:
    """Seconds (from EPOCH for a Time) as a message."""
    base = int(EPOCH) if kind == "Time" else 0
    nanos = round(seconds * 1e9)
    return T[f"builtin_interfaces/msg/{kind}"](base + nanos // 10**9, nanos % 10**9)


def header(seconds: float) -> Any:
    return T["std_msgs/msg/Header"](time_msg(seconds), "")


def trajectory(names, stamp: float, times, position, velocity, acceleration) -> Any:
    """A JointTrajectory; times [M], the rest [M, J]."""
    points = [
        T["trajectory_msgs/msg/JointTrajectoryPoint"](
            np.array(p, float), np.array(v, float), np.array(a, float), np.zeros(0), time_msg(t, "Duration")
        )
        for t, p, v, a in zip(times, position, velocity, acceleration, strict=True)
    ]
    return T["trajectory_msgs/msg/JointTrajectory"](header(stamp), list(names), points)


def joint_state(names, stamp: float, position) -> Any:
    none = np.zeros(0)
    return T["sensor_msgs/msg/JointState"](header(stamp), list(names), np.array(position, float), none, none)


def int16_audio(samples: np.ndarray) -> Any:
    layout = T["std_msgs/msg/MultiArrayLayout"]([], 0)
    return T["std_msgs/msg/Int16MultiArray"](layout, np.asarray(samples, np.int16))


class BagWriter:
    """A context manager; `write(topic, message, received)` with `received` in seconds from EPOCH."""

    def __init__(self, path: Path) -> None:
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self._topics: dict[str, Any] = {}

    def __enter__(self) -> BagWriter:
        self._writer.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._writer.close()

    def write(self, topic: str, message: Any, received: float) -> None:
        kind = message.__msgtype__
        if topic not in self._topics:
            self._topics[topic] = self._writer.add_connection(topic, kind, typestore=STORE)
        data = STORE.serialize_cdr(message, kind)
        self._writer.write(self._topics[topic], int(EPOCH) * 10**9 + round(received * 1e9), data)
