"""Who publishes a topic, with what type and QoS: for choosing the audio type and for naming what does not fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from speech_gesture_pkg.ros.messages.audio_types import AUDIO_TYPES

AUDIO_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=100,
    reliability=ReliabilityPolicy.BEST_EFFORT,
    durability=DurabilityPolicy.VOLATILE,
)
"""Of the audio subscription: BEST_EFFORT and VOLATILE match every publisher; 100 chunks are seconds of audio."""

GID_BYTES = 16
"""Length of a DDS identifier; Humble pads it with zeros."""
INCOMPATIBLE = "incompatible QoS"
UNKNOWN = "_NODE_NAME_UNKNOWN_"
"""What the graph calls a node that it has not discovered yet, but whose topics it has."""


@dataclass(frozen=True)
class Publisher:
    """One publisher of a topic, as the ROS graph knows it.

    Attributes:
        node: full name of its node, e.g. `/robot/tts`.
        type_name: e.g. `std_msgs/msg/Int16MultiArray`.
        reliability: RELIABLE or BEST_EFFORT.
        durability: VOLATILE or TRANSIENT_LOCAL.
        gid: identifier of this very publisher.
    """

    node: str
    type_name: str
    reliability: ReliabilityPolicy
    durability: DurabilityPolicy
    gid: tuple[int, ...]


@dataclass(frozen=True)
class AudioTopic:
    """What the graph says of an audio topic.

    Attributes:
        topic: resolved name.
        publishers: all of them, in the order of discovery.
        type_name: type of the first publisher that sends audio; None if there is none yet.
    """

    topic: str
    publishers: tuple[Publisher, ...]
    type_name: str | None

    @property
    def problem(self) -> str:
        """One sentence for several publishers or for types that are not audio; '' if all is well."""
        if len(self.publishers) > 1:
            names = " and ".join(p.node for p in self.publishers)
            return f"{len(self.publishers)} publishers on {self.topic}: {names}; exactly one must speak"
        if self.publishers and self.type_name is None:
            got = ", ".join(sorted({p.type_name for p in self.publishers}))
            return f"{self.topic} has type {got}, which is no audio type; it must be one of: {', '.join(AUDIO_TYPES)}"
        return ""


def gid_of(identifier: Iterable[int]) -> bytes:
    """Identifies a publisher, in the graph and in what is known of a message (Humble pads one of them)."""
    return bytes(identifier)[:GID_BYTES]


def publishers_of(node: Node, topic: str) -> tuple[Publisher, ...]:
    """Publishers of `topic` (relative names and remappings of `node` are resolved)."""
    return tuple(_endpoint(i) for i in node.get_publishers_info_by_topic(node.resolve_topic_name(topic)))


def detect_audio_type(node: Node, topic: str, own: str = "") -> AudioTopic:
    """Ask the graph who publishes `topic`.

    Args:
        node: whose graph view is asked; it need not be spinning.
        topic: topic name, resolved as for a subscription of `node`.
        own: a type that counts as audio beside `AUDIO_TYPES` (of an `OwnAudioType`).
    """
    found = publishers_of(node, topic)
    kind = next((p.type_name for p in found if p.type_name in (*AUDIO_TYPES, own)), None)
    return AudioTopic(node.resolve_topic_name(topic), found, kind)


def qos_problem(publisher: Publisher, qos: QoSProfile, topic: str) -> str:
    """One sentence naming the policies if a subscription with `qos` cannot match `publisher`; '' if it can."""
    wrong = _incompatible(publisher.reliability, publisher.durability, qos.reliability, qos.durability)
    return f"{topic} cannot be received from {publisher.node}: {INCOMPATIBLE} {wrong}" if wrong else ""


def unmatched(node: Node, topic: str, qos: QoSProfile) -> str:
    """One sentence naming the policies if subscriptions with `qos` cannot match a publisher of `topic`, else ''."""
    name = node.resolve_topic_name(topic)
    return next((s for p in publishers_of(node, topic) if (s := qos_problem(p, qos, name))), "")


def unheard(node: Node, topic: str, qos: QoSProfile) -> str:
    """One sentence naming the policies if publishers with `qos` match no subscription of `topic`, else ''."""
    problems = []
    for info in node.get_subscriptions_info_by_topic(node.resolve_topic_name(topic)):
        theirs = info.qos_profile
        wrong = _incompatible(qos.reliability, qos.durability, theirs.reliability, theirs.durability)
        if not wrong:
            return ""
        problems.append(f"{full_name_of(info)} cannot hear {topic}: {INCOMPATIBLE} {wrong}")
    return "; ".join(problems)


def _incompatible(
    offered: ReliabilityPolicy, kept: DurabilityPolicy, wanted: ReliabilityPolicy, history: DurabilityPolicy
) -> str:
    """Which policies of a publisher (`offered`, `kept`) are less than a subscription wants; '' if none."""
    wrong = []
    if wanted == ReliabilityPolicy.RELIABLE and offered == ReliabilityPolicy.BEST_EFFORT:
        wrong.append("reliability (publisher BEST_EFFORT, subscription RELIABLE)")
    if history == DurabilityPolicy.TRANSIENT_LOCAL and kept == DurabilityPolicy.VOLATILE:
        wrong.append("durability (publisher VOLATILE, subscription TRANSIENT_LOCAL)")
    return " and ".join(wrong)


def matching_qos(publishers: tuple[Publisher, ...], depth: int = 100) -> QoSProfile:
    """The most demanding subscription QoS that matches all `publishers`."""
    reliable = all(p.reliability != ReliabilityPolicy.BEST_EFFORT for p in publishers)
    latched = all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in publishers)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched and publishers else DurabilityPolicy.VOLATILE,
    )


def listeners_of(node: Node, topic: str) -> set[str]:
    """Full names of the nodes that subscribe a topic."""
    found = node.get_subscriptions_info_by_topic(topic)
    return {UNKNOWN if UNKNOWN in i.node_name else full_name_of(i) for i in found}


def full_name_of(info: Any) -> str:
    """Full name of the node of a publisher or subscription, as the graph has it."""
    return f"{info.node_namespace.rstrip('/')}/{info.node_name}"


def foreign_publishers(node: Node, topics: Iterable[str], own: int) -> str:
    """Who else publishes on trajectory topics, in one sentence; '' if nobody.

    Args:
        node: whose publishers do not count.
        topics: full names.
        own: how many publishers `node` itself has on each.
    """
    me, others, shared = node.get_fully_qualified_name(), set(), set()
    for topic in topics:
        names = [full_name_of(info) for info in node.get_publishers_info_by_topic(topic)]
        found = {n for n in names if n != me} | ({f"another node named {me}"} if names.count(me) > own else set())
        others |= found
        shared |= {topic} if found else set()
    if not others:
        return ""
    who, where = " and ".join(sorted(others)), ", ".join(sorted(shared))
    return f"{who} publishes on {where} too; only one node may command a controller"


def _endpoint(info: Any) -> Publisher:
    return Publisher(
        full_name_of(info),
        info.topic_type,
        info.qos_profile.reliability,
        info.qos_profile.durability,
        tuple(info.endpoint_gid),
    )
