"""GraphProbe: a helper node that waits for the ROS graph inside a callback of another node."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

REPORT_S = 1.0
"""What is waited for is reported after so long, s."""


class GraphProbe:
    """A helper node with an executor of its own, so that a node can wait for the graph inside a callback.

    Use as a context manager. All waits are bounded and poll the graph.

    Args:
        owner: names are resolved as this node resolves them.
        interrupted: waits end early once it says so.
        report: gets a sentence for each wait that lasts.
    """

    def __init__(
        self,
        owner: Node,
        interrupted: Callable[[], bool] = lambda: False,
        report: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.node = rclpy.create_node(
            f"{owner.get_name()}_probe",
            namespace=owner.get_namespace(),
            context=owner.context,
            use_global_arguments=False,
        )
        self.owner, self._interrupted, self._report = owner, interrupted, report
        self._executor = SingleThreadedExecutor(context=owner.context)
        self._executor.add_node(self.node)

    def __enter__(self) -> GraphProbe:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()
        self.node.destroy_node()

    def until(self, ready: Callable[[], Any], timeout: float, waiting: Callable[[], str] = lambda: "") -> Any:
        """Spin until `ready()` is true; its value, or None after `timeout` seconds.

        `waiting` says what is waited for; it is reported once if that takes longer than `REPORT_S`.
        """
        began = time.monotonic()
        reported = False
        while True:
            value = ready()
            if value:
                return value
            passed = time.monotonic() - began
            if passed >= timeout or self._interrupted() or not self.owner.context.ok():
                return None
            if passed >= REPORT_S and not reported:
                reported = True
                if sentence := waiting():
                    self._report(sentence)
            self._executor.spin_once(timeout_sec=0.02)

    def message(self, kind: Any, topic: str, qos: Any, timeout: float) -> Any:
        """The next message on `topic` (as the owner resolves it), None after `timeout` seconds."""
        box: list[Any] = []
        name = self.owner.resolve_topic_name(topic)
        subscription = self.node.create_subscription(kind, name, box.append, qos)

        def waiting() -> str:
            count = self.node.count_publishers(name)
            return f"waiting for {name}: {'nobody publishes it' if not count else 'no message has come yet'}"

        try:
            return self.until(lambda: box[0] if box else None, timeout, waiting)
        finally:
            self.node.destroy_subscription(subscription)
