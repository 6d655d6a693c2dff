"""Playing a bag into live nodes with /clock, without rosbag2."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from std_srvs.srv import SetBool

from speech_gesture_pkg.bags.reader import Bag, BagMessage
from speech_gesture_pkg.errors import ConfigError, InputError, MissingDependencyError
from speech_gesture_pkg.ros.clock import time_msg
from speech_gesture_pkg.ros.keyboard import SpaceBar
from speech_gesture_pkg.ros.messages.audio_types import import_message
from speech_gesture_pkg.ros.parameters import declare, reject_unknown, required
from speech_gesture_pkg.ros.spin import Done, StopFlag, close, init, run

CLOCK = "/clock"
MOST_TIMES = 100_000
LATE_S = 0.5
"""A player held up for longer moves its schedule instead of sending a burst."""


@dataclass(frozen=True, kw_only=True)
class PlayOptions:
    """How a bag is played.

    Attributes:
        rate: playback speed.
        loop: begin again at the end (time jumps back then).
        start_s: seconds into the bag.
        duration_s: play so much of the bag; 0 = to its end.
        topics: what to play; all but /clock if empty.
        exclude: topics that are not played.
        remap: topic in the bag to topic on the graph.
        clock_hz: rate of /clock; 0 = none.
        wait_s: wait so long at most for a subscriber of any played topic.
        lead_in_s: let /clock run for so long (bag time) before the first message: nodes on simulated time get going.
        lead_out_s: as long does /clock run on after the last message: what came last is still answered.
        paused: begin paused; `~/pause` goes on.
    """

    rate: float = 1.0
    loop: bool = False
    start_s: float = 0.0
    duration_s: float = 0.0
    topics: Collection[str] = ()
    exclude: Collection[str] = ()
    remap: Mapping[str, str] = field(default_factory=dict)
    clock_hz: float = 100.0
    wait_s: float = 3.0
    lead_in_s: float = 0.0
    lead_out_s: float = 0.0
    paused: bool = False


class BagPlayer(Node):
    """Publishes a bag's messages at their times; `step` does the work and is called between spins.

    Args:
        path: bag folder, .mcap or .db3; None = it and the options are the node's parameters (for launch files).
        options: how to play it.

    Raises InputError for a bag without anything to play and ConfigError for topics that it lacks.
    """

    def __init__(self, path: str | Path | None = None, options: PlayOptions | None = None, **kwargs: Any) -> None:
        super().__init__("bag_player", **kwargs)
        if path is None:
            path, options = self._from_parameters()
        options = options or PlayOptions()
        if not options.rate > 0:
            raise ConfigError(f"rate is {options.rate}; it must be positive")
        start_s, duration_s = options.start_s, options.duration_s
        self.bag = Bag(path)
        if self.bag.damage:
            self.get_logger().warning(f"{self.bag.damage}; what can be read is played")
        if not 0.0 <= start_s <= self.bag.duration_s:
            raise ConfigError(f"start is {start_s} s; {path} lasts {self.bag.duration_s:.3f} s")
        if duration_s < 0.0:
            raise ConfigError(f"duration is {duration_s} s; it must be positive, or 0 to play to the end")
        self._rate, self._loop, self._start_s = options.rate, options.loop, start_s
        self._lead_out_ns = round(options.lead_out_s * 1e9) if options.clock_hz else 0
        self._last_ns = 0
        self._end_ns = self.bag.start_ns + round((start_s + duration_s) * 1e9) if duration_s else self.bag.end_ns
        self._outputs = self._make_publishers(options)
        self._clock_publisher = self.create_publisher(Clock, CLOCK, QoSProfile(depth=1)) if options.clock_hz else None
        self._clock_period = 1.0 / options.clock_hz if options.clock_hz else float("inf")
        self._clock_due = 0.0
        self._messages: Iterator[BagMessage] = iter(())
        self._next: BagMessage | None = None
        self._origin_ns = self._position_ns = 0
        self._anchor = 0.0
        self._wait_until = time.monotonic() + options.wait_s
        self._waiting, self.paused = True, options.paused
        self.published = 0
        """Messages sent so far."""
        self.late: deque[float] = deque(maxlen=MOST_TIMES)
        """How much later than due the latest messages were sent, s."""
        self.create_service(SetBool, "~/pause", self._on_pause)
        self._rewind()
        self._hold_at(self._position_ns - round(options.lead_in_s * 1e9), time.monotonic())

    def _from_parameters(self) -> tuple[str, PlayOptions]:
        declare(self, "bag", "", "Bag folder, .mcap or .db3 file to play.")
        pairs = declare(self, "remap", [], "Topics to rename, each as old:=new.")
        options = PlayOptions(
            rate=declare(self, "rate", 1.0, "Playback speed.", 0.01, 100.0),
            loop=declare(self, "loop", False, "Begin again at the end."),
            start_s=declare(self, "start", 0.0, "Where to begin, s into the bag.", 0.0, 1e6),
            duration_s=declare(self, "duration", 0.0, "Play so much of the bag, s; 0 = to its end.", 0.0, 1e6),
            topics=declare(self, "topics", [], "Topics to play; empty = all."),
            exclude=declare(self, "exclude", [], "Topics that are not played."),
            remap=parse_remap(pairs),
            clock_hz=declare(self, "clock_hz", 100.0, "Rate of /clock, Hz; 0 = none.", 0.0, 1000.0),
            wait_s=declare(self, "wait", 3.0, "Wait so long at most for a subscriber, s.", 0.0, 600.0),
            lead_in_s=declare(self, "lead_in", 0.0, "Run /clock so long before the first message, s.", 0.0, 600.0),
            lead_out_s=declare(self, "lead_out", 0.0, "Run /clock so long after the last message, s.", 0.0, 600.0),
            paused=declare(self, "start_paused", False, "Begin paused (service ~/pause goes on)."),
        )
        reject_unknown(self)
        return required(self, "bag"), options

    def close(self) -> None:
        """Wait until reliable subscribers have everything, then close the bag."""
        for publisher in self._outputs.values():
            publisher.wait_for_all_acked(Duration(seconds=0.5))
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
            self._position_ns = self._last_ns = self._next.time_ns
            self._publish_clock(now, self._position_ns)
            self._outputs[self._next.topic].publish(self._next.data)
            self.late.append((position - self._next.time_ns) * 1e-9 / self._rate)
            self.published += 1
            self._advance()
        if self._next is None:
            if not self._loop:
                return self._run_out(now, position)
            self._rewind()
            self._anchor = now
            return 0.0
        self._position_ns = position
        self._publish_clock(now, self._position_ns)
        due = (self._next.time_ns - position) * 1e-9 / self._rate
        return max(min(due, self._clock_due - now), 0.0)

    def _run_out(self, now: float, position_ns: int) -> float:
        """The time after the last message."""
        if position_ns >= self._last_ns + self._lead_out_ns:
            raise Done
        self._position_ns = position_ns
        self._publish_clock(now, position_ns)
        return max(self._clock_due - now, 0.0)

    def pause(self, on: bool) -> None:
        """Stop the bag's clock, or let it go on."""
        if on != self.paused:
            self._hold_at(self._position_ns, time.monotonic())
        self.paused = on

    def timing(self) -> dict[str, float]:
        """How late messages were sent: median and 99th percentile, ms."""
        late = 1e3 * np.array(self.late or [0.0])
        return {"late_p50_ms": float(np.median(late)), "late_p99_ms": float(np.percentile(late, 99))}

    def _rewind(self) -> None:
        self._messages = self.bag.messages(self._outputs.keys(), self._start_s)
        self._advance()
        if self._next is None:
            end = (self._end_ns - self.bag.start_ns) * 1e-9
            raise InputError(f"bag {self.bag.path} has no message to play between {self._start_s:g} s and {end:g} s")
        self._hold_at(self._next.time_ns, time.monotonic())

    def _advance(self) -> None:
        self._next = next(self._messages, None)
        if self._next is not None and self._next.time_ns > self._end_ns:
            self._next = None

    def _hold_at(self, time_ns: int, now: float) -> None:
        """Playback is at bag time `time_ns` at steady time `now`."""
        self._origin_ns = self._position_ns = time_ns
        self._anchor = now

    def _publish_clock(self, now: float, position_ns: int) -> None:
        if self._clock_publisher is not None and now >= self._clock_due:
            self._clock_publisher.publish(Clock(clock=time_msg(position_ns)))
            self._clock_due = max(self._clock_due + self._clock_period, now)

    def _make_publishers(self, options: PlayOptions) -> dict[str, Any]:
        topics, remap, exclude = options.topics, options.remap, options.exclude
        known = {t.name for t in self.bag.topics}
        strange = sorted({*topics, *remap, *exclude} - known)
        if strange:
            raise ConfigError(f"bag {self.bag.path} lacks {', '.join(strange)}; it has: {', '.join(sorted(known))}")
        made = {}
        for topic in self.bag.topics:
            if topic.name in exclude or ((topic.name not in topics) if topics else (topic.name == CLOCK)):
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
        self.pause(request.data)
        response.success, response.message = True, "paused" if self.paused else "playing"
        return response


def parse_remap(pairs: Sequence[str]) -> dict[str, str]:
    """`["/a:=/b"]` as `{"/a": "/b"}`. Raises ConfigError for anything else."""
    result = {}
    for pair in pairs:
        old, arrow, new = pair.partition(":=")
        if not (old and arrow and new):
            raise ConfigError(f"remap {pair!r} is malformed; it must look like /old:=/new")
        result[old] = new
    return result


def replay(path: str | Path, options: PlayOptions, keys: bool = False) -> dict[str, Any]:
    """Play a bag until its end or SIGINT.

    Args:
        path: of the bag.
        options: how to play it.
        keys: the space bar pauses and goes on, if standard input is a terminal.

    Returns:
        `messages`, the number of those sent, and their `timing`.
    """
    init([])
    node = None
    try:
        with StopFlag() as stop, SpaceBar(keys) as space:
            node = BagPlayer(path, options)
            executor = SingleThreadedExecutor()
            executor.add_node(node)
            with suppress(Done):
                while not stop.set and rclpy.ok():
                    if space.pressed():
                        node.pause(not node.paused)
                        node.get_logger().info("paused" if node.paused else "playing")
                    executor.spin_once(timeout_sec=node.step())
            return {"messages": node.published} | node.timing()
    finally:
        close(node)


def main(args: Sequence[str] | None = None) -> int:
    """`ros2 run speech_gesture_pkg replay_node --ros-args -p bag:=bag`."""
    return run(BagPlayer, args)


if __name__ == "__main__":
    raise SystemExit(main())
