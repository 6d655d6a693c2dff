"""Time in nodes: float seconds inside, builtin_interfaces on the wire."""

from __future__ import annotations

from typing import Any

from builtin_interfaces.msg import Duration, Time
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

NANO = 1_000_000_000


def seconds(stamp: Any) -> float:
    """A `builtin_interfaces` Time or Duration as float seconds (resolution 0.24 us at today's epoch)."""
    return stamp.sec + stamp.nanosec * 1e-9


def nanoseconds(stamp: Any) -> int:
    """A `builtin_interfaces` Time or Duration as integer nanoseconds."""
    return stamp.sec * NANO + stamp.nanosec


def time_msg(nanosec: int) -> Time:
    """Integer nanoseconds as a Time message; times before 0 become 0."""
    sec, rest = divmod(max(int(nanosec), 0), NANO)
    return Time(sec=sec, nanosec=rest)


def time_from_seconds(value: float) -> Time:
    """Float seconds as a Time message, rounded to the nearest nanosecond."""
    return time_msg(round(value * NANO))


def duration_msg(value: float) -> Duration:
    """Float seconds as a Duration message."""
    sec, rest = divmod(round(value * NANO), NANO)
    return Duration(sec=sec, nanosec=rest)


class Timebase:
    """Node time as small floats: seconds since a whole second.

    A float of Unix seconds resolves a quarter of a microsecond, which is too coarse for accelerations over a few
    milliseconds; counted from a base it resolves picoseconds.

    Args:
        node: whose clock it is.
        base: seconds of the node clock at time 0 here; None = now.
    """

    def __init__(self, node: Node, base: int | None = None) -> None:
        self._node = node
        self.base = node.get_clock().now().nanoseconds // NANO if base is None else base

    def now(self) -> float:
        """The node's clock (ROS time: `/clock` under use_sim_time), s since the base."""
        return (self._node.get_clock().now().nanoseconds - self.base * NANO) * 1e-9

    def of(self, stamp: Any) -> float:
        """A Time message in seconds since the base."""
        return (nanoseconds(stamp) - self.base * NANO) * 1e-9

    def msg(self, time: float) -> Time:
        """Seconds since the base as a Time message."""
        return time_msg(self.base * NANO + round(time * NANO))


def now_seconds(node: Node) -> float:
    """The node's clock (ROS time: `/clock` under use_sim_time) in seconds."""
    return node.get_clock().now().nanoseconds * 1e-9


def schedule_clock(node: Node) -> Clock:
    """Clock to pace real-time output with: steady, so that a stepped system clock does not disturb it, except under
    use_sim_time, where output must follow `/clock`."""
    if node.get_parameter("use_sim_time").value:
        return node.get_clock()
    return Clock(clock_type=ClockType.STEADY_TIME)
