"""ControllerWatch: whether the commanded controllers still listen, and are still those that were found."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable

from rcl_interfaces.srv import GetParameters
from rclpy.node import Node

from speech_gesture_pkg.ros.controller_parameters import AGAIN_S, ANSWER_S
from speech_gesture_pkg.ros.controllers import SUFFIX, Controller
from speech_gesture_pkg.ros.messages.graph import UNKNOWN, full_name_of, listeners_of
from speech_gesture_pkg.ros.repeated_call import RepeatedCall
from speech_gesture_pkg.ros.waiting import some


class _Member:
    """One controller: its joints, the node that subscribes, and a question that is under way."""

    def __init__(self, node: Node, controller: Controller, topic: str) -> None:
        self.name, self.joints, self.topic = controller.name, controller.joints, topic
        self.full_name = topic.removesuffix(SUFFIX)
        self.answers = "joints" in controller.parameters
        self.by_name = self.full_name in listeners_of(node, topic)
        self.present, self.seen, self.gone = True, False, False
        self.other: tuple[str, ...] | None = None
        self.subscribers: set[bytes] = set()
        self.question: RepeatedCall | None = None
        self.asked_since = 0.0


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
                member.gone = member.gone or member.seen
                continue
            member.seen = True
            if member.gone and member.answers and member.question is None:
                self._begin(member)
            elif member.gone and not member.answers:
                member.gone = False
            self._take_answer(member)
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
            if member.subscribers and gids - member.subscribers and member.answers and member.question is None:
                self._begin(member)
            member.subscribers = gids

    def _begin(self, member: _Member) -> None:
        service = f"{member.full_name}/get_parameters"
        member.question, member.asked_since = (
            RepeatedCall(self._node, GetParameters, service, AGAIN_S),
            time.monotonic(),
        )

    def _take_answer(self, member: _Member) -> None:
        """Ask, and take the answer. One that does not answer counts as what it was."""
        if member.question is None:
            return
        answer = member.question.answer(GetParameters.Request(names=["joints"]))
        if answer is not None:
            joints = tuple(answer.values[0].string_array_value) if answer.values else ()
            member.other = joints if joints and set(joints) != set(member.joints) else None
        if answer is not None or time.monotonic() - member.asked_since > ANSWER_S:
            member.gone = False
            self._forget(member)

    def _forget(self, member: _Member) -> None:
        if member.question is not None:
            member.question.destroy()
            member.question = None

    @staticmethod
    def _change(member: _Member, joints: tuple[str, ...]) -> str:
        missing, more = set(member.joints) - set(joints), set(joints) - set(member.joints)
        parts = [f"without {some(missing)}"] * bool(missing) + [f"with {some(more)}"] * bool(more)
        change = " and ".join(parts)
        return f"controller {member.name} has come back {change}; deactivate and activate to command it as it is"
