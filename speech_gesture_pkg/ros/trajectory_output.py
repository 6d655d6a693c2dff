"""TrajectoryOutput: windows to the topics of their controllers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from trajectory_msgs.msg import JointTrajectory

from speech_gesture_pkg.ros.clock import Timebase
from speech_gesture_pkg.ros.messages.trajectory import TrajectoryMessage
from speech_gesture_pkg.trajectory.composer import Window
from speech_gesture_pkg.trajectory.layout import JointLayout

COMMAND_QOS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)
"""Of the trajectories."""


class TrajectoryOutput:
    """One publisher for each controller.

    Args:
        node: publishes.
        layout: controllers and their joints.
        clock: the time that windows are in.
        stamp_zero: whether messages carry no stamp: they begin when they come.

    Attributes:
        sent_at: steady time (`time.monotonic`) at which windows were last sent, s.
    """

    def __init__(self, node: LifecycleNode, layout: JointLayout, clock: Timebase, stamp_zero: bool) -> None:
        self._node, self._clock, self._stamp_zero = node, clock, stamp_zero
        self.sent_at = 0.0
        self._publishers = {}
        for name, columns in layout.controllers.items():
            joints = [layout.joint_names[i] for i in columns]
            publisher = node.create_lifecycle_publisher(JointTrajectory, f"{name}/joint_trajectory", COMMAND_QOS)
            self._publishers[name] = (publisher, TrajectoryMessage(joints, range(len(joints))))

    @property
    def topics(self) -> list[str]:
        """Full names of the topics."""
        return [publisher.topic_name for publisher, _ in self._publishers.values()]

    @property
    def subscribed(self) -> set[str]:
        """Full names of the topics that have a subscription now."""
        return {p.topic_name for p, _ in self._publishers.values() if p.get_subscription_count()}

    def send(self, windows: Mapping[str, Window], wanted: Callable[[], bool] | None = None) -> bool:
        """Publish windows; whether it did: not if they are late or no longer `wanted` (None: whatever the time)."""
        ready = []
        for name, window in windows.items():
            publisher, message = self._publishers[name]
            curve = (window.time_from_start, window.position, window.velocity, window.acceleration)
            ready.append((publisher, message.fill(None if self._stamp_zero else self._clock.msg(window.stamp), *curve)))
        # Nothing between the look at the clock and publishing: a busy machine would hold the process up there, too.
        latest = min((w.send_by for w in windows.values()), default=np.inf)
        if wanted is not None and (self._clock.now() > latest or not wanted()):
            return False
        for publisher, message in ready:
            publisher.publish(message)
        if ready:
            self.sent_at = time.monotonic()
        return True

    def flush(self) -> None:
        """Wait until everything is delivered (0.5 s at most for each)."""
        for publisher, _ in self._publishers.values():
            publisher.wait_for_all_acked(Duration(seconds=0.5))

    def destroy(self) -> None:
        """Take the publishers off the graph."""
        for publisher, _ in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
