"""ControllerWatch: whether the commanded controllers still listen, and are still those that were found."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from typing import Any

from rcl_interfaces.srv import GetParameters
from rclpy.node import Node

from speech_gesture_pkg.ros.controller_parameters import AGAIN_S, ANSWER_S
from speech_gesture_pkg.ros.controllers import SUFFIX, UNKNOWN, Controller, full_name_of, listeners_of
from speech_gesture_pkg.ros.waiting import some


class _Member:
    """One controller: its joints, the node that subscribes, and a question that is under way."""

    def __init__(self, node: Node, controller: Controller, topic: str) -> None:
        self.name, self.joints, self.topic = controller.name, controller.joints, topic
        self.full_name = topic.removesuffix(SUFFIX)
        self.answers = "joints" in controller.parameters
        self.by_name = self.full_name in listeners_of(node, topic)
        self.present, self.heard, self.gone = True, False, False
        self.other: tuple[str, ...] | None = None
        self.subscribers: set[bytes] = set()
        self.client: Any = None
        self.asked: list[Any] = []
        self.asked_since = self.due = 0.0


class ControllerWatch:
    """A controller that restarts may come back with fewer or other joints: it is asked again before it is commanded.

    Args:
        node: asks; it must be spun.
        controllers: that are commanded.
        topics: full trajectory topic of each.
    """

    def __init__(self, node: Node, controllers: Iterable[Controller], topics: Iterable[str]) -> None:
        self._node = node
        self._members = [_Member(node, c, t) for c, t in zip(controllers, topics, strict=True)]

    def destroy(self) -> None:
        """Take it off the graph."""
        for member in self._members:
            self._forget(member)

    def look(self, listening: Collection[str]) -> str:
        """What is wrong with the controllers in one sentence, '' if nothing is.

        Args:
            listening: trajectory topics that have a subscription now.
        """
        for member in self._members:
            if member.topic not in listening or not member.present:
                member.gone = member.gone or member.heard
                continue
            member.heard = True
            if member.gone and member.answers and member.client is None:
                self._begin(member)
            elif member.gone and not member.answers:
                member.gone = False
            self._hear(member)
        gone = sorted(m.topic for m in self._members if m.gone)
        if gone:
            return f"no controller listens on {', '.join(gone)} any more"
        return "; ".join(self._change(m, m.other) for m in self._members if m.other is not None)

    def look_at_subscribers(self) -> None:
        """Who it is that listens: a recorder is no controller, and a new subscription may be a controller that has
        restarted. To be called now and then: it asks more of the graph than `look`."""
        for member in self._members:
            found = self._node.get_subscriptions_info_by_topic(member.topic)
            names = {UNKNOWN if UNKNOWN in i.node_name else full_name_of(i) for i in found}
            member.present = not member.by_name or not names.isdisjoint({member.full_name, UNKNOWN})
            gids = {bytes(info.endpoint_gid) for info in found}
            if member.subscribers and gids - member.subscribers and member.answers and member.client is None:
                self._begin(member)
            member.subscribers = gids

    def _begin(self, member: _Member) -> None:
        member.client = self._node.create_client(GetParameters, f"{member.full_name}/get_parameters")
        member.asked, member.asked_since, member.due = [], time.monotonic(), -float("inf")

    def _hear(self, member: _Member) -> None:
        """Ask, and take the answer. One that does not answer counts as what it was."""
        if member.client is None:
            return
        now = time.monotonic()
        answer = next((f.result() for f in member.asked if f.done() and f.exception() is None), None)
        if answer is not None:
            joints = tuple(answer.values[0].string_array_value) if answer.values else ()
            member.other = joints if joints and set(joints) != set(member.joints) else None
        if answer is not None or now - member.asked_since > ANSWER_S:
            member.gone = False
            self._forget(member)
        elif now >= member.due and member.client.service_is_ready():
            member.due = now + AGAIN_S
            member.asked.append(member.client.call_async(GetParameters.Request(names=["joints"])))

    def _forget(self, member: _Member) -> None:
        if member.client is not None:
            self._node.destroy_client(member.client)
            member.client = None

    @staticmethod
    def _change(member: _Member, joints: tuple[str, ...]) -> str:
        missing, more = set(member.joints) - set(joints), set(joints) - set(member.joints)
        parts = [f"without {some(missing)}"] * bool(missing) + [f"with {some(more)}"] * bool(more)
        change = " and ".join(parts)
        return f"controller {member.name} has come back {change}; deactivate and activate to command it as it is"
