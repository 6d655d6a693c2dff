"""JointReport: which joints are missing from joint states, and what is wrong with those that come."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.nodes.graph_probe import GraphProbe
from speech_gesture_pkg.runtime.joint_feedback import BEYOND

JOINT_STATE_QOS = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
"""BEST_EFFORT matches every publisher of joint states."""
SHOWN = 6
"""So many names stand in a sentence, then a number."""


def some(names: Iterable[str]) -> str:
    """Names for a sentence, sorted; only the first few of many."""
    listed = sorted(names)
    more = len(listed) - SHOWN
    return ", ".join(listed[:SHOWN]) + (f" and {more} more" if more > 0 else "")


class JointReport:
    """Keeps what joint states said of each joint, for a sentence when they do not suffice.

    Args:
        limits: lowest and highest position of each joint that is needed, rad or m.
        timeout: older positions count as lost, s.
        steady: steady clock, s.
    """

    def __init__(
        self,
        limits: Mapping[str, tuple[float, float]],
        timeout: float,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits, self._timeout, self._steady = dict(limits), timeout, steady
        # Another thread may read: their keys never change.
        self._last = dict.fromkeys(self._limits, math.nan)
        self._seen = dict.fromkeys(self._limits, -math.inf)

    def note(self, names: Sequence[str], positions: Sequence[float]) -> None:
        """A joint state; names without a position count as absent."""
        now = self._steady()
        for name, position in zip(names, positions, strict=False):
            if name in self._limits:
                self._last[name], self._seen[name] = position, now

    @property
    def unnamed(self) -> set[str]:
        """Joints that no joint state has named with a position so far."""
        return {name for name, at in self._seen.items() if at == -math.inf}

    def sentence(self, topic: str) -> str:
        """What is missing or wrong, '' if all joints are known and fresh. `topic`: where joint states come from."""
        now, parts = self._steady(), []
        unnamed = self.unnamed
        if unnamed:
            parts.append(f"no joint states of {some(unnamed)} on {topic}")
        nan = {name for name, q in self._last.items() if not math.isfinite(q)}
        if nan - unnamed:
            parts.append(f"joint states of {some(nan - unnamed)} are not finite")
        for name in sorted(self._last.keys() - nan):
            low, high = self._limits[name]
            if not low - BEYOND <= self._last[name] <= high + BEYOND:
                parts.append(f"{name} is at {self._last[name]:.4g}, far outside its limits {low:.4g} to {high:.4g}")
        ages = {name: now - t for name, t in self._seen.items() if now - t > self._timeout and name not in unnamed}
        if ages:
            parts.append(
                f"the last joint states of {some(ages)} are {min(ages.values()):.1f} s old or more "
                f"(safety.joint_state_timeout is {self._timeout:g} s)"
            )
        return "; ".join(parts)


def wait_for_joint_states(probe: GraphProbe, joints: Iterable[str], timeout: float) -> None:
    """Wait until joint states have named all `joints`. Raises RobotError naming those absent after `timeout` s."""
    topic = probe.owner.resolve_topic_name("joint_states")
    report = JointReport(dict.fromkeys(joints, (0.0, 0.0)), timeout)
    subscription = probe.node.create_subscription(
        JointState, topic, lambda m: report.note(m.name, m.position), JOINT_STATE_QOS
    )

    def nobody() -> str:
        return "" if probe.node.count_publishers(topic) else " (nobody publishes it)"

    def waiting() -> str:
        return f"waiting for joint states of {some(report.unnamed)} on {topic}{nobody()}"

    try:
        if not probe.until(lambda: not report.unnamed, timeout, waiting):
            raise RobotError(f"no joint states of {some(report.unnamed)} on {topic} within {timeout:g} s{nobody()}")
    finally:
        probe.node.destroy_subscription(subscription)
