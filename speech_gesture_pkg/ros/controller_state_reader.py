"""ControllerStateReader: `~/controller_state` of the commanded controllers, where control_msgs is installed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from speech_gesture_pkg.pipeline.controller_states import ControllerStates
from speech_gesture_pkg.ros.controller_activity import STATES, interface

QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
TOPICS = ("controller_state", "state")
"""Its name in newer distributions, and in Humble."""


class ControllerStateReader:
    """Tells the pipeline which controllers are active and what they hold, 10 to 50 times a second each.

    Args:
        node: subscribes.
        controllers: full node name of each controller, by name.
        states: is told.
    """

    def __init__(self, node: Node, controllers: Mapping[str, str], states: ControllerStates) -> None:
        self._node, self._states, self._kind = node, states, interface(STATES)
        self._missing = dict(controllers) if self._kind is not None else {}
        self._subscriptions: list[Any] = []
        self.look()

    def look(self) -> None:
        """Subscribe to those that have come since. To be called now and then."""
        for name, full in list(self._missing.items()):
            topics = (f"{full}/{short}" for short in TOPICS)
            topic = next((t for t in topics if self._node.count_publishers(t)), None)
            if topic is not None:
                del self._missing[name]
                self._states.expect(name)
                hear = partial(self.hear, name)
                self._subscriptions.append(self._node.create_subscription(self._kind, topic, hear, QOS))

    def hear(self, controller: str, message: Any) -> None:
        """One JointTrajectoryControllerState: its reference (Humble: desired) is what the controller holds."""
        point = getattr(message, "reference", None) or getattr(message, "desired", None)
        positions = point.positions if point is not None else ()
        self._states.hear(controller, message.joint_names, positions)

    def destroy(self) -> None:
        """Take it off the graph."""
        for each in self._subscriptions:
            self._node.destroy_subscription(each)
