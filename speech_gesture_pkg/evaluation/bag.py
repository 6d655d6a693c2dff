"""The messages of a bag, deserialized, for evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speech_gesture_pkg.runtime.bags import Bag


@dataclass(frozen=True)
class BagMessage:
    """One recorded message.

    Attributes:
        topic: full name.
        type_name: e.g. `trajectory_msgs/msg/JointTrajectory`.
        received: when the recorder received it, s.
        data: deserialized; fields as in the message definition, arrays as numpy.
    """

    topic: str
    type_name: str
    received: float
    data: Any


def read_bag(path: str | Path, types: tuple[str, ...] = (), topics: tuple[str, ...] = ()) -> Iterator[BagMessage]:
    """Messages in the order of reception.

    Args:
        path: bag folder (with metadata.yaml).
        types: only these message types, if given.
        topics: only these topics, if given.

    Raises:
        InputError: the path does not exist or is no bag.
    """
    with Bag(path) as bag:
        kinds = {t.name: t.type_name for t in bag.topics}
        wanted = [t for t, k in kinds.items() if (not types or k in types) and (not topics or t in topics)]
        if not wanted:
            return
        for time_ns, topic, data in bag.decoded(wanted):
            yield BagMessage(topic, kinds[topic], time_ns * 1e-9, data)


def stamp_seconds(stamp: Any) -> float:
    """`builtin_interfaces` Time or Duration in seconds."""
    return stamp.sec + stamp.nanosec * 1e-9
