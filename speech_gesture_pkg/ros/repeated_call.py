"""RepeatedCall: a service that is asked again until it answers."""

from __future__ import annotations

import time
from typing import Any

from rclpy.node import Node


class RepeatedCall:
    """A server that has not discovered its client yet answers to nobody, and one that is busy answers late.

    Args:
        node: asks; it must be spun.
        kind: type of the service.
        service: full name.
        period: it is asked again after so long, s.
    """

    def __init__(self, node: Node, kind: Any, service: str, period: float) -> None:
        self._node, self._period = node, period
        self._client: Any = node.create_client(kind, service)
        self._asked: list[Any] = []
        self._due = -float("inf")

    def answer(self, request: Any) -> Any:
        """The first response; None as long as there is none: then it asks if it is time. To be called often."""
        found = next((f.result() for f in self._asked if f.done() and f.exception() is None), None)
        if found is None and time.monotonic() >= self._due and self._client.service_is_ready():
            self._due = time.monotonic() + self._period
            self._asked.append(self._client.call_async(request))
        return found

    def destroy(self) -> None:
        """Take the client off the graph."""
        self._node.destroy_client(self._client)
