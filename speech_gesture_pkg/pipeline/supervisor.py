"""Supervisor: whether the robot may be commanded, and which state it is in. Start, stop, pause, faults, set clocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from speech_gesture_pkg.config import SafetyConfig
from speech_gesture_pkg.pipeline.controller_states import ControllerStates
from speech_gesture_pkg.pipeline.events import Counters, StepResult
from speech_gesture_pkg.pipeline.fallback import Fallback
from speech_gesture_pkg.pipeline.joint_feedback import JointFeedback
from speech_gesture_pkg.pipeline.motion_source import MotionSource
from speech_gesture_pkg.pipeline.motion_timing import MotionTiming
from speech_gesture_pkg.pipeline.mover import Mover
from speech_gesture_pkg.pipeline.start import NotBelievedError, Start
from speech_gesture_pkg.pipeline.states import Severity, State, StateLog
from speech_gesture_pkg.pipeline.timing import ClockWatch
from speech_gesture_pkg.pipeline.tracking_monitor import FollowWatch
from speech_gesture_pkg.trajectory.composer import Window
from speech_gesture_pkg.trajectory.goal_blending import Goal

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


@dataclass(frozen=True, kw_only=True)
class MotionParts:
    """What turns speech into windows: the pipeline runs it, the supervisor stops it and sets it going."""

    source: MotionSource
    mover: Mover
    timing: MotionTiming
    fallback: Fallback
    counters: Counters

    def flush(self) -> None:
        """Forget audio and frames that wait."""
        self.source.flush()
        self.timing.lateness.clear()


class Supervisor:
    """Decides about the parts of one pipeline.

    Args:
        parts: what is supervised.
        safety: parameters.
        clock: watches the node's clock.
        steady: steady clock, s.

    Attributes:
        states: what the robot is doing, and how it came to it.
        feedback: where the robot is.
        controllers: what the controllers say of themselves.
        start: the rule by which motion begins.
        paused: whether by request nothing is played.
        failing: whether the last frame could not be made.
    """

    def __init__(
        self, parts: MotionParts, safety: SafetyConfig, clock: ClockWatch, steady: Callable[[], float]
    ) -> None:
        self._parts, self._safety, self._clock, self._steady = parts, safety, clock, steady
        layout = parts.mover.layout
        self.states = StateLog()
        self.feedback = JointFeedback(layout, safety, steady, exact=parts.mover.timings.exact)
        self.controllers = ControllerStates(layout, steady)
        self._follows = FollowWatch(layout, safety, steady)
        self.start = Start(self.feedback, self.controllers, self._follows, parts.mover, steady)
        self.paused = self.failing = False
        self._active_since = self._stepped = 0.0
        self._clock_stands = False

    @property
    def active(self) -> bool:
        """Whether the robot is being commanded."""
        return self.states.state not in (State.INACTIVE, State.FAILED)

    @property
    def problem(self) -> str:
        """What a person should look at although it runs on, '' if nothing."""
        if self.active and (stood := self._clock.stood):
            return f"the node's clock has not moved for {stood:.0f} s (is /clock paused?)"
        waits_for = self.start.waits_for if self.states.state is State.BRAKING else ""
        return waits_for or self._parts.fallback.problem

    # --- start and stop ---------------------------------------------------------------------------------------------

    def take_over(self, before: Supervisor) -> None:
        """Another pipeline of the same robot and clock has sent what the controllers may still execute."""
        self.start.lost_track = not self._parts.mover.take_over(before._parts.mover)
        self._clock = before._clock

    def start_problem(self, now: float) -> str:
        """Why motion may not begin at node time `now`, '' if it may. To be asked all the time: it watches the clock."""
        if self._clock.jump(now):
            self.start.clock_was_set()
        return self.start.problem(now)

    def activate(self, now: float) -> None:
        """Begin where the robot stands, or go on with own motion that still runs. Raises NotBelievedError."""
        if self.states.state is not State.INACTIVE:
            return
        if problem := self.start_problem(now):
            raise NotBelievedError(problem)
        parts = self._parts
        parts.counters.clear()
        parts.timing.lateness.extra = 0.0
        self.paused = self.failing = False
        self._clock.start(now)
        self._stepped = self._steady()
        parts.fallback.restart()
        parts.flush()
        self.start.begin(now)
        self._lead_on(now)
        self.states.enter(State.APPROACHING)

    def deactivate(self, now: float) -> dict[str, Window]:
        """See `Pipeline.deactivate`."""
        was_active = self.active
        self.states.enter(State.INACTIVE)
        self._parts.fallback.cancel()
        if not was_active or self._follow_clock(now) or self.start.unreliable:
            return {}
        return self._parts.mover.last_windows(now, self.feedback.position is not None, self._steady)

    def yield_robot(self, cause: str = "") -> None:
        """Somebody else commands the robot: send nothing more, and begin from where it stands then."""
        self.states.enter(State.INACTIVE, cause)
        self._parts.fallback.cancel()
        self.start.lost_track = True

    def fail(self) -> None:
        """Nothing works any more: the robot finishes its braking tail. Only `deactivate` leads on from here."""
        if self.active:
            self.states.enter(State.FAILED)

    def pause(self, on: bool, now: float) -> None:
        """Stop and go to rest, forgetting all audio (barge-in); or go on. Doing it twice changes nothing."""
        if on == self.paused or not self.active:
            return
        self._follow_clock(now)
        self.paused, self._active_since = on, now
        self._parts.flush()
        if self._parts.mover.goal is not Goal.BRAKE:
            self._parts.mover.stop_then(Goal.REST if on else Goal.FOLLOW, now)
        self._update_state(now)

    def reset(self, now: float) -> None:
        """Forget audio and generator state; blend into what comes next."""
        if not self.active:
            return
        self._follow_clock(now)
        self._parts.counters.resets += 1
        self._parts.timing.lateness.extra, self._active_since = 0.0, now
        self._parts.flush()
        mover = self._parts.mover
        if not self.paused and mover.goal is not Goal.BRAKE:
            mover.reference.discard(now)
            mover.lead_to(Goal.FOLLOW, now)

    def _lead_on(self, now: float) -> None:
        """From where the motion begins to where it belongs."""
        parts = self._parts
        self._active_since = now
        parts.timing.lateness.excuse(parts.mover.reference.grid)
        parts.mover.lead_to(Goal.REST if self.paused else Goal.FOLLOW, now)

    # --- in every step ----------------------------------------------------------------------------------------------

    def begin_step(self, now: float, result: StepResult) -> None:
        """Before anything is made: the clock, the robot, and how long ago the last step was."""
        began = self._steady()
        if jump := self._follow_clock(now):
            way = "back" if jump < 0 else "forward"
            result.report(Severity.WARN, f"clock_{way}", f"clock was set {way} by {abs(jump):.2f} s: starting anew")
        if bool(self._clock.stood) is not self._clock_stands:
            self._clock_stands = not self._clock_stands
            text = f"{self.problem}: nothing new is sent" if self._clock_stands else "the node's clock moves again"
            result.report(Severity.WARN if self._clock_stands else Severity.INFO, "clock_stands", text)
        self._watch_robot(now, result)
        self.recover_from_stall(began - self._stepped, now, result)

    def end_step(self, now: float, result: StepResult) -> None:
        """After everything: the state, and its cause if an event names it."""
        self._update_state(now, next((e.text for e in reversed(result.events) if e.code in CAUSES), ""))
        self._stepped = self._steady()

    def _watch_robot(self, now: float, result: StepResult) -> None:
        """Brake without usable joint states or if the robot does not follow; go on once it may."""
        mover, measured = self._parts.mover, self.feedback.position
        mover.behind = self.feedback.behind
        if mover.goal is not Goal.BRAKE:
            joining = now < mover.reference.joined
            if unreliable := self.start.unreliable:
                self.start.lost_track = True
                result.report(Severity.ERROR, "unreliable", f"{unreliable}: braking")
                mover.brake(now, silent=True)
            elif trouble := self._follows.trouble(measured, mover.reference.commanded(now), joining):
                result.report(Severity.ERROR, *trouble)
                mover.brake(now, silent=self._follows.lost)
        elif mover.reference.rests(now):
            ready, events = self.start.recover(now)
            result.events += events
            if ready:
                self._parts.flush()
                self._lead_on(now)

    def recover_from_stall(self, held_up: float, now: float, result: StepResult) -> None:
        """After a step that was held up the controllers have finished their braking tails: approach again."""
        if held_up <= self._safety.watchdog:
            return
        parts, mover = self._parts, self._parts.mover
        parts.counters.stalls += 1
        parts.counters.late_frames += parts.source.late(now)
        text = f"no step for {held_up:.2f} s: the controllers have braked; skipped to the newest, approaching anew"
        result.report(Severity.ERROR, "stall", text)
        parts.flush()
        measured = self.feedback.position
        mover.reference.discard(now)
        if measured is not None and mover.reference.stands(now) and mover.reference.displaced(measured):
            mover.brake(now)  # and on from where it stands, once it does (see `Start.recover`)
        elif mover.goal is not Goal.BRAKE:
            mover.lead_to(mover.goal, now)

    def _follow_clock(self, now: float) -> float:
        """Notice a node clock that was set: forget the audio, send nothing, begin again. Returns the jump, s.

        Controllers on the same clock hold, go back, or end their tails: it is not known. Set back, the reference moves
        along to the new time, so that it ends as the robot does if they go on.
        """
        jump = self._clock.jump(now)
        if not jump:
            return 0.0
        self._parts.counters.resets += 1
        self._parts.flush()
        self._active_since = now
        if jump < 0:
            self._parts.mover.reference.shift(jump)
        self.start.clock_was_set()
        self._parts.mover.brake(now, silent=True)
        return jump

    def _update_state(self, now: float, cause: str = "") -> None:
        """Which state we are in, by what `cause` if it is known, and whether a long silence ends in the rest pose."""
        mover, rest_after = self._parts.mover, self._safety.rest_after
        quiet = now - max(self._parts.source.speech_at, self._active_since)
        enter = self.states.enter
        if self.paused:
            enter(State.PAUSED)
        elif mover.goal is Goal.BRAKE or (self.failing and mover.goal is Goal.FOLLOW):
            enter(State.BRAKING, cause)
        elif mover.goal is Goal.REST:
            enter(State.RESTING)
            if quiet < rest_after or not rest_after:
                mover.reference.discard(now)
                mover.lead_to(Goal.FOLLOW, now)
        else:
            following = State.GESTURING if quiet < 1.0 else State.IDLE
            blending = mover.director.blending(now)
            degraded = self._parts.fallback.active
            enter(State.DEGRADED if degraded else State.APPROACHING if blending else following, cause)
            if not blending and rest_after and quiet > rest_after:
                mover.lead_to(Goal.REST, now)
