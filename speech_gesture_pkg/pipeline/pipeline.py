"""Audio in, trajectory out. Free of ROS; the clocks are injected.

    push_audio ─> MotionSource (audio stream ─> generator ─> retargeter) ─> Mover (director ─> composer) ─> windows

`step` is the whole loop and is called whenever audio came or some milliseconds passed. Times called `now` are on the
node clock (the one stamps are on); ages and latencies are measured on the steady clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.generators.base import Generator
from speech_gesture_pkg.pipeline.controller_states import ControllerStates
from speech_gesture_pkg.pipeline.events import Counters, Event, StepResult
from speech_gesture_pkg.pipeline.fallback import Fallback, Spare
from speech_gesture_pkg.pipeline.joint_feedback import JointFeedback
from speech_gesture_pkg.pipeline.lateness import Verdict
from speech_gesture_pkg.pipeline.motion_source import MotionFault, MotionSource, style_of
from speech_gesture_pkg.pipeline.motion_timing import MotionTiming
from speech_gesture_pkg.pipeline.mover import AHEAD, Mover
from speech_gesture_pkg.pipeline.start import NotBelievedError, Start
from speech_gesture_pkg.pipeline.states import Severity, State, StateLog
from speech_gesture_pkg.pipeline.stats import RollingStats, WorkPerFrame
from speech_gesture_pkg.pipeline.timing import CLOCK_STEP, ClockWatch
from speech_gesture_pkg.pipeline.tracking_monitor import FollowWatch
from speech_gesture_pkg.retargeting.base import Retargeter
from speech_gesture_pkg.trajectory.composer import Window
from speech_gesture_pkg.trajectory.goal_blending import Goal
from speech_gesture_pkg.trajectory.layout import JointLayout
from speech_gesture_pkg.trajectory.window_begin import Timing

CAUSES = (
    "joint_states",
    "unreliable",
    "not_followed",
    "motion_fault",
    "clock_back",
    "clock_forward",
    "stall",
    "approach",
)
"""Events that change the state."""


class Pipeline:
    """Audio to trajectory windows without ROS: generator, retargeter, composer.

    Args:
        config: all parameters.
        generator: speech to SMPL-X.
        retargeter: SMPL-X to robot joints.
        layout: commanded joints, controllers and limits.
        distance: least capsule distance for commanded joints `[N, J] -> [N]`, m; None switches the check off.
        steady: steady clock, s.
        adapt: what the robot's own profile makes of parameters that change while running.
        spare: what takes over if the generator fails repeatedly; None = nothing.
        timing: by controller, how it takes up windows; those that are not named are joined in the past.
        clock_step: the node clock was set if it runs ahead by more than this between two steps, s.
    """

    def __init__(
        self,
        config: GestureConfig,
        generator: Generator,
        retargeter: Retargeter,
        layout: JointLayout,
        distance: Callable[[np.ndarray], np.ndarray] | None,
        steady: Callable[[], float],
        adapt: Callable[[GestureConfig], GestureConfig] = lambda config: config,
        spare: Spare | None = None,
        timing: Mapping[str, Timing] | None = None,
        clock_step: float = CLOCK_STEP,
    ) -> None:
        self._adapt = adapt
        self.config, self.layout = config, layout
        self.dt = 1.0 / generator.fps
        self.states = StateLog()
        """What it is doing, and how it came to it."""
        self.counters = Counters()
        self.latency = RollingStats(2000)
        """Seconds from the arrival of the audio that completes a frame to its window."""
        self.compute = WorkPerFrame(2000)
        self._steady = steady
        self.source = MotionSource(
            generator, retargeter, config, lambda time: self._timing.play(time, self.mover.reference.grid), steady
        )
        self.mover = Mover(layout, config, retargeter.rest, distance, self.dt, timing)
        self.fallback = Fallback(generator, spare, config.fallback, steady)
        self.feedback = JointFeedback(layout, config.safety, steady)
        if self.mover.exact:
            self.feedback.clock.most_behind = CLOCK_STEP
        self._follows = FollowWatch(layout, config.safety, steady)
        self.controllers = ControllerStates(layout, steady)
        self.start = Start(self.feedback, self.controllers, self._follows, self.mover, steady)
        self._clock = ClockWatch(steady, clock_step)
        self._paused = self._failing = False
        self._active_since = self._stepped = 0.0
        self._clock_stands = False
        lookahead = max(g.lookahead_s for g in ([generator, spare.generator] if spare else [generator]))
        self._timing = MotionTiming(config.sync, lookahead, config.trajectory.lead, self.dt)
        self._lateness = self._timing.lateness

    def push_audio(self, samples: np.ndarray, rate: int, stamp: float | None, now: float) -> list[Event]:
        """Mono audio `[N]` at `rate` Hz whose first sample is at `stamp` (None: unstamped). Raises InputError."""
        if not self.active or self._paused:
            return []
        return self.source.push(samples, rate, stamp, now, self._steady())

    def push_joint_state(self, names: list[str], positions: np.ndarray) -> None:
        """Measured joint positions, of all joints or some; joints that are not commanded are ignored. Any thread."""
        self.feedback.push(names, positions)

    @property
    def measured(self) -> np.ndarray | None:
        """Where the robot is; None if a joint was never seen or not for too long. Shape [J]."""
        return self.feedback.position

    @property
    def state(self) -> State:
        """What it is doing."""
        return self.states.state

    @property
    def active(self) -> bool:
        """Whether the robot is being commanded."""
        return self.state not in (State.INACTIVE, State.FAILED)

    @property
    def problem(self) -> str:
        """What a person should look at although it runs on, '' if nothing."""
        if self.active and (stood := self._clock.stood):
            return f"the node's clock has not moved for {stood:.0f} s (is /clock paused?)"
        return (self.start.waits_for if self.state is State.BRAKING else "") or self.fallback.problem

    @property
    def generator(self) -> Generator:
        """The one in charge."""
        return self.source.generator

    @property
    def offset(self) -> float:
        """How much later than the stamp of its sound a gesture happens, s (delay mode delays the audio by this)."""
        return self.source.offset if self.source.begun else self._timing.wanted_offset

    def take_over(self, before: Pipeline) -> None:
        """Another pipeline of the same robot and clock has sent what the controllers may still execute."""
        self.start.anew, self._clock = not self.mover.go_on_from(before.mover), before._clock

    def start_problem(self, now: float) -> str:
        """Why motion may not begin at node time `now`, '' if it may. To be asked all the time: it watches the clock."""
        if self._clock.jump(now):
            self.start.clock_was_set()
        return self.start.problem(now)

    def activate(self, now: float) -> None:
        """Begin where the robot stands, or go on with own motion that still runs. Raises NotBelievedError."""
        if self.state is not State.INACTIVE:
            return
        if problem := self.start_problem(now):
            raise NotBelievedError(problem)
        self.counters, self._lateness.extra = Counters(), 0.0
        self._paused = self._failing = False
        self._clock.start(now)
        self._stepped = self._steady()
        self.fallback.restart()
        self._flush()
        self.start.begin(now)
        self._lead_on(now)
        self.states.enter(State.APPROACHING)

    def deactivate(self, now: float) -> dict[str, Window]:
        """The last windows: brake, go to rest, end at zero velocity; a controller finishes them alone.

        Without joint states it brakes and stays there. One whose pipeline died, or whose joint states cannot be used
        (`Start.unreliable`), brakes by what its controllers have.
        """
        was_active = self.active
        self.states.enter(State.INACTIVE)
        self.fallback.cancel()
        if not was_active or self._follow_clock(now) or self.start.unreliable:
            return {}
        return self.mover.last_windows(now, self.measured is not None, self._steady)

    def yield_robot(self, cause: str = "") -> None:
        """Somebody else commands the robot: send nothing more, and begin anew from where it stands then."""
        self.states.enter(State.INACTIVE, cause)
        self.fallback.cancel()
        self.start.anew = True

    def fail(self) -> None:
        """Nothing works any more: the robot finishes its braking tail. Only `deactivate` leads on from here."""
        if self.active:
            self.states.enter(State.FAILED)

    def pause(self, on: bool, now: float) -> None:
        """Stop and go to rest, forgetting all audio (barge-in); or go on. Doing it twice changes nothing."""
        if on == self._paused or not self.active:
            return
        self._follow_clock(now)
        self._paused, self._active_since = on, now
        self._flush()
        if self.mover.goal is not Goal.BRAKE:
            self.mover.stop_then(Goal.REST if on else Goal.FOLLOW, now)
        self._update_state(now)

    def reset(self, now: float) -> None:
        """Forget audio and generator state; blend into what comes next."""
        if not self.active:
            return
        self._follow_clock(now)
        self.counters.resets += 1
        self._lateness.extra, self._active_since = 0.0, now
        self._flush()
        if not self._paused and self.mover.goal is not Goal.BRAKE:
            self.mover.discard(now)
            self.mover.lead_to(Goal.FOLLOW, now)

    def restyle(self, config: GestureConfig) -> None:
        """Take over parameters that may change while running."""
        self.config = self.source.config = config = self._adapt(config)
        self.source.style = style_of(config)
        self.mover.limit_links(config.safety.max_link_speed)

    def step(self, now: float) -> StepResult:
        """Listen, make motion, move. Call it when audio came and at least every 20 ms."""
        result = StepResult()
        if not self.active:
            return result
        began = self._steady()
        self._watch(now, result)
        self._recover_from_stall(began - self._stepped, now, result)
        self._listen(now, result)
        # A slow generator: what is new must begin after the time of sending.
        spent = self._steady() - began
        self._recover_from_stall(spent, now + spent, result)
        self._switch_generator(now + spent, result)
        self._move(now + spent, result)
        self._update_state(now, next((e.text for e in reversed(result.events) if e.code in CAUSES), ""))
        self._stepped = self._steady()
        self.compute.step(self._stepped - began, len(result.frames))
        return result

    def _watch(self, now: float, result: StepResult) -> None:
        """Clock jumps, a clock that stands still, lost joint states, a robot that does not follow."""
        if jump := self._follow_clock(now):
            way = "back" if jump < 0 else "forward"
            result.tell(Severity.WARN, f"clock_{way}", f"clock was set {way} by {abs(jump):.2f} s: starting anew")
        if bool(self._clock.stood) is not self._clock_stands:
            self._clock_stands = not self._clock_stands
            text = f"{self.problem}: nothing new is sent" if self._clock_stands else "the node's clock moves again"
            result.tell(Severity.WARN if self._clock_stands else Severity.INFO, "clock_stands", text)
        mover, measured = self.mover, self.measured
        mover.behind = self.feedback.behind
        if mover.goal is not Goal.BRAKE:
            if unreliable := self.start.unreliable:
                self.start.anew = True
                result.tell(Severity.ERROR, "unreliable", f"{unreliable}: braking")
                mover.brake(now, silent=True)
            elif trouble := self._follows.trouble(measured, mover.commanded(now), now < mover.joined):
                result.tell(Severity.ERROR, *trouble)
                mover.brake(now, silent=self._follows.lost)
        elif mover.rests(now):
            ready, events = self.start.recover(now)
            result.events += events
            if ready:
                self._flush()
                self._lead_on(now)

    def _recover_from_stall(self, held_up: float, now: float, result: StepResult) -> None:
        """After a step that was held up the controllers have finished their braking tails: approach anew."""
        if held_up <= self.config.safety.watchdog:
            return
        self.counters.stalls += 1
        self.counters.late_frames += self.source.late(now)
        text = f"no step for {held_up:.2f} s: the controllers have braked; skipped to the newest, approaching anew"
        result.tell(Severity.ERROR, "stall", text)
        self._flush()
        measured, mover = self.measured, self.mover
        mover.discard(now)
        if measured is not None and mover.stands(now) and mover.displaced(measured):
            mover.brake(now)  # and on from where it stands, once it does (see `Start.recover`)
        elif mover.goal is not Goal.BRAKE:
            mover.lead_to(mover.goal, now)

    def _follow_clock(self, now: float) -> float:
        """Notice a node clock that was set: forget the audio, send nothing, begin anew. Returns the jump, s.

        Controllers on the same clock hold, go back, or end their tails: it is not known. Set back, the reference moves
        along to the new time, so that it ends as the robot does if they go on.
        """
        jump = self._clock.jump(now)
        if not jump:
            return 0.0
        self.counters.resets += 1
        self._flush()
        self._active_since = now
        if jump < 0:
            self.mover.shift(jump)
        self.start.clock_was_set()
        self.mover.brake(now, silent=True)
        return jump

    def _listen(self, now: float, result: StepResult) -> None:
        """Audio to frames that wait for their time."""
        if self._paused:
            return
        audio = self.config.audio
        if self._steady() - self.source.arrived > audio.idle_timeout:
            if self.source.falls_silent:
                self._lateness.excuse(now + self.config.trajectory.lead)
            # As far as real audio would have come by now, so that idle motion is never late.
            result.events += self.source.fill(now + self._timing.heard_by_now)
        try:
            begun = self.source.advance(now + self.config.trajectory.lead + AHEAD)
        except MotionFault as e:
            self.counters.faults += 1
            self._failing = True
            self.source.restart()
            result.tell(Severity.ERROR, "motion_fault", f"{e}: braking, generator state reset")
            if e.generator:
                self.fallback.fault(str(e))
            begun = 1
        if begun:
            self._lateness.excuse(now + self.config.trajectory.lead)
        if begun and self.mover.goal is Goal.FOLLOW:
            self.mover.lead_to(Goal.FOLLOW, now)
        verdict, event = self._timing.realign(self.source, self.counters, now)
        result.events += [event] if event else []
        if verdict is Verdict.SKIP:
            self._flush()
        elif verdict is Verdict.DELAY and self.mover.goal is Goal.FOLLOW:
            self.mover.lead_to(Goal.FOLLOW, now)

    def _switch_generator(self, now: float, result: StepResult) -> None:
        """Let another generator take over if this one fails repeatedly, and back."""
        speaker = self.config.generator.speaker or None
        events, changed = self.fallback.recast(self.source, self._lateness, self.counters, speaker)
        result.events += events
        if changed and self.mover.goal is Goal.FOLLOW:
            self.mover.discard(now)
            self.mover.lead_to(Goal.FOLLOW, now)

    def _move(self, now: float, result: StepResult) -> None:
        """Frames whose time has come to windows."""
        following = self.mover.goal is Goal.FOLLOW
        if not following:  # they are only to be seen
            result.frames += self.source.pass_by(now + self.config.trajectory.lead)
        in_time = now + self.config.trajectory.lead + 2.0 * self.dt
        ready = bool(self.source.ready) and self.source.ready[-1].play > in_time
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
        self._failing = False
        result.frames.append((frame.play, frame.motion))
        if self._steady() - frame.arrival < self.config.audio.idle_timeout:
            self.latency.add(self._steady() - frame.arrival)
        return frame.q

    def _lead_on(self, now: float) -> None:
        """From where the motion begins to where it belongs."""
        self._active_since = now
        self._lateness.excuse(self.mover.reference.grid)
        self.mover.lead_to(Goal.REST if self._paused else Goal.FOLLOW, now)

    def _flush(self) -> None:
        self.source.flush()
        self._lateness.clear()

    def _update_state(self, now: float, cause: str = "") -> None:
        """Which state we are in, by what `cause` if it is known, and whether a long silence ends in the rest pose."""
        mover, rest_after = self.mover, self.config.safety.rest_after
        quiet = now - max(self.source.heard_at, self._active_since)
        enter = self.states.enter
        if self._paused:
            enter(State.PAUSED)
        elif mover.goal is Goal.BRAKE or (self._failing and mover.goal is Goal.FOLLOW):
            enter(State.BRAKING, cause)
        elif mover.goal is Goal.REST:
            enter(State.RESTING)
            if quiet < rest_after or not rest_after:
                mover.discard(now)
                mover.lead_to(Goal.FOLLOW, now)
        else:
            following = State.GESTURING if quiet < 1.0 else State.IDLE
            blending = mover.director.blending(now)
            enter(State.DEGRADED if self.fallback.active else State.APPROACHING if blending else following, cause)
            if not blending and rest_after and quiet > rest_after:
                mover.lead_to(Goal.REST, now)
