"""The thread that runs the pipeline, so that a slow generator never blocks services, joint states or diagnostics."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rclpy.lifecycle import LifecycleNode

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.pipeline.diagnostic_keys import WINDOW_TOO_LATE
from speech_gesture_pkg.pipeline.pipeline import Pipeline
from speech_gesture_pkg.pipeline.start import WAITING, NotBelievedError
from speech_gesture_pkg.pipeline.states import State
from speech_gesture_pkg.ros.clock import Timebase
from speech_gesture_pkg.ros.event_log import EventLog
from speech_gesture_pkg.ros.orders import Orders
from speech_gesture_pkg.ros.outputs import MotionOutputs
from speech_gesture_pkg.ros.start_conditions import StartConditions
from speech_gesture_pkg.ros.trajectory_output import TrajectoryOutput

PERIOD = 0.02
"""Longest time between two steps, s."""

APART = 0.025
"""Least time between two windows, s: more of them would be work for nothing."""

ANSWER_S = 0.5
"""A service waits for the pipeline to take an order until it has made no step for so long, s."""

JOIN_S = 2.0
"""So long the end of the thread is waited for when the node is deactivated, s."""

LOG_PERIOD = 5.0
"""The same kind of event is logged once in so many seconds."""


class PipelineThread:
    """Runs `pipeline.step` when audio comes and every 20 ms, and publishes what it gives.

    Only its thread touches the pipeline; what others want of it waits in `Orders`, so that a generator that hangs never
    holds up services, joint states or diagnostics for long.

    Args:
        node: publishes.
        pipeline: to be run; others may read it.
        outputs: for what is published besides trajectories.
        clock: what the pipeline calls node time.

    Attributes:
        orders: what others want; see `order`.
        trajectories: where windows go.
        events: the log, with what was dropped.
        failure: why the thread died, '' while it lives.
        held: why nothing is sent although the node is active, '' normally (see `hold`).
        each_cycle: called with the time after every step.
    """

    def __init__(self, node: LifecycleNode, pipeline: Pipeline, outputs: MotionOutputs, clock: Timebase) -> None:
        self.pipeline, self.time, self.orders = pipeline, clock, Orders()
        self.trajectories = TrajectoryOutput(node, pipeline.layout, clock, pipeline.config.trajectory.stamp_zero)
        self.events = EventLog(node, LOG_PERIOD)
        self.failure = self.held = ""
        self.each_cycle: Callable[[float], None] | None = None
        self._node, self._outputs = node, outputs
        self._conditions = StartConditions(node, pipeline, clock)
        self._waits_for = ""
        self._wake = threading.Event()
        self._audio: deque[tuple[Any, float]] = deque(maxlen=1000)
        self.running = False
        self._stepped = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)

    def start(self) -> None:
        """Wait for nothing: the pipeline is activated with the first complete joint state."""
        self.running, self._stepped = True, time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """End the thread and send the windows that brake and go to rest; returns when they are delivered."""
        if not self.running:
            return
        self.running = False
        self._wake.set()
        self._thread.join(timeout=JOIN_S)
        if self._thread.is_alive():
            self._node.get_logger().error(f"{self.held_up}: the robot stays where its braking tail ended")
            return
        if not self.failure:
            self._do_orders()
        time.sleep(max(min(self._until_chance(), PERIOD), 0.0))
        self.trajectories.send(self.pipeline.deactivate(self.time.now()))
        self.events.states(self.pipeline.states.take())
        self.trajectories.flush()

    @property
    def abandoned(self) -> str:
        """Sentence about a thread that has not ended after `stop`: it sends nothing, but its generator is not free."""
        return "" if self.running or not self._thread.is_alive() else self.held_up

    @property
    def idle_for(self) -> float:
        """How long ago the last step ended, s."""
        return time.monotonic() - self._stepped

    @property
    def held_up(self) -> str:
        """Sentence about a thread that makes no steps."""
        return f"the pipeline has made no step for {self.idle_for:.1f} s (generator {self.pipeline.generator.name})"

    @property
    def own_motion(self) -> tuple[Pipeline, int] | None:
        """What moved the robot, and the base of its times; None if somebody else has since, or it is not known."""
        lost = self.failure or self.held or self.pipeline.supervisor.start.lost_track or self.abandoned
        return None if lost else (self.pipeline, self.time.base)

    @property
    def notice(self) -> str:
        """What a person should look at although nothing is broken, '' if there is nothing."""
        stopped = ""
        if self.pipeline.state is State.BRAKING:
            stopped = f"the robot is stopped: {self._conditions.waits_for or self.pipeline.states.reason}"
        return self._waits_for or stopped or self.pipeline.problem

    def put_audio(self, audio: Any, now: float) -> None:
        """Queue received audio that came at node time `now`."""
        self._audio.append((audio, now))
        self._wake.set()

    def order(self, ticket: int) -> str:
        """Wait until the thread has done an order, unless it has been held up for long: '' once done, else why not."""
        self._wake.set()
        if not self.failure and self.orders.wait(ticket, ANSWER_S - self.idle_for):
            return ""
        return self.failure or f"{self.held_up}; it is done when that answers, and the robot brakes until then"

    def order_soon(self) -> str:
        """Let the thread do orders with the next step. Why that is not to be expected soon, '' if it is."""
        self._wake.set()
        return self.failure or (self.held_up if self.idle_for > ANSWER_S else "")

    def hold(self, sentence: str) -> None:
        """Send nothing more: the controllers finish the braking tail they have. '' goes on, with a slow approach."""
        if sentence != self.held:
            self.held = sentence
            if sentence:
                self._node.get_logger().error(f"{sentence}: braking")
            else:
                self._node.get_logger().info("what held the robot up is gone: approaching it anew")

    def _run(self) -> None:
        try:
            while self.running:
                wait = self._until_chance() if self.pipeline.active else 0.0
                self._wake.wait(min(wait, PERIOD) if wait > 0.0 else PERIOD)
                time.sleep(max(self.trajectories.sent_at + APART - time.monotonic(), 0.0))
                self._wake.clear()
                if self.running and self._node.context.ok():
                    self._cycle()
                    self._stepped = time.monotonic()
        except BaseException as e:  # also what a driver raises to end the process
            if not self.running:
                self._node.get_logger().warning(f"the pipeline that was given up has ended: {type(e).__name__}: {e}")
                return
            # The last line of defence: the robot finishes the braking tail that it already has.
            self.failure = f"the pipeline died: {type(e).__name__}: {e}; deactivate and activate to start anew"
            self.pipeline.supervisor.fail()
            self._node.get_logger().fatal(self.failure)
            self.events.states(self.pipeline.states.take())
            raise

    def _until_chance(self) -> float:
        """Until windows can be sent, s."""
        now = self.time.now()
        return self.pipeline.mover.chance(now) - now

    def _cycle(self) -> None:
        """Orders, activation, audio, one step, windows."""
        self._do_orders()
        now = self.time.now()
        if self.held:
            self.pipeline.supervisor.yield_robot(self.held)
            self.events.states(self.pipeline.states.take())
            self._audio.clear()
            return
        if not self.pipeline.active:
            now = self._activate()
            if not self.pipeline.active:
                return
        while self._audio:
            self._push(*self._audio.popleft())
        result = self.pipeline.step(now)
        if not self.running or (result.windows and self.orders.stopping):
            # Deactivated or paused during the step: what it planned is not sent, the robot brakes instead.
            self.pipeline.mover.reference.withdraw()
            self._wake.set()
        elif not self.trajectories.send(result.windows, wanted=lambda: self.running):
            self.pipeline.mover.reference.withdraw()
            self.events.drops[WINDOW_TOO_LATE] += 1
        if not self.running:  # it may have been given up: its publishers are gone
            return
        self._outputs.publish(result.frames, self.time)
        for event in result.events:
            if event.code != WAITING:  # the node says what it waits for, with the topic
                self.events.log(event)
        self.events.states(self.pipeline.states.take())
        if self.each_cycle is not None:
            self.each_cycle(self.time.now())

    def _activate(self) -> float:
        """Begin if nothing is missing; the node time of that, s."""
        base = self.time.base
        self._waits_for = self._conditions.missing()
        if self._waits_for or self.time.base != base:  # audio is in the times of before
            self._audio.clear()
        now = self.time.now()
        if self._waits_for:
            return now
        try:
            self.pipeline.activate(now)
        except NotBelievedError as e:  # a joint state has come since
            self._waits_for = self._conditions.named(str(e))
            return now
        self.pipeline.pause(self.orders.paused, now)
        return now

    def _do_orders(self) -> None:
        """Do what others want; audio that came before a pause or reset is not used."""
        while (order := self.orders.take()) is not None:
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
            self.orders.done(order)

    def _push(self, audio: Any, arrived: float) -> None:
        try:
            for event in self.pipeline.push_audio(audio.samples, audio.sample_rate, audio.stamp, arrived):
                # its kinds are named like the pipeline's own: they must not silence each other
                self.events.log(replace(event, code=f"audio {event.code}"))
        except InputError as e:
            self.events.drop_audio(e)
