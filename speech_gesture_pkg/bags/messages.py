"""The messages of a bag, deserialized, for evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.bags.reader import Bag
from speech_gesture_pkg.errors import InputError

MOST_HOURS = 4.0
"""What is put together to one sound or motion, pauses included: 0.9 GB of sound. Longer ones come from wrong times."""
FAR = 60.0
"""A stamp that is so much farther from its reception than others is wrong, s."""


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


def on_one_clock(stamps: Sequence[float], received: Sequence[float]) -> np.ndarray:
    """Which of some messages were stamped on the clock of most of them, whatever that clock shows. Shape [N], bool."""
    ahead = np.asarray(stamps, float) - np.asarray(received, float)
    return np.abs(ahead - np.median(ahead)) <= FAR if len(ahead) else np.zeros(0, bool)


def check_span(what: str, seconds: float) -> None:
    """Raise InputError if something spans more than `MOST_HOURS`."""
    if not seconds <= 3600.0 * MOST_HOURS:
        raise InputError(
            f"{what} spans {seconds / 3600.0:.1f} h by its times, more than {MOST_HOURS:g} h: they are wrong, or the "
            "bag must be cut"
        )


def nanoseconds(stamp: Any) -> int:
    """`builtin_interfaces` Time or Duration in integer nanoseconds."""
    return int(stamp.sec) * 10**9 + int(stamp.nanosec)


def stamp_seconds(stamp: Any) -> float:
    """`builtin_interfaces` Time or Duration in seconds."""
    return stamp.sec + stamp.nanosec * 1e-9
