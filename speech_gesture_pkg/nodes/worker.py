"""The thread that runs the pipeline, so that a slow generator never blocks services, joint states or diagnostics."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
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

PERIOD = 0.02
"""Longest time between two steps, s."""

APART = 0.025
"""Least time between two windows, s: each one costs the controllers of Humble and Jazzy a cycle, so that the second of
two in a row would find the robot late."""

REBASE = 3600.0
"""A clock that is farther from its base when motion starts gets a new base, s."""

LEAST_LEAD = 0.012
"""A window that would be sent later than this before its stamp is not sent (the machine held the process up), s."""

LOG_PERIOD = 5.0
"""The same kind of event is logged once in so many seconds."""


class Worker:
    """Runs `pipeline.step` when audio comes and every 20 ms, and publishes what it gives.

    Attributes:
        time: what the pipeline calls node time.
        pipeline: touched by this thread only, or under the lock.
        drops: how many messages were dropped, by reason.
        failure: why the thread died, '' while it lives.
        held: why nothing is sent although the node is active, '' normally (see `hold`).
        each_cycle: called with the time after every step.
    """

    def __init__(self, node: LifecycleNode, pipeline: Pipeline, outputs: MotionOutputs) -> None:
        self.pipeline = pipeline
        self.drops: Counter[str] = Counter()
        self.failure = ""
        self.held = ""
        self.each_cycle: Callable[[float], None] | None = None
        self.time = Timebase(node)
        self._node, self._outputs = node, outputs
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._audio: deque[tuple[Any, float]] = deque(maxlen=1000)
        self._limit = RateLimiter(LOG_PERIOD)
        self._running = self._paused = False
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)
        self._sent_at = 0.0
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
            self._node.destroy_lifecycle_publisher(publisher)

    @property
    def topics(self) -> list[str]:
        """Full names of the trajectory topics."""
        return [publisher.topic_name for publisher, _ in self._publishers.values()]

    def put_audio(self, audio: Any, now: float) -> None:
        """Queue received audio that came at node time `now`."""
        self._audio.append((audio, now))
        self._wake.set()

    def put_joint_state(self, message: Any) -> None:
        """Keep the newest joint state; names without a position (some drivers leave them short) do not count."""
        with self._lock:
            self.pipeline.push_joint_state(message.name[: len(message.position)], message.position)

    def pause(self, on: bool) -> None:
        """See Pipeline.pause. It also holds for a pipeline that has not begun yet."""
        with self._lock:
            self._paused = on
            self._audio.clear()
            self.pipeline.pause(on, self.time.now())
        self._wake.set()

    def reset(self) -> None:
        """See Pipeline.reset. Audio that waits in the queue is forgotten, too."""
        with self._lock:
            self._audio.clear()
            self.pipeline.reset(self.time.now())

    def restyle(self, config: GestureConfig) -> None:
        """See Pipeline.restyle."""
        with self._lock:
            self.pipeline.restyle(config)

    def hold(self, sentence: str) -> None:
        """Send nothing more: the controllers finish the braking tail they have. '' goes on, with a slow approach."""
        if sentence != self.held:
            self.held = sentence
            if sentence:
                self._node.get_logger().error(f"{sentence}: braking")
            else:
                self._node.get_logger().info("nobody else commands the robot any more: going on")

    def drop(self, reason: str, sentence: str, severity: Severity = Severity.ERROR) -> None:
        """Count a message that is not used and say why, now and then."""
        self.drops[reason] += 1
        self._log(Event(severity, reason, sentence))

    def drop_audio(self, error: InputError) -> None:
        """Count and tell an audio message that cannot be used: numbers that are not finite are a hiccup, the rest needs
        mending by a person."""
        if "NaN" in str(error):
            self.drop("audio not finite", f"audio message dropped: {error}", Severity.WARN)
        else:
            self.drop("unusable audio", f"audio message dropped: {error}")

    def _run(self) -> None:
        try:
            while self._running:
                self._wake.wait(PERIOD)
                time.sleep(max(self._sent_at + APART - time.monotonic(), 0.0))
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
            if self.held:
                self.pipeline.deactivate(now)
                self._audio.clear()
                return
            if not self.pipeline.active:
                if self.pipeline.measured is None or not self._clock_runs():
                    self._audio.clear()
                    return
                now = self.time.now()
                self.pipeline.activate(now)
                self.pipeline.pause(self._paused, now)
            while self._audio:
                self._push(*self._audio.popleft())
            result = self.pipeline.step(now)
            stamp = min((w.stamp for w in result.windows.values()), default=np.inf)
            if self.time.now() + LEAST_LEAD > stamp:
                self.pipeline.withdraw()
                self.drops["window too late to send"] += 1
            else:
                self._send(result.windows)
        self._outputs.publish(result.frames, self.time)
        for event in result.events:
            self._log(event)
        if self.each_cycle is not None:
            self.each_cycle(self.time.now())

    def _clock_runs(self) -> bool:
        """Simulated time is 0 until the first /clock, and then anything: the base is set anew, to keep floats small."""
        if not self._node.get_clock().now().nanoseconds:
            return False
        if abs(self.time.now()) > REBASE:
            self._audio.clear()
            self.time.base += int(self.time.now())
        return True

    def _push(self, audio: Any, arrived: float) -> None:
        try:
            for event in self.pipeline.push_audio(audio.samples, audio.sample_rate, audio.stamp, arrived):
                # its kinds are named like the pipeline's own: they must not silence each other
                self._log(replace(event, code=f"audio {event.code}"))
        except InputError as e:
            self.drop_audio(e)

    def _send(self, windows: dict[str, Any]) -> None:
        zero = self.pipeline.config.trajectory.stamp_zero
        if windows:
            self._sent_at = time.monotonic()
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
