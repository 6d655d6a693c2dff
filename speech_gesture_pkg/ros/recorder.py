"""Recording topics to a rosbag2 MCAP without rosbag2: types and QoS come from the graph, messages stay serialized."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.subscription import Subscription
from rosbags.interfaces import Connection, Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer, WriterError

from speech_gesture_pkg.errors import ConfigError, MissingDependencyError, OutputError
from speech_gesture_pkg.ros.messages.audio_types import import_message
from speech_gesture_pkg.ros.messages.graph import Publisher, matching_qos, publishers_of
from speech_gesture_pkg.ros.parameters import declare, reject_unknown, required
from speech_gesture_pkg.ros.spin import WAKE_S, Done, StopFlag, close, init, run
from speech_gesture_pkg.ros.typedefs import TypeDefinitions

DISCOVER_S = 0.05
DEPTH = 200
LONGEST_TRANSPORT_NS = 2_000_000_000
"""A send time that lies farther back than this, or in the future, is of another machine's clock and is not used."""
STANDARD_TOPICS: tuple[str, ...] = (
    *("audio", "audio_info", "joint_states", "robot_description", "/diagnostics", "/clock"),
    *("speech_gesture/smplx", "speech_gesture/face", "speech_gesture/markers", "speech_gesture/audio_out"),
    *("*/joint_trajectory", "*/reference"),
)
"""What a recording of this system holds. A leading `*/` matches every topic that ends so."""


class BagRecorder(Node):
    """Writes topics to a bag until `close`.

    Args:
        topics: names (resolved in the node's namespace), or `*/ending`; empty = every topic.
        out: bag folder to make; it must not exist. None = all three are the node's parameters (for launch files).
        compress: zstd chunks.

    Raises OutputError if the folder exists or cannot be made.
    """

    def __init__(
        self, topics: Sequence[str] = (), out: str | Path | None = None, compress: bool = True, **kwargs: Any
    ) -> None:
        super().__init__("bag_recorder", **kwargs)
        if out is None:
            topics, out, compress = self._from_parameters()
        self._compress = compress
        self._endings = tuple(t[1:] for t in topics if t.startswith("*/"))
        self._names = {self.resolve_topic_name(t) for t in topics if not t.startswith("*/")}
        self._all = not topics
        self.out = Path(out)
        self.counts: dict[str, int] = {}
        """Messages written, by topic."""
        self.received: Counter[str] = Counter()
        """Messages received since the recorder began, written or not."""
        self.muted: set[str] = set()
        """Topics whose messages are not written now."""
        self._early: list[tuple[str, bytes]] = []
        self._connections: dict[str, Connection] = {}
        self._offers: dict[str, tuple[str, Qos]] = {}
        self._latched: dict[str, bytes] = {}
        self._simulated = bool(self.get_parameter("use_sim_time").value)
        self._types = TypeDefinitions()
        self._skipped: set[str] = set()
        self._writer: Writer | None = _writer(self.out, compress)
        self.create_timer(DISCOVER_S, self._discover)
        self._discover()

    def _from_parameters(self) -> tuple[Sequence[str], str, bool]:
        topics = declare(self, "topics", STANDARD_TOPICS, "Topics to record; */ending matches every one ending so.")
        declare(self, "out", "", "Bag folder to make.")
        everything = declare(self, "all", False, "Record every topic.")
        compress = declare(self, "compress", True, "zstd compression.")
        duration = declare(self, "duration_s", 0.0, "Stop after this, s; 0 = until interrupted.", 0.0, 1e6)
        reject_unknown(self)
        if duration:
            self.create_timer(duration, self._finish)
        return () if everything else topics, required(self, "out"), compress

    def _finish(self) -> None:
        raise Done

    def close(self) -> None:
        """Finish the bag (index and metadata.yaml). Does nothing the second time."""
        if self._writer is None:
            return
        self._write_out(self.get_clock().now().nanoseconds or time.time_ns())
        writer, self._writer = self._writer, None
        missing = sorted(self._names - self.counts.keys() - self._skipped)
        if missing:
            self.get_logger().info(f"never published, so not in the bag: {', '.join(missing)}")
        try:
            writer.close()
        except OSError as e:
            raise OutputError(f"bag {self.out} cannot be finished: {e.strerror or e}") from e

    def switch(self, out: str | Path) -> None:
        """Finish the bag and go on in another one, which begins with the latest messages of latched topics."""
        self.close()
        self.out, self.counts = Path(out), {}
        self._writer = _writer(self.out, self._compress)
        for topic in self._offers:
            self._connect(topic)
        for topic, data in self._latched.items():
            self._on_message(topic, data, {})

    def knows(self, topic: str) -> bool:
        """Whether `topic` was found and is subscribed to."""
        return topic in self._offers

    def _wanted(self, topic: str) -> bool:
        return self._all or topic in self._names or topic.endswith(self._endings or ("\0",))

    def _discover(self) -> None:
        for topic, types in self.get_topic_names_and_types():
            if topic in self._offers or topic in self._skipped or not self._wanted(topic):
                continue
            publishers = publishers_of(self, topic)
            if not publishers:
                continue
            try:
                self._subscribe(topic, types[0], publishers)
            except MissingDependencyError as e:
                self._skipped.add(topic)
                self.get_logger().warning(f"{topic} is not recorded: {e}")

    def _subscribe(self, topic: str, kind: str, publishers: tuple[Publisher, ...]) -> None:
        message = import_message(kind)
        offered = _offered(publishers)
        self._offers[topic] = kind, offered
        self._connect(topic)
        callback: Any = partial(self._on_message, topic)
        if not hasattr(Subscription, "CallbackType"):  # Humble: callbacks take the message alone
            callback = partial(self._on_message, topic, info={})
        self.create_subscription(message, topic, callback, matching_qos(publishers, DEPTH), raw=True)

    def _connect(self, topic: str) -> None:
        if self._writer is None:
            return
        kind, offered = self._offers[topic]
        definition, digest = self._types.definition(kind)
        self._connections[topic] = self._writer.add_connection(
            topic, kind, msgdef=definition, rihs01=digest, offered_qos_profiles=[offered]
        )
        self.counts[topic] = 0

    def _on_message(self, topic: str, data: bytes, info: Any) -> None:
        """Write a message at the time at which it was sent (so that a busy recorder does not make it look late)."""
        self.received[topic] += 1
        if self.received[topic] == 1:
            self.get_logger().info(f"recording {topic}")
        if topic in self.muted:
            return
        now = self.get_clock().now().nanoseconds
        sent = int(info.get("source_timestamp", 0)) if not self._simulated else 0
        if 0 <= now - sent < LONGEST_TRANSPORT_NS:
            now = sent
        if self._offers[topic][1].durability is QosDurability.TRANSIENT_LOCAL:
            self._latched[topic] = bytes(data)
        self._early.append((topic, bytes(data)))
        if now:  # simulated time is 0 until the first /clock: what came before is stamped with that
            self._write_out(now)

    def _write_out(self, now_ns: int) -> None:
        if self._writer is None:
            self._early.clear()
            return
        for topic, data in self._early:
            try:
                self._writer.write(self._connections[topic], now_ns, data)
            except OSError as e:
                raise OutputError(f"bag {self.out} cannot be written: {e.strerror or e}") from e
            self.counts[topic] += 1
        self._early.clear()


def record(
    topics: Sequence[str], out: str | Path, duration: float | None = None, compress: bool = True
) -> dict[str, int]:
    """Record until SIGINT, or for `duration` seconds. Returns the number of messages by topic.

    Args:
        topics: names or `*/ending`; empty = every topic.
        out: bag folder to make.
        duration: seconds; None = until interrupted.
        compress: zstd chunks.

    Raises OutputError (folder exists, not writable) or ConfigError (duration).
    """
    if duration is not None and not duration > 0:
        raise ConfigError(f"duration is {duration} s; it must be positive")
    init([])
    node = None
    try:
        with StopFlag() as stop:
            node = BagRecorder(topics, out, compress)
            executor = SingleThreadedExecutor()
            executor.add_node(node)
            end = time.monotonic() + duration if duration else float("inf")
            while not stop.set and time.monotonic() < end:
                executor.spin_once(timeout_sec=min(WAKE_S, max(end - time.monotonic(), 0.0)))
            return node.counts
    finally:
        close(node)


def _writer(out: Path, compress: bool) -> Writer:
    try:
        writer = Writer(out, version=9, storage_plugin=StoragePlugin.MCAP)
        if compress:
            writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        writer.open()
    except WriterError as e:
        raise OutputError(f"bag {out} exists already; choose another folder or remove it") from e
    except OSError as e:
        raise OutputError(f"bag {out} cannot be made: {e.strerror or e}") from e
    return writer


def _offered(publishers: tuple[Publisher, ...]) -> Qos:
    qos = matching_qos(publishers)
    never = QosTime(2147483647, 4294967295)
    return Qos(
        QosHistory.KEEP_LAST,
        qos.depth,
        QosReliability[qos.reliability.name],
        QosDurability[qos.durability.name],
        never,
        never,
        QosLiveliness.AUTOMATIC,
        never,
        False,
    )


def main(args: Sequence[str] | None = None) -> int:
    """`ros2 run speech_gesture_pkg record_node --ros-args -p out:=bag`."""
    return run(BagRecorder, args)


if __name__ == "__main__":
    raise SystemExit(main())
