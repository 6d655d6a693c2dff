"""What controllers were told in a bag: the trajectory windows of each topic, without those that cannot be meant."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from speech_gesture_pkg.bags.messages import BagMessage, on_one_clock
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.verification.motion_guarantees import sampled
from speech_gesture_pkg.verification.quintic import SampledTrajectory


class Windows:
    """Collects them message by message; `settle` when all are there.

    Attributes:
        sent: topic -> its windows in the order of sending; bag clock less the epoch.
        joints: topic -> joint names.
        received: reception of each window, same clock; by topic.
        left_out: messages that are no curve of finite numbers, or are stamped on another clock than the others. (The
            motion guarantees tell which.)
    """

    def __init__(self) -> None:
        self.sent: dict[str, list[SampledTrajectory]] = defaultdict(list)
        self.joints: dict[str, list[str]] = {}
        self.received: dict[str, list[float]] = defaultdict(list)
        self.left_out = 0

    def add(self, message: BagMessage, epoch: int) -> None:
        """The next JointTrajectory; `epoch` in ns. Empty ones and those with other joints are passed over."""
        if not message.data.points:
            return
        try:
            window = sampled(message, epoch)
        except InputError:
            self.left_out += 1
            return
        if not window.finite or np.any(np.diff(window.times) <= 0):
            self.left_out += 1
            return
        names = list(message.data.joint_names)
        if self.joints.setdefault(message.topic, names) == names:
            self.sent[message.topic].append(window)
            self.received[message.topic].append(message.received - epoch / 10**9)

    def settle(self) -> None:
        """Leave out those whose stamps are far from where the others of their topic put them."""
        for topic, windows in self.sent.items():
            kept = on_one_clock([w.times[0] for w in windows], self.received[topic])
            self.left_out += int((~kept).sum())
            self.sent[topic] = [w for w, keep in zip(windows, kept, strict=True) if keep]
            self.received[topic] = [t for t, keep in zip(self.received[topic], kept, strict=True) if keep]
