"""The thread that runs the pipeline, so that a slow generator never blocks services, joint states or diagnostics."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import numpy as np
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from trajectory_msgs.msg import JointTrajectory

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import AudioNotFiniteError, ClippedAudioError, InputError
from speech_gesture_pkg.pipeline.diagnostic_keys import WINDOW_TOO_LATE
from speech_gesture_pkg.pipeline.pipeline import Event, Pipeline
from speech_gesture_pkg.pipeline.start import WAITING, NotBelievedError
from speech_gesture_pkg.pipeline.states import Severity, State
from speech_gesture_pkg.pipeline.stats import RateLimiter
from speech_gesture_pkg.ros.clock import Timebase
from speech_gesture_pkg.ros.messages.graph import gid_of, publishers_of
from speech_gesture_pkg.ros.messages.trajectory import TrajectoryMessage
from speech_gesture_pkg.ros.orders import Orders
from speech_gesture_pkg.ros.outputs import MotionOutputs
from speech_gesture_pkg.trajectory.composer import Window

COMMAND_QOS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)
"""Of the trajectories."""

PERIOD = 0.02
"""Longest time between two steps, s."""

APART = 0.025
"""Least time between two windows, s: more of them would be work for nothing."""

REBASE = 3600.0
"""A clock that is farther from its base when motion starts gets a new base, s."""

ANSWER_S = 0.5
"""A service waits for the pipeline to take an order until it has made no step for so long, s."""

JOIN_S = 2.0
"""So long the end of the thread is waited for when the node is deactivated, s."""

LOG_PERIOD = 5.0
"""The same kind of event is logged once in so many seconds."""


class Worker:
    """Runs `pipeline.step` when audio comes and every 20 ms, and publishes what it gives.

    Only its thread touches the pipeline; what others want of it waits in `Orders`, so that a generator that hangs never
    holds up services, joint states or diagnostics for long.

    Attributes:
        time: what the pipeline calls node time.
        pipeline: see above; others may read.
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
        self._wake = threading.Event()
        self._audio: deque[tuple[Any, float]] = deque(maxlen=1000)
        self._orders = Orders()
        self._limit = RateLimiter(LOG_PERIOD)
        self._running = self._stalled = False
        self._waits_for = ""
        self._stepped = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)
        self._sent_at = 0.0
        self._publishers = {}
        for name, columns in pipeline.layout.controllers.items():
            joints = [pipeline.layout.joint_names[i] for i in columns]
            publisher = node.create_lifecycle_publisher(JointTrajectory, f"{name}/joint_trajectory", COMMAND_QOS)
            self._publishers[name] = (publisher, TrajectoryMessage(joints, range(len(joints))))

    def start(self) -> None:
        """Wait for nothing: the pipeline is activated with the first complete joint state."""
        self._running, self._stepped = True, time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """End the thread and send the windows that brake and go to rest; returns when they are delivered."""
        if not self._running:
            return
        self._running = False
        self._wake.set()
        self._thread.join(timeout=JOIN_S)
        if self._thread.is_alive():
            self._node.get_logger().error(f"{self._held_up}: the robot stays where its braking tail ended")
            return
        if not self.failure:
            self._run_orders()
        now = self.time.now()
        time.sleep(max(min(self.pipeline.mover.chance(now) - now, PERIOD), 0.0))
        self._send(self.pipeline.deactivate(self.time.now()), whatever=True)
        self._tell_states()
        for publisher, _ in self._publishers.values():
            publisher.wait_for_all_acked(Duration(seconds=0.5))

    @property
    def abandoned(self) -> str:
        """Sentence about a thread that has not ended after `stop`: it sends nothing, but its generator is not free."""
        return "" if self._running or not self._thread.is_alive() else self._held_up

    def destroy(self) -> None:
        """Take the publishers off the graph."""
        for publisher, _ in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)

    @property
    def topics(self) -> list[str]:
        """Full names of the trajectory topics."""
        return [publisher.topic_name for publisher, _ in self._publishers.values()]

    @property
    def listening(self) -> set[str]:
        """Full names of the trajectory topics that have a subscription now."""
        return {p.topic_name for p, _ in self._publishers.values() if p.get_subscription_count()}

    def put_audio(self, audio: Any, now: float) -> None:
        """Queue received audio that came at node time `now`."""
        self._audio.append((audio, now))
        self._wake.set()

    def put_joint_state(self, message: Any, source: Hashable, at: float) -> None:
        """A joint state that came at steady time `at`; names without a position (drivers leave some) do not count."""
        stamp = message.header.stamp
        known = stamp.sec > 0 or stamp.nanosec > 0
        came = self.time.now() - (time.perf_counter() - at)
        ahead = self.time.of(stamp) - came if known and self.clock_matters else None
        self.pipeline.feedback.push(message.name[: len(message.position)], message.position, source, ahead, at)

    @property
    def clock_matters(self) -> bool:
        """Whether controllers must be on this node's clock."""
        return not self.pipeline.config.trajectory.stamp_zero

    @property
    def own_motion(self) -> tuple[Pipeline, int] | None:
        """What moved the robot, and the base of its times; None if somebody else has since, or it is not known."""
        lost = self.failure or self.held or self.pipeline.start.anew or self.abandoned
        return None if lost else (self.pipeline, self.time.base)

    def pause(self, on: bool) -> str:
        """See Pipeline.pause; it also holds for a pipeline that has not begun yet. '' once done, else why not yet."""
        return self._answer(self._orders.pause(on))

    def reset(self) -> str:
        """See Pipeline.reset; audio that waits is forgotten, too. '' once it is done, else why it is not yet."""
        return self._answer(self._orders.reset())

    def restyle(self, config: GestureConfig) -> str:
        """See Pipeline.restyle; done with the next step. Why that is not to be expected soon, '' if it is."""
        self._orders.restyle(config)
        self._wake.set()
        return self.failure or (self._held_up if time.monotonic() - self._stepped > ANSWER_S else "")

    def _answer(self, ticket: int) -> str:
        """Wait until the thread has done an order, unless it has been held up for long already."""
        self._wake.set()
        patience = ANSWER_S - (time.monotonic() - self._stepped)
        if not self.failure and self._orders.wait(ticket, patience):
            return ""
        return self.failure or f"{self._held_up}; it is done when that answers, and the robot brakes until then"

    @property
    def _held_up(self) -> str:
        """Sentence about a thread that makes no steps."""
        since, generator = time.monotonic() - self._stepped, self.pipeline.generator.name
        return f"the pipeline has made no step for {since:.1f} s (generator {generator})"

    @property
    def state(self) -> State:
        """What the robot is doing: that of the pipeline, unless that makes no steps."""
        return State.BRAKING if self._stalled and self.pipeline.active else self.pipeline.state

    @property
    def notice(self) -> str:
        """What a person should look at although nothing is broken, '' if there is nothing."""
        stopped = ""
        if self.pipeline.state is State.BRAKING:
            waits = self._named(self.pipeline.start.waits_for)
            stopped = f"the robot is stopped: {waits or self.pipeline.states.reason}"
        return self._waits_for or stopped or self.pipeline.problem

    def watch(self) -> str:
        """What is wrong with the thread, '' if nothing is. To be called often by another one; tells it once."""
        if self.failure or not self._running:
            return self.failure
        held_up = time.monotonic() - self._stepped
        stalled = self.pipeline.active and held_up > self.pipeline.config.safety.watchdog
        sentence = f"{self._held_up}: the controllers have finished their braking tails"
        if stalled and not self._stalled:
            self._node.get_logger().error(sentence)
        self._stalled = stalled
        return sentence if stalled else ""

    def hold(self, sentence: str) -> None:
        """Send nothing more: the controllers finish the braking tail they have. '' goes on, with a slow approach."""
        if sentence != self.held:
            self.held = sentence
            if sentence:
                self._node.get_logger().error(f"{sentence}: braking")
            else:
                self._node.get_logger().info("what held the robot up is gone: approaching it anew")

    def drop(self, reason: str, sentence: str, severity: Severity = Severity.ERROR) -> None:
        """Count a message that is not used and say why, now and then."""
        self.drops[reason] += 1
        self._log(Event(severity, reason, sentence))

    def drop_audio(self, error: InputError) -> None:
        """Count and tell an audio message that cannot be used: numbers that are not finite, or clipped, are a hiccup,
        the rest needs mending by a person."""
        if isinstance(error, AudioNotFiniteError):
            self.drop("audio not finite", f"audio message dropped: {error}", Severity.WARN)
        elif isinstance(error, ClippedAudioError):
            self.drop("clipped audio", f"audio message dropped: {error}", Severity.WARN)
        else:
            self.drop("unusable audio", f"audio message dropped: {error}")

    def _run_orders(self) -> None:
        """Do what others want; audio that came before a pause or reset is not used."""
        while (order := self._orders.take()) is not None:
            pipeline, now = self.pipeline, self.time.now()
            if order.interrupt or order.reset:
                self._audio.clear()
            if order.reset:
                pipeline.reset(now)
            if order.style is not None:
                pipeline.restyle(order.style)
            if order.interrupt:
                pipeline.pause(True, now)
            if order.pause is not None:
                pipeline.pause(order.pause, now)
            self._orders.done(order)

    def _run(self) -> None:
        try:
            while self._running:
                self._wake.wait(self._patience())
                time.sleep(max(self._sent_at + APART - time.monotonic(), 0.0))
                self._wake.clear()
                if self._running and self._node.context.ok():
                    self._cycle()
                    self._stepped = time.monotonic()
        except BaseException as e:  # also what a driver raises to end the process
            if not self._running:
                self._node.get_logger().warning(f"the pipeline that was given up has ended: {type(e).__name__}: {e}")
                return
            # The last line of defence: the robot finishes the braking tail that it already has.
            self.failure = f"the pipeline died: {type(e).__name__}: {e}; deactivate and activate to start anew"
            self.pipeline.fail()
            self._node.get_logger().fatal(self.failure)
            self._tell_states()
            raise

    def _patience(self) -> float:
        """Until when to wait for audio, s: the next step, or the next time at which windows can be sent."""
        now = self.time.now()
        wait = self.pipeline.mover.chance(now) - now if self.pipeline.active else 0.0
        return min(wait, PERIOD) if wait > 0.0 else PERIOD

    def _cycle(self) -> None:
        self._run_orders()
        now = self.time.now()
        if self.held:
            self.pipeline.yield_robot(self.held)
            self._tell_states()
            self._audio.clear()
            return
        if not self.pipeline.active:
            self._waits_for = self._missing()
            if self._waits_for:
                self._audio.clear()
                return
            now = self.time.now()
            try:
                self.pipeline.activate(now)
            except NotBelievedError as e:  # a joint state has come since
                self._waits_for = self._named(str(e))
                return
            self.pipeline.pause(self._orders.paused, now)
        while self._audio:
            self._push(*self._audio.popleft())
        result = self.pipeline.step(now)
        if not self._running or (result.windows and self._orders.stopping):
            # Deactivated or paused during the step: what it planned is not sent, the robot brakes instead.
            self.pipeline.mover.withdraw()
            self._wake.set()
        elif not self._send(result.windows):
            self.pipeline.mover.withdraw()
            self.drops[WINDOW_TOO_LATE] += 1
        if not self._running:  # it may have been given up: its publishers are gone
            return
        self._outputs.publish(result.frames, self.time)
        for event in result.events:
            if event.code != WAITING:  # the node says what it waits for, with the topic
                self._log(event)
        self._tell_states()
        if self.each_cycle is not None:
            self.each_cycle(self.time.now())

    def _missing(self) -> str:
        """What must come before the robot can be commanded, '' if nothing."""
        if self._clock_runs():
            return self._named(self.pipeline.start_problem(self.time.now()))
        count = self._node.count_publishers("/clock")
        return f"use_sim_time is true and no time has come on /clock ({count or 'no'} publishers)"

    def _named(self, sentence: str) -> str:
        """A sentence about joint states, with their topic; and with the nodes, where two publish them."""
        if not sentence:
            return ""
        topic = self._node.resolve_topic_name("joint_states")
        if found := self.pipeline.feedback.two_sources:
            joint, *sources = found
            nodes = {gid_of(p.gid): p.node for p in publishers_of(self._node, topic)}
            names = " and ".join(nodes[s] for s in sources if s in nodes) or "two nodes"
            return f"{names} both publish {joint} on {topic}: only one may; stop one of them"
        return f"{sentence} ({topic})"

    def _tell_states(self) -> None:
        for change in self.pipeline.states.take():
            self._log(Event(Severity.INFO, f"state {change.after.name}", str(change)))

    def _clock_runs(self) -> bool:
        """Simulated time is 0 until the first /clock, and then anything: the base is set anew, to keep floats small."""
        if not self._node.get_clock().now().nanoseconds:
            return False
        if abs(self.time.now()) > REBASE:
            self._audio.clear()
            self.time.base += int(self.time.now())
            self.pipeline.start.anew = True  # what was sent before is in the times of before
        return True

    def _push(self, audio: Any, arrived: float) -> None:
        try:
            for event in self.pipeline.push_audio(audio.samples, audio.sample_rate, audio.stamp, arrived):
                # its kinds are named like the pipeline's own: they must not silence each other
                self._log(replace(event, code=f"audio {event.code}"))
        except InputError as e:
            self.drop_audio(e)

    def _send(self, windows: dict[str, Window], whatever: bool = False) -> bool:
        """Publish windows, unless it is too late for them (`whatever`: then too); whether it did."""
        zero = self.pipeline.config.trajectory.stamp_zero
        ready = []
        for name, window in windows.items():
            publisher, message = self._publishers[name]
            curve = (window.time_from_start, window.position, window.velocity, window.acceleration)
            ready.append((publisher, message.fill(None if zero else self.time.msg(window.stamp), *curve)))
        # Nothing between the look at the clock and publishing: a busy machine would hold the process up there, too.
        latest = min((w.send_by for w in windows.values()), default=np.inf)
        if not whatever and (self.time.now() > latest or not self._running):
            return False
        for publisher, message in ready:
            publisher.publish(message)
        if ready:
            self._sent_at = time.monotonic()
        return True

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
