"""JointStateReader: joint states at the node's own pace, however often they come."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState

from speech_gesture_pkg.nodes.messages.graph import gid_of

PERIOD = 0.01
"""They are looked at so often, s. joint_state_broadcaster publishes at the controllers' rate, 1 kHz or more."""
DEPTH = 20
"""So many wait between two looks: the newest of each of several publishers is among them."""
QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT)
"""BEST_EFFORT matches every publisher of joint states."""

Take = Callable[[JointState, Hashable], None]


class _Apart(CallbackGroup):
    """Callbacks that no executor runs: a message does not wake the node."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        return


class JointStateReader:
    """Takes the newest joint state of each publisher 100 times a second; the others are not even deserialised.

    Args:
        node: subscribes `joint_states`.
        take: called with each message and what tells its publisher apart (None where rclpy does not say).
    """

    def __init__(self, node: Node, take: Take) -> None:
        self._node, self._take = node, take
        self._group = _Apart()
        self._subscription = node.create_subscription(
            JointState, "joint_states", lambda _: None, QOS, callback_group=self._group, raw=True
        )
        self._timer = node.create_timer(PERIOD, self.look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def look(self) -> None:
        """Take what has come since the last look."""
        newest: dict[Hashable, bytes] = {}
        handle, kind = self._subscription.handle, self._subscription.msg_type
        with handle:
            for _ in range(DEPTH):
                taken = handle.take_message(kind, True)
                if taken is None:
                    break
                newest[_source(taken[1])] = taken[0]
        for source, raw in newest.items():
            self._take(deserialize_message(raw, JointState), source)

    def destroy(self) -> None:
        """Take it off the graph."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_subscription(self._subscription)


def _source(info: Any) -> Hashable:
    sender = info.get("publisher_gid") if hasattr(info, "get") else None
    return gid_of(sender["data"]) if sender else None
