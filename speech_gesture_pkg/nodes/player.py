"""Playing a bag into live nodes with /clock, without rosbag2."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import rclpy
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from std_srvs.srv import SetBool

from speech_gesture_pkg.errors import ConfigError, InputError, MissingDependencyError
from speech_gesture_pkg.nodes.clock import time_msg
from speech_gesture_pkg.nodes.messages.audio_types import import_message
from speech_gesture_pkg.nodes.parameters import declare, reject_unknown, required
from speech_gesture_pkg.nodes.spin import Done, StopFlag, close, init, run
from speech_gesture_pkg.runtime.bags import Bag, BagMessage

CLOCK = "/clock"
LATE_S = 0.5
"""A player held up for longer moves its schedule instead of sending a burst."""


class BagPlayer(Node):
    """Publishes a bag's messages at their times; `step` does the work and is called between spins.

    Args:
        path: bag folder, .mcap or .db3.
        rate: playback speed.
        loop: begin again at the end (time jumps back then).
        start_s: seconds into the bag.
        topics: what to play; all but /clock if empty.
        remap: topic in the bag to topic on the graph.
        clock_hz: rate of /clock; 0 = none.
        wait_s: wait so long at most for a subscriber of any played topic.
        lead_in_s: let /clock run for so long (bag time) before the first message: nodes on simulated time get going.
        name: node name.

    Raises InputError for a bag without anything to play and ConfigError for topics that it lacks.
    """

    def __init__(
        self,
        path: str | Path,
        rate: float = 1.0,
        loop: bool = False,
        start_s: float = 0.0,
        topics: Collection[str] = (),
        remap: Mapping[str, str] | None = None,
        clock_hz: float = 100.0,
        wait_s: float = 3.0,
        lead_in_s: float = 0.0,
        name: str = "bag_player",
        **kwargs: Any,
    ) -> None:
        super().__init__(name, **kwargs)
        self.open(path, rate, loop, start_s, topics, remap or {}, clock_hz, wait_s, lead_in_s)

    def open(
        self,
        path: str | Path,
        rate: float,
        loop: bool,
        start_s: float,
        topics: Collection[str],
        remap: Mapping[str, str],
        clock_hz: float,
        wait_s: float,
        lead_in_s: float,
    ) -> None:
        """Open the bag and make the publishers (called by the constructor)."""
        if not rate > 0:
            raise ConfigError(f"rate is {rate}; it must be positive")
        self.bag = Bag(path)
        if self.bag.damage:
            self.get_logger().warning(f"{self.bag.damage}; what can be read is played")
        if not 0.0 <= start_s <= self.bag.duration_s:
            raise ConfigError(f"start is {start_s} s; {path} lasts {self.bag.duration_s:.3f} s")
        self._rate, self._loop, self._start_s = rate, loop, start_s
        self._outputs = self._make_publishers(topics, remap)
        self._clock_publisher = self.create_publisher(Clock, CLOCK, QoSProfile(depth=1)) if clock_hz else None
        self._clock_period = 1.0 / clock_hz if clock_hz else float("inf")
        self._clock_due = 0.0
        self._messages: Iterator[BagMessage] = iter(())
        self._next: BagMessage | None = None
        self._origin_ns = self._position_ns = 0
        self._anchor = 0.0
        self._wait_until = time.monotonic() + wait_s
        self._waiting = True
        self.paused = False
        self.published = 0
        """Messages sent so far."""
        self.create_service(SetBool, "~/pause", self._on_pause)
        self._rewind()
        self._hold_at(self._position_ns - round(lead_in_s * 1e9), time.monotonic())

    def close(self) -> None:
        """Wait until reliable subscribers have everything, then close the bag."""
        for publisher in getattr(self, "_outputs", {}).values():
            publisher.wait_for_all_acked(Duration(seconds=0.5))
        if hasattr(self, "bag"):
            self.bag.close()

    def step(self) -> float:
        """Publish what is due. Returns the seconds until something is due again. Raises `Done` at the end."""
        now = time.monotonic()
        if self._waiting:
            matched = any(p.get_subscription_count() for p in self._outputs.values())
            if not matched and now < self._wait_until:
                self._publish_clock(now, self._position_ns)
                return 0.02
            self._waiting = False
            self._anchor = now
        if self.paused:
            self._anchor = now
            self._publish_clock(now, self._position_ns)
            return min(self._clock_period, 0.05)
        position = self._origin_ns + round((now - self._anchor) * self._rate * 1e9)
        while self._next is not None and self._next.time_ns <= position:
            if (position - self._next.time_ns) * 1e-9 / self._rate > LATE_S:
                self._hold_at(self._next.time_ns, now)
                position = self._next.time_ns
            self._position_ns = self._next.time_ns
            self._publish_clock(now, self._position_ns)
            self._outputs[self._next.topic].publish(self._next.data)
            self.published += 1
            self._next = next(self._messages, None)
        if self._next is None:
            if not self._loop:
                raise Done
            self._rewind()
            self._anchor = now
            return 0.0
        self._position_ns = position
        self._publish_clock(now, self._position_ns)
        due = (self._next.time_ns - position) * 1e-9 / self._rate
        return max(min(due, self._clock_due - now), 0.0)

    def _rewind(self) -> None:
        self._messages = self.bag.messages(self._outputs.keys(), self._start_s)
        self._next = next(self._messages, None)
        if self._next is None:
            raise InputError(f"bag {self.bag.path} has no message to play after {self._start_s} s")
        self._hold_at(self._next.time_ns, time.monotonic())

    def _hold_at(self, time_ns: int, now: float) -> None:
        """Playback is at bag time `time_ns` at steady time `now`."""
        self._origin_ns = self._position_ns = time_ns
        self._anchor = now

    def _publish_clock(self, now: float, position_ns: int) -> None:
        if self._clock_publisher is not None and now >= self._clock_due:
            self._clock_publisher.publish(Clock(clock=time_msg(position_ns)))
            self._clock_due = max(self._clock_due + self._clock_period, now)

    def _make_publishers(self, topics: Collection[str], remap: Mapping[str, str]) -> dict[str, Any]:
        known = {t.name for t in self.bag.topics}
        strange = sorted({*topics, *remap} - known)
        if strange:
            raise ConfigError(f"bag {self.bag.path} lacks {', '.join(strange)}; it has: {', '.join(sorted(known))}")
        made = {}
        for topic in self.bag.topics:
            if (topic.name not in topics) if topics else (topic.name == CLOCK):
                continue
            try:
                message = import_message(topic.type_name)
            except MissingDependencyError as e:
                self.get_logger().warning(f"{topic.name} is not played: {e}")
                continue
            qos = QoSProfile(
                depth=100,
                reliability=ReliabilityPolicy.RELIABLE if topic.reliable else ReliabilityPolicy.BEST_EFFORT,
                durability=DurabilityPolicy.TRANSIENT_LOCAL if topic.latched else DurabilityPolicy.VOLATILE,
            )
            made[topic.name] = self.create_publisher(message, remap.get(topic.name, topic.name), qos)
        if not made:
            raise InputError(f"bag {self.bag.path} has nothing that can be played here")
        return made

    def _on_pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if request.data != self.paused:
            self._hold_at(self._position_ns, time.monotonic())
        self.paused = request.data
        response.success, response.message = True, "paused" if self.paused else "playing"
        return response


class ReplayNode(BagPlayer):
    """The player with parameters, for launch files."""

    def __init__(self) -> None:
        Node.__init__(self, "bag_player")
        declare(self, "bag", "", "Bag folder, .mcap or .db3 file to play.")
        rate = declare(self, "rate", 1.0, "Playback speed.", 0.01, 100.0)
        loop = declare(self, "loop", False, "Begin again at the end.")
        start = declare(self, "start", 0.0, "Where to begin, s into the bag.", 0.0, 1e6)
        topics = declare(self, "topics", [], "Topics to play; empty = all.")
        pairs = declare(self, "remap", [], "Topics to rename, each as old:=new.")
        clock_hz = declare(self, "clock_hz", 100.0, "Rate of /clock, Hz; 0 = none.", 0.0, 1000.0)
        wait = declare(self, "wait", 3.0, "Wait so long at most for a subscriber, s.", 0.0, 600.0)
        lead_in = declare(self, "lead_in", 0.0, "Run /clock so long before the first message, s.", 0.0, 600.0)
        reject_unknown(self)
        self.open(required(self, "bag"), rate, loop, start, topics, parse_remap(pairs), clock_hz, wait, lead_in)


def parse_remap(pairs: Sequence[str]) -> dict[str, str]:
    """`["/a:=/b"]` as `{"/a": "/b"}`. Raises ConfigError for anything else."""
    result = {}
    for pair in pairs:
        old, arrow, new = pair.partition(":=")
        if not (old and arrow and new):
            raise ConfigError(f"remap {pair!r} is malformed; it must look like /old:=/new")
        result[old] = new
    return result


def replay(path: str | Path, **options: Any) -> int:
    """Play a bag until its end or SIGINT; `options` as of `BagPlayer`. Returns the number of messages sent."""
    init([])
    node = None
    try:
        with StopFlag() as stop:
            node = BagPlayer(path, **options)
            executor = SingleThreadedExecutor()
            executor.add_node(node)
            with suppress(Done):
                while not stop.set and rclpy.ok():
                    executor.spin_once(timeout_sec=node.step())
            return node.published
    finally:
        close(node)


def main(args: Sequence[str] | None = None) -> int:
    """`ros2 run speech_gesture_pkg replay_node --ros-args -p bag:=bag`."""
    return run(ReplayNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
