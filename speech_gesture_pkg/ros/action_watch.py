"""ActionWatch: goals of the follow_joint_trajectory action on controllers that we command."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from action_msgs.msg import GoalStatus, GoalStatusArray
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

ACTION = "/follow_joint_trajectory"
STATUS = f"{ACTION}/_action/status"
STATUS_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL, reliability=ReliabilityPolicy.RELIABLE)
"""As action servers publish it: whoever comes later learns of goals that run."""
QUIET_S = 1.0
"""Without a goal for so long, the one who sends them is done, s."""
_RUNNING = (GoalStatus.STATUS_ACCEPTED, GoalStatus.STATUS_EXECUTING, GoalStatus.STATUS_CANCELING)


class ActionWatch:
    """Who sends such a goal commands the robot: a message on the controller's topic would end it.

    Args:
        node: subscribes; it must be spun.
        controllers: full node name of each controller, by name.
        changed: called when a goal begins.
        steady: steady clock, s.
    """

    def __init__(
        self,
        node: Node,
        controllers: Mapping[str, str],
        changed: Callable[[], None] = lambda: None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node, self._changed, self._steady = node, changed, steady
        self._topics = {name: full + STATUS for name, full in controllers.items()}
        self._running: dict[str, bool] = {}
        self._ran_at: dict[str, float] = {}
        self._began = steady()
        self._subscriptions = [
            node.create_subscription(GoalStatusArray, topic, partial(self._on_status, name), STATUS_QOS)
            for name, topic in self._topics.items()
        ]

    def destroy(self) -> None:
        """Take the subscriptions off the graph."""
        for each in self._subscriptions:
            self._node.destroy_subscription(each)

    def unheard_for(self, patience: float) -> float:
        """How long to wait for what servers publish when it subscribed less than `patience` s ago, s."""
        servers = any(map(self._node.count_publishers, self._topics.values()))
        return max(patience - (self._steady() - self._began), 0.0) if servers else 0.0

    def sentence(self, controllers: Collection[str] = (), quiet: float = QUIET_S) -> str:
        """Which goals run, '' if none has for `quiet` s. Goals of a server that has gone do not count.

        Args:
            controllers: that matter; empty = all.
            quiet: see above.
        """
        now = self._steady()
        for name, running in self._running.items():
            if running and self._node.count_publishers(self._topics[name]):
                self._ran_at[name] = now
        busy = [
            name for name, at in self._ran_at.items() if now - at <= quiet and (not controllers or name in controllers)
        ]
        if not busy:
            return ""
        return f"an action goal ({ACTION[1:]}) commands {', '.join(sorted(busy))}"

    def _on_status(self, name: str, message: Any) -> None:
        running = any(status.status in _RUNNING for status in message.status_list)
        before, self._running[name] = self._running.get(name, False), running
        if running:
            self._ran_at[name] = self._steady()
        if running and not before:
            self._changed()
