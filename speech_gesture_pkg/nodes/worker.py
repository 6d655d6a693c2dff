"""The thread that runs the pipeline, so that a slow generator never blocks services, joint states or diagnostics."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from trajectory_msgs.msg import JointTrajectory

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.nodes.clock import Timebase
from speech_gesture_pkg.nodes.messages.trajectory import TrajectoryMessage
from speech_gesture_pkg.nodes.outputs import MotionOutputs
from speech_gesture_pkg.pipeline import Event, Pipeline
from speech_gesture_pkg.runtime.states import Severity
from speech_gesture_pkg.runtime.stats import RateLimiter

PERIOD = 0.01
"""Longest time between two steps, s."""

LOG_PERIOD = 5.0
"""The same kind of event is logged once in so many seconds."""


class Worker:
    """Runs `pipeline.step` when audio comes and every 10 ms, and publishes what it gives.

    Attributes:
        time: what the pipeline calls node time.
        pipeline: touched by this thread only, or under the lock.
        drops: how many messages were dropped, by reason.
        failure: why the thread died, '' while it lives.
        each_cycle: called with the time after every step.
    """

    def __init__(self, node: LifecycleNode, pipeline: Pipeline, outputs: MotionOutputs) -> None:
        self.pipeline = pipeline
        self.drops: Counter[str] = Counter()
        self.failure = ""
        self.each_cycle: Callable[[float], None] | None = None
        self.time = Timebase(node)
        self._node, self._outputs = node, outputs
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._audio: deque[tuple[Any, float]] = deque(maxlen=1000)
        self._limit = RateLimiter(LOG_PERIOD)
        self._running = False
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)
        self._publishers = {}
        for name, columns in pipeline.layout.controllers.items():
            joints = [pipeline.layout.joint_names[i] for i in columns]
            publisher = node.create_lifecycle_publisher(JointTrajectory, f"{name}/joint_trajectory", 10)
            self._publishers[name] = (publisher, TrajectoryMessage(joints, range(len(joints))))

    def start(self) -> None:
        """Wait for nothing: the pipeline is activated with the first complete joint state."""
        self._running = True
        self._thread.start()

    def stop(self) -> None:
        """End the thread and send the windows that brake and go to rest; returns when they are delivered."""
        if not self._running:
            return
        self._running = False
        self._wake.set()
        self._thread.join(timeout=2.0)
        self._send(self.pipeline.deactivate(self.time.now()))
        for publisher, _ in self._publishers.values():
            publisher.wait_for_all_acked(Duration(seconds=0.5))

    def destroy(self) -> None:
        """Take the publishers off the graph."""
        for publisher, _ in self._publishers.values():
            self._node.destroy_publisher(publisher)

    def put_audio(self, audio: Any, now: float) -> None:
        """Queue received audio that came at node time `now`."""
        self._audio.append((audio, now))
        self._wake.set()

    def put_joint_state(self, message: Any) -> None:
        """Keep the newest joint state."""
        with self._lock:
            self.pipeline.push_joint_state(message.name, message.position)

    def pause(self, on: bool) -> None:
        """See Pipeline.pause."""
        with self._lock:
            self.pipeline.pause(on, self.time.now())
        self._wake.set()

    def reset(self) -> None:
        """See Pipeline.reset."""
        with self._lock:
            self.pipeline.reset(self.time.now())

    def restyle(self, config: GestureConfig) -> None:
        """See Pipeline.restyle."""
        with self._lock:
            self.pipeline.restyle(config)

    def drop(self, reason: str, sentence: str) -> None:
        """Count a message that is not used and say why, now and then."""
        self.drops[reason] += 1
        self._log(Event(Severity.ERROR, reason, sentence))

    def _run(self) -> None:
        try:
            while self._running:
                self._wake.wait(PERIOD)
                self._wake.clear()
                if self._running and self._node.context.ok():
                    self._cycle()
        except Exception as e:
            # The last line of defence: the robot finishes the braking tail that it already has.
            self.failure = f"the pipeline thread died: {type(e).__name__}: {e}"
            self._node.get_logger().fatal(self.failure)
            raise

    def _cycle(self) -> None:
        with self._lock:
            now = self.time.now()
            if not self.pipeline.active:
                if self.pipeline.measured is None:
                    return
                self.pipeline.activate(now)
            while self._audio:
                self._push(*self._audio.popleft())
            result = self.pipeline.step(now)
            self._send(result.windows)
        self._outputs.publish(result.frames, self.time)
        for event in result.events:
            self._log(event)
        if self.each_cycle is not None:
            self.each_cycle(self.time.now())

    def _push(self, audio: Any, arrived: float) -> None:
        try:
            for event in self.pipeline.push_audio(audio.samples, audio.sample_rate, audio.stamp, arrived):
                self._log(event)
        except InputError as e:
            self.drop("unusable audio", f"audio message dropped: {e}")

    def _send(self, windows: dict[str, Any]) -> None:
        zero = self.pipeline.config.trajectory.stamp_zero
        for name, window in windows.items():
            publisher, message = self._publishers[name]
            publisher.publish(
                message.fill(
                    None if zero else self.time.msg(window.stamp),
                    window.time_from_start,
                    window.position,
                    window.velocity,
                    window.acceleration,
                )
            )

    def _log(self, event: Event) -> None:
        if not self._limit.ready(time.monotonic(), event.code):
            return
        logger = self._node.get_logger()
        # rclpy allows one severity per call site
        if event.severity is Severity.ERROR:
            logger.error(event.text)
        elif event.severity is Severity.WARN:
            logger.warning(event.text)
        else:
            logger.info(event.text)
