"""Audio in, trajectory out. Free of ROS; the clocks are injected.

    push_audio ─> MotionSource (audio stream ─> generator ─> retargeter) ─> Mover (director ─> composer) ─> windows

`step` is the whole loop and is called whenever audio came or some milliseconds passed. Times called `now` are on the
node clock (the one stamps are on); ages and latencies are measured on the steady clock. Whether the robot may move is
decided by the `Supervisor`, when motion happens by `MotionTiming`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.generators.base import Generator
from speech_gesture_pkg.pipeline.events import Counters, Event, StepResult
from speech_gesture_pkg.pipeline.fallback import Fallback, Spare
from speech_gesture_pkg.pipeline.lateness import Verdict
from speech_gesture_pkg.pipeline.motion_source import MotionFault, MotionSource
from speech_gesture_pkg.pipeline.motion_timing import MotionTiming
from speech_gesture_pkg.pipeline.mover import AHEAD, Mover
from speech_gesture_pkg.pipeline.robot_interface import RobotInterface
from speech_gesture_pkg.pipeline.states import Severity, State
from speech_gesture_pkg.pipeline.stats import RollingStats, WorkPerFrame
from speech_gesture_pkg.pipeline.supervisor import MotionParts, Supervisor
from speech_gesture_pkg.pipeline.timing import CLOCK_STEP, ClockWatch
from speech_gesture_pkg.trajectory.composer import Window
from speech_gesture_pkg.trajectory.goal_blending import Goal


class Pipeline:
    """Audio to trajectory windows without ROS: generator, retargeter, composer.

    Args:
        config: all parameters, before the robot's own profile limits them.
        generator: speech to SMPL-X.
        robot: what is commanded.
        spare: what takes over if the generator fails repeatedly; None = nothing.
        steady: steady clock, s.
        clock_step: the node clock was set if it runs ahead by more than this between two steps, s.

    Attributes:
        config: the parameters in force.
        layout: commanded joints, controllers and limits.
        dt: grid step, s.
        source: audio to frames.
        mover: frames to windows.
        fallback: which generator is in charge.
        supervisor: whether the robot may move.
        counters: totals since activation.
        latency: seconds from the arrival of the audio that completes a frame to its window.
        compute: seconds of work per frame.
    """

    def __init__(
        self,
        config: GestureConfig,
        generator: Generator,
        robot: RobotInterface,
        spare: Spare | None = None,
        steady: Callable[[], float] = time.perf_counter,
        clock_step: float = CLOCK_STEP,
    ) -> None:
        self._robot, self._steady = robot, steady
        self.config = config = robot.adapt(config)
        self.layout, self.dt = robot.layout, 1.0 / generator.fps
        self.counters, self.latency, self.compute = Counters(), RollingStats(2000), WorkPerFrame(2000)
        lookahead = max(g.lookahead_s for g in ([generator, spare.generator] if spare else [generator]))
        self._timing = timing = MotionTiming(config.sync, lookahead, config.trajectory.lead, self.dt)
        self.mover = mover = Mover(robot, config, self.dt)
        self.source = MotionSource(
            generator, robot.retargeter, config, lambda time: timing.play(time, mover.reference.grid), steady
        )
        self.fallback = Fallback(generator, spare, config.fallback, steady)
        parts = MotionParts(
            source=self.source, mover=mover, timing=timing, fallback=self.fallback, counters=self.counters
        )
        self._parts = parts
        self.supervisor = Supervisor(parts, config.safety, ClockWatch(steady, clock_step), steady)
        self.feedback, self.states = self.supervisor.feedback, self.supervisor.states

    @property
    def state(self) -> State:
        """What it is doing."""
        return self.states.state

    @property
    def active(self) -> bool:
        """Whether the robot is being commanded."""
        return self.supervisor.active

    @property
    def problem(self) -> str:
        """What a person should look at although it runs on, '' if nothing."""
        return self.supervisor.problem

    @property
    def generator(self) -> Generator:
        """The one in charge."""
        return self.source.generator

    @property
    def offset(self) -> float:
        """How much later than the stamp of its sound a gesture happens, s (delay mode delays the audio by this)."""
        return self.source.offset if self.source.begun else self._timing.wanted_offset

    def push_audio(self, samples: np.ndarray, rate: int, stamp: float | None, now: float) -> list[Event]:
        """Mono audio `[N]` at `rate` Hz whose first sample is at `stamp` (None: unstamped). Raises InputError."""
        if not self.active or self.supervisor.paused:
            return []
        return self.source.push(samples, rate, stamp, now, self._steady())

    def push_joint_state(self, names: list[str], positions: np.ndarray) -> None:
        """Measured joint positions, of all joints or some; joints that are not commanded are ignored. Any thread."""
        self.feedback.push(names, positions)

    def activate(self, now: float) -> None:
        """Begin where the robot stands, or go on with own motion that still runs. Raises NotBelievedError."""
        self.supervisor.activate(now)

    def deactivate(self, now: float) -> dict[str, Window]:
        """The last windows: brake, go to rest, end at zero velocity; a controller finishes them alone.

        Without joint states it brakes and stays there. One whose pipeline died, or whose joint states cannot be used
        (`Start.unreliable`), brakes by what its controllers have.
        """
        return self.supervisor.deactivate(now)

    def pause(self, on: bool, now: float) -> None:
        """Stop and go to rest, forgetting all audio (barge-in); or go on. Doing it twice changes nothing."""
        self.supervisor.pause(on, now)

    def reset(self, now: float) -> None:
        """Forget audio and generator state; blend into what comes next."""
        self.supervisor.reset(now)

    def restyle(self, config: GestureConfig) -> None:
        """Take over parameters that may change while running: style and the largest speed of hands and elbows."""
        self.config = config = self._robot.adapt(config)
        self.source.restyle(config)
        self.mover.limit_links(config.safety.max_link_speed)

    def step(self, now: float) -> StepResult:
        """Audio to frames, frames to windows. Call it when audio came and at least every 20 ms."""
        result = StepResult()
        if not self.active:
            return result
        began = self._steady()
        self.supervisor.begin_step(now, result)
        self._make_frames(now, result)
        # A slow generator: what is new must begin after the time of sending.
        spent = self._steady() - began
        sending = now + spent
        self.supervisor.recover_from_stall(spent, sending, result)
        self._switch_generator(sending, result)
        self._make_windows(sending, result)
        self.supervisor.end_step(now, result)
        self.compute.step(self._steady() - began, len(result.frames))
        return result

    def _make_frames(self, now: float, result: StepResult) -> None:
        """Audio through generator and retargeter to frames that wait for their time."""
        if self.supervisor.paused:
            return
        lead, lateness = self.config.trajectory.lead, self._timing.lateness
        if self._steady() - self.source.arrived > self.config.audio.idle_timeout:
            if self.source.falls_silent:
                lateness.excuse(now + lead)
            # As far as real audio would have come by now, so that idle motion is never late.
            result.events += self.source.fill(now + self._timing.received_by_now)
        try:
            begun = self.source.advance(now + lead + AHEAD)
        except MotionFault as e:
            self.counters.faults += 1
            self.supervisor.failing = True
            self.source.restart()
            result.report(Severity.ERROR, "motion_fault", f"{e}: braking, generator state reset")
            if e.generator:
                self.fallback.fault(str(e))
            begun = 1
        if begun:
            lateness.excuse(now + lead)
        if begun and self.mover.goal is Goal.FOLLOW:
            self.mover.lead_to(Goal.FOLLOW, now)
        verdict, event = self._timing.realign(self.source, self.counters, now)
        result.events += [event] if event else []
        if verdict is Verdict.SKIP:
            self._parts.flush()
        elif verdict is Verdict.DELAY and self.mover.goal is Goal.FOLLOW:
            self.mover.lead_to(Goal.FOLLOW, now)

    def _switch_generator(self, now: float, result: StepResult) -> None:
        """Let another generator take over if this one fails repeatedly, and back."""
        speaker = self.config.generator.speaker or None
        events, changed = self.fallback.switch(self.source, self._timing.lateness, self.counters, speaker)
        result.events += events
        if changed and self.mover.goal is Goal.FOLLOW:
            self.mover.reference.discard(now)
            self.mover.lead_to(Goal.FOLLOW, now)

    def _make_windows(self, now: float, result: StepResult) -> None:
        """Frames whose time has come through director and composer to windows."""
        lead, following = self.config.trajectory.lead, self.mover.goal is Goal.FOLLOW
        if not following:  # they are only to be seen
            result.frames += self.source.pass_by(now + lead)
        ready = bool(self.source.ready) and self.source.ready[-1].play > now + lead + 2.0 * self.dt
        result.windows = self.mover.move(now, lambda time: self._take(time, result), ready, self.feedback.standing)
        if result.windows:
            self.counters.windows += 1
            if following:
                self.source.go_on_from(self.mover.stuck())

    def _take(self, time: float, result: StepResult) -> np.ndarray | None:
        """The retargeter's joints for grid time `time`; frames whose time has passed are counted and dropped."""
        frame = self._timing.take(self.source, time, self.counters)
        if frame is None:
            return None
        self.supervisor.failing = False
        result.frames.append((frame.play, frame.motion))
        if self._steady() - frame.arrival < self.config.audio.idle_timeout:
            self.latency.add(self._steady() - frame.arrival)
        return frame.q
