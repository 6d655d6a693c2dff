"""Reading rosbag2 bags (MCAP and sqlite3) without ROS, whole or damaged."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, NamedTuple

from rosbags.interfaces import Connection, QosDurability, QosReliability
from rosbags.rosbag2 import Reader

from speech_gesture_pkg.bags.mcap_repair import repair
from speech_gesture_pkg.bags.types import type_store
from speech_gesture_pkg.bags.unpacking import (
    Budget,
    TooLargeError,
    bound_rosbags,
    bound_rows,
    check_chunks,
    spending,
)
from speech_gesture_pkg.errors import InputError

SUFFIXES = (".mcap", ".db3")


class RawMessage(NamedTuple):
    """One message: receive time in ns, topic, type name, CDR bytes."""

    time_ns: int
    topic: str
    type_name: str
    data: bytes


@dataclass(frozen=True)
class BagTopic:
    """A topic of a bag.

    Attributes:
        name: topic name.
        type_name: e.g. `sensor_msgs/msg/JointState`.
        count: number of messages.
        reliable: whether its publisher was RELIABLE (True if not recorded).
        latched: whether its publisher was TRANSIENT_LOCAL.
    """

    name: str
    type_name: str
    count: int
    reliable: bool
    latched: bool


class Bag:
    """A bag opened for reading; a context manager.

    Args:
        path: bag folder, or an .mcap or .db3 file.

    Raises:
        InputError: missing, no bag, or nothing in it can be read. A damaged bag (no metadata.yaml, cut off) is read as
            far as it goes, and `damage` says what is wrong.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.damage = ""
        self._store: Any = None
        self._stack = ExitStack()
        bound_rosbags()
        try:
            with spending(self._budget()):
                self._readers = self._open()
            self.topics = self._topics()
            self.start_ns, self.end_ns = self._span()
            if self.damage:
                self.damage += f"; {self.count} messages of {self.duration_s:.1f} s can be read"
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        self._stack.close()

    @property
    def duration_s(self) -> float:
        """Seconds from the first to the last message."""
        return (self.end_ns - self.start_ns) * 1e-9

    @property
    def count(self) -> int:
        """Number of messages."""
        return sum(t.count for t in self.topics)

    def messages(self, topics: Collection[str] = (), start_s: float = 0.0) -> Iterator[RawMessage]:
        """Messages in order of time.

        Args:
            topics: names to read; all if empty.
            start_s: skip what lies before this many seconds into the bag.
        """
        start = self.start_ns + round(start_s * 1e9)
        streams = [self._read(r, topics, start) for r in self._readers]
        return heapq.merge(*streams, key=lambda m: m.time_ns)

    def decoded(self, topics: Collection[str] = ()) -> Iterator[tuple[int, str, Any]]:
        """Time in ns, topic and message object (fields as in ROS, arrays as numpy), in order of time.

        Messages that are not of their type are left out, and `damage` says so. Raises InputError for a type that is
        neither standard nor defined in the bag.
        """
        if self._store is None:
            self._store = type_store(c for r in self._readers for c in r.connections)
        store = self._store
        for message in self.messages(topics):
            if message.type_name not in store.fielddefs:
                raise InputError(
                    f"{self.path}: type {message.type_name} of {message.topic} is not standard, and the bag "
                    "does not define it"
                )
            try:
                data = store.deserialize_cdr(message.data, message.type_name)
            except Exception as e:  # rosbags fails in many ways on bytes that are not of this type
                self._unreadable(message, e)
                continue
            yield message.time_ns, message.topic, data

    def _unreadable(self, message: RawMessage, error: Exception) -> None:
        if not self.damage:
            self.damage = (
                f"bag {self.path} is damaged (a message of {message.topic} is no {message.type_name}: {_line(error)})"
            )

    def _budget(self) -> Budget:
        files = [self.path] if self.path.is_file() else list(self.path.glob("*"))
        return Budget(self.path, sum(f.stat().st_size for f in files if f.is_file()))

    def _open(self) -> list[Reader]:
        path = self.path
        if not path.exists():
            raise InputError(f"bag {path} does not exist")
        if path.is_file() and path.suffix not in SUFFIXES:
            raise InputError(f"{path} is no bag; give a rosbag2 folder or a file ending in {' or '.join(SUFFIXES)}")
        trouble: Exception | None = None
        if path.is_file() or (path / "metadata.yaml").is_file():
            try:
                return [self._enter(path)]
            except TooLargeError:
                raise
            except Exception as e:  # rosbags lets errors of apsw, ruamel, zstd and struct through
                trouble = e
        files = [path] if path.is_file() else sorted(f for f in path.iterdir() if f.suffix in SUFFIXES)
        readers, reasons = [], []
        for file in files:
            try:
                readers.append(self._enter_damaged(file))
            except TooLargeError:
                raise
            except Exception as e:  # as above: a damaged file can fail anywhere in the libraries
                reasons.append(f"{file.name}: {_line(e)}")
        if not readers:
            why = "; ".join(reasons) or (f"it has no {' or '.join(SUFFIXES)} file")
            raise InputError(f"{path} is not a readable bag ({why})")
        self.damage = f"bag {path} is damaged ({_line(trouble) if trouble else 'metadata.yaml is missing'}"
        self.damage += f"; {'; '.join(reasons)})" if reasons else ")"
        return readers

    def _enter(self, path: Path) -> Reader:
        reader = Reader(path)
        reader.open()
        self._stack.callback(reader.close)
        storages = getattr(reader.storage, "storages", [reader.storage])
        check_chunks(self.path, storages, self._budget())
        bound_rows(storages)
        numbers = [reader.message_count, reader.start_time, reader.end_time, *(c.msgcount for c in reader.connections)]
        if not all(isinstance(n, int) for n in numbers):  # rosbags takes what metadata.yaml says as it is
            raise ValueError(f"its numbers of messages and times are {numbers[:4]}")
        texts = [t for c in reader.connections for t in (c.topic, c.msgtype, c.msgdef.data)]
        if not all(isinstance(t, str) for t in texts):
            raise ValueError("a topic has no name, no type or no definition")
        return reader

    def _enter_damaged(self, file: Path) -> Reader:
        if file.suffix != ".mcap":
            return self._enter(file)
        folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="speech_gesture_bag_")))
        return self._enter(repair(file, folder / file.name))

    def _topics(self) -> tuple[BagTopic, ...]:
        counts: dict[str, int] = {}
        first: dict[str, Connection] = {}
        for connection in (c for r in self._readers for c in r.connections):
            first.setdefault(connection.topic, connection)
            counts[connection.topic] = counts.get(connection.topic, 0) + connection.msgcount
        return tuple(_topic(first[name], counts[name]) for name in sorted(first))

    def _span(self) -> tuple[int, int]:
        spans = [(r.start_time, r.end_time - 1) for r in self._readers if r.message_count]
        if not spans:
            raise InputError(f"bag {self.path} holds no messages")
        return min(s for s, _ in spans), max(e for _, e in spans)

    def _read(self, reader: Reader, topics: Collection[str], start: int) -> Iterator[RawMessage]:
        wanted = [c for c in reader.connections if not topics or c.topic in topics]
        if not wanted:
            return
        budget = self._budget()
        try:
            for connection, time_ns, data in reader.messages(wanted, start=start):
                budget.spend(len(data) if isinstance(data, bytes | memoryview) else 0)
                if isinstance(time_ns, int) and isinstance(data, bytes | memoryview):  # sqlite3 columns hold anything
                    yield RawMessage(time_ns, connection.topic, connection.msgtype, data)
                elif not self.damage:
                    what = f"a message of {connection.topic} has no time or no bytes"
                    self.damage = f"bag {self.path} is damaged ({what})"
        except TooLargeError:
            raise
        except Exception as e:  # what could be read before the damage has been handed on
            self.damage = self.damage or f"bag {self.path} is damaged ({_line(e)})"
            if _line(e) not in self.damage:
                self.damage += f"; reading stopped early ({_line(e)})"


def _topic(connection: Connection, count: int) -> BagTopic:
    profiles = getattr(connection.ext, "offered_qos_profiles", [])
    return BagTopic(
        connection.topic,
        connection.msgtype,
        count,
        reliable=not any(p.reliability == QosReliability.BEST_EFFORT for p in profiles),
        latched=any(p.durability == QosDurability.TRANSIENT_LOCAL for p in profiles),
    )


def _line(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return "its end is missing: the recording was cut off" if line == "File end magic is invalid" else line
