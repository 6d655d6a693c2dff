"""JointStateReader: joint states at the node's own pace, however often they come, and those of the last second."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.pipeline.pipeline import Pipeline
from speech_gesture_pkg.ros.clock import Timebase
from speech_gesture_pkg.ros.graph_probe import GraphProbe
from speech_gesture_pkg.ros.messages.graph import gid_of
from speech_gesture_pkg.ros.waiting import some

PERIOD = 0.01
"""They are looked at so often, s. joint_state_broadcaster publishes at the controllers' rate, 1 kHz or more."""
DEPTH = 20
"""So many wait between two looks: the newest of each of several publishers is among them."""
HISTORY = 1.0
"""So far back they are remembered for whoever asks later, s."""
MOST = 1000
"""So many at most."""
QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT)
"""BEST_EFFORT matches every publisher of joint states."""

Take = Callable[[JointState, Hashable, float], None]


class _Apart(CallbackGroup):
    """Callbacks that no executor runs: a message does not wake the node."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        return


class JointStateReader:
    """Takes the newest joint state of each publisher 100 times a second; the others are not even deserialised.

    In a thread of its own: a node that is busy with a transition goes on receiving where the robot is.

    Args:
        node: subscribes `joint_states`.
    """

    def __init__(self, node: Node) -> None:
        self._node, self._group = node, _Apart()
        self._subscription = node.create_subscription(
            JointState, "joint_states", lambda _: None, QOS, callback_group=self._group, raw=True
        )
        self._history: deque[tuple[JointState, Hashable, float]] = deque(maxlen=MOST)
        self._names: set[str] = set()
        self._take: Take | None = None
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="joint states", daemon=True)
        self._thread.start()

    def attach(self, take: Take | None) -> None:
        """Call `take` with each message from now on, after those of the last second: message, what identifies its
        publisher (None where rclpy does not say), and when it came (`time.perf_counter`). None: with nobody."""
        with self._lock:
            if take is not None:
                for received in self._history:
                    take(*received)
            self._take = take

    def wait_for(self, joints: Iterable[str], probe: GraphProbe, timeout: float) -> None:
        """Wait until joint states have named all `joints`. Raises RobotError naming those absent after `timeout` s."""
        wanted, topic = set(joints), self._subscription.topic_name

        def sentence(begin: str) -> str:
            nobody = "" if self._node.count_publishers(topic) else " (nobody publishes it)"
            return f"{begin} {some(wanted - self._names)} on {topic}{nobody}"

        if not probe.until(lambda: wanted <= self._names, timeout, lambda: sentence("waiting for joint states of")):
            raise RobotError(f"{sentence('no joint states of')} within {timeout:g} s")

    def destroy(self) -> None:
        """End the thread and take it off the graph."""
        self._end.set()
        self._thread.join()
        self._node.destroy_subscription(self._subscription)

    def _run(self) -> None:
        while not self._end.wait(PERIOD) and self._node.context.ok():
            self._look()

    def _look(self) -> None:
        """Take what has come since the last look."""
        newest: dict[Hashable, bytes] = {}
        handle, kind = self._subscription.handle, self._subscription.msg_type
        with handle:
            for _ in range(DEPTH):
                taken = handle.take_message(kind, True)
                if taken is None:
                    break
                newest[_source(taken[1])] = taken[0]
        now = time.perf_counter()
        with self._lock:
            for source, raw in newest.items():
                message = deserialize_message(raw, JointState)
                count = len(message.position)
                self._names.update(message.name[:count])
                self._history.append((message, source, now))
                if self._take is not None:
                    self._take(message, source, now)
            while self._history and self._history[0][2] < now - HISTORY:
                self._history.popleft()


def joint_states_of(pipeline: Pipeline, clock: Timebase) -> Take:
    """What `JointStateReader.attach` calls for a pipeline whose times are those of `clock`."""
    # with stamp_zero, controllers need not be on this node's clock
    stamps_matter = not pipeline.config.trajectory.stamp_zero

    def take(message: JointState, source: Hashable, at: float) -> None:
        stamp = message.header.stamp
        known = stamp.sec > 0 or stamp.nanosec > 0
        came = clock.now() - (time.perf_counter() - at)
        ahead = clock.of(stamp) - came if known and stamps_matter else None
        # names without a position (drivers leave some) do not count
        pipeline.feedback.push(message.name[: len(message.position)], message.position, source, ahead, at)

    return take


def _source(info: Any) -> Hashable:
    sender = info.get("publisher_gid") if hasattr(info, "get") else None
    return gid_of(sender["data"]) if sender else None
