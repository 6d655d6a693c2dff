"""Audio in, trajectory out. Free of ROS; the clocks are injected.

    push_audio ─> MotionSource (audio stream ─> generator ─> retargeter) ─> Director ─> composer ─> windows

`step` is the whole loop and is called whenever audio came or some milliseconds passed. Times called `now` are on the
node clock (the one stamps are on); ages and latencies are measured on the steady clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.generators.base import Generator
from speech_gesture_pkg.runtime.joint_feedback import JointFeedback
from speech_gesture_pkg.runtime.lateness import MOST_EXTRA, Lateness, Verdict
from speech_gesture_pkg.runtime.motion_source import MotionFault, MotionSource, style_of
from speech_gesture_pkg.runtime.outcome import Counters, Event, StepResult
from speech_gesture_pkg.runtime.states import Severity, State
from speech_gesture_pkg.runtime.stats import RollingStats, WorkPerFrame
from speech_gesture_pkg.runtime.sync import ClockWatch, foreign, on_grid, pipeline_latency, play_time
from speech_gesture_pkg.trajectory.composer import Composer, ComposerState, Window
from speech_gesture_pkg.trajectory.director import Director, Goal
from speech_gesture_pkg.trajectory.layout import JointLayout
from speech_gesture_pkg.trajectory.stuck import StuckWatch

AHEAD = 0.3
"""How far beyond the lead known motion is put into a window, s."""
CHUNK = 0.032
"""Length of an audio message that the live latency allows for, s."""
REJOIN = 0.2
"""After so long without live motion the robot has braked, and joins in again by a blend, s."""
DISPLACED = 0.1
"""A robot that was moved by more than this while it was not watched is approached anew, rad or m."""


class Pipeline:
    """The chain of DESIGN section 1 without ROS.

    Args:
        config: all parameters.
        generator: speech to SMPL-X.
        retargeter: SMPL-X to robot joints.
        layout: commanded joints, controllers and limits.
        distance: least capsule distance for commanded joints `[N, J] -> [N]`, m; None switches the check off.
        steady: steady clock, s.
        adapt: what the robot's own profile makes of parameters that change while running.
    """

    def __init__(
        self,
        config: GestureConfig,
        generator: Generator,
        retargeter: Any,
        layout: JointLayout,
        distance: Callable[[np.ndarray], np.ndarray] | None,
        steady: Callable[[], float],
        adapt: Callable[[GestureConfig], GestureConfig] = lambda config: config,
    ) -> None:
        self._adapt = adapt
        self.config, self.layout, self.generator = config, layout, generator
        self.dt = 1.0 / generator.fps
        self.state = State.INACTIVE
        self.counters = Counters()
        self.latency = RollingStats(2000)
        """Seconds from the arrival of the audio that completes a frame to its window."""
        self.compute = WorkPerFrame(2000)
        self._steady = steady
        self._source = MotionSource(generator, retargeter, config, self._align, steady)
        safety = config.safety
        distance = distance if safety.self_collision else None
        self._composer = Composer(layout.limits, self.dt, distance, safety.collision_margin)
        self._stuck = StuckWatch(layout, retargeter.rest)
        self._hold = np.zeros(len(layout.joint_names))
        self._reference: ComposerState = self._composer.start(layout.rest_from(self._hold), 0.0)
        self._sent = self._reference
        self._director = Director(layout.rest_from(self._hold), safety.approach_speed, layout.limits.links)
        self._feedback = JointFeedback(layout.joint_names, safety.joint_state_timeout, steady)
        self._clock = ClockWatch(steady)
        self._paused = self._failing = False
        self._active_since = 0.0
        lead = config.trajectory.lead
        self._needed = pipeline_latency(generator.lookahead_s, CHUNK, lead, self.dt, config.sync.jitter)
        self._lateness = Lateness(self.dt)

    def push_audio(self, samples: np.ndarray, rate: int, stamp: float | None, now: float) -> list[Event]:
        """Mono audio `[N]` at `rate` Hz whose first sample is at `stamp` (None: unstamped). Raises InputError."""
        if self.state is State.INACTIVE or self._paused:
            return []
        told = []
        if stamp is not None and foreign(stamp, len(samples) / max(rate, 1), now, self.config.sync):
            text = f"audio: its time stamps are {abs(now - stamp):.0f} s from the node's clock; samples are counted"
            told.append(Event(Severity.WARN, "foreign_stamps", text))
            stamp = None
        events = self._source.push(samples, rate, stamp, now, self._steady())
        return told + [Event(Severity.WARN, e.kind.name.lower(), f"audio: {e}") for e in events]

    def push_joint_state(self, names: list[str], positions: np.ndarray) -> None:
        """Measured joint positions, of all joints or some; joints that are not commanded are ignored."""
        self._feedback.push(names, positions)

    @property
    def measured(self) -> np.ndarray | None:
        """Where the robot is; None if a joint was never seen or not for too long. Shape [J]."""
        return self._feedback.position

    @property
    def active(self) -> bool:
        """Whether the robot is being commanded."""
        return self.state is not State.INACTIVE

    @property
    def wanted_offset(self) -> float:
        """How much later than the stamp of its sound a gesture should happen, s, before rounding to the grid."""
        return play_time(0.0, self.config.sync, self._needed) + self._lateness.extra

    @property
    def offset(self) -> float:
        """How much later than the stamp of its sound a gesture happens, s (delay mode delays the audio by this)."""
        return self._source.offset if self._source.begun else self.wanted_offset

    def commanded(self, now: float) -> np.ndarray:
        """Where the controllers should be at node time `now`, rad or m. Shape [J]."""
        return self._composer.positions_at(self._reference, now)

    @property
    def limited_share(self) -> float:
        """Share of trajectory points that a limit held back, in [0, 1]."""
        counts = self._reference.counts
        return counts.limited / counts.steps if counts.steps else 0.0

    def activate(self, now: float) -> None:
        """Start from the measured joint state, slowly. Doing it twice changes nothing."""
        if self.state is not State.INACTIVE:
            return
        measured = self.measured
        if measured is None:
            raise RuntimeError("activate needs a fresh joint state")
        self.counters = Counters()
        self._paused = self._failing = False
        self._lateness.extra = 0.0
        self._clock.start(now)
        self._start_from(measured, now)

    def deactivate(self, now: float) -> dict[str, Window]:
        """The last windows: brake, go to rest, end at zero velocity; a controller finishes them alone.

        Without joint states it is not known where the robot is: then it brakes and stays there.
        """
        if self.state is State.INACTIVE:
            return {}
        self._follow_clock(now)
        lead, speed = self.config.trajectory.lead, self.config.safety.approach_speed
        if self.measured is None:
            _, final = self._composer.hold(self._reference, now, lead)
        else:
            final = self._composer.stop(self._reference, now, lead, self._director.rest, speed)
        self.state = State.INACTIVE
        return self._split(final)

    def pause(self, on: bool, now: float) -> None:
        """Stop and go to rest, forgetting all audio (barge-in); or go on. Doing it twice changes nothing."""
        if on == self._paused or self.state is State.INACTIVE:
            return
        self._follow_clock(now)
        self._paused = on
        self._flush()
        self._discard(now)
        self._lead_to(Goal.REST if on else Goal.FOLLOW, now)
        self._judge(now)

    def reset(self, now: float) -> None:
        """Forget audio and generator state; blend into what comes next."""
        if self.state is State.INACTIVE:
            return
        self._follow_clock(now)
        self.counters.resets += 1
        self._lateness.extra = 0.0
        self._flush()
        if not self._paused:
            self._discard(now)
            self._lead_to(Goal.FOLLOW, now)

    def restyle(self, config: GestureConfig) -> None:
        """Take over parameters that may change while running."""
        self.config = self._source.config = config = self._adapt(config)
        self._source.style = style_of(config)
        self._composer = self._composer.with_link_speed(config.safety.max_link_speed)
        self._reference, self._sent = self._composer.adopt(self._reference), self._composer.adopt(self._sent)
        self._director = replace(self._director, links=self._composer.limits.links)

    def step(self, now: float) -> StepResult:
        """Listen, make motion, move. Call it when audio came and at least every 20 ms."""
        result = StepResult()
        if self.state is State.INACTIVE:
            return result
        began = self._steady()
        self._watch(now, result)
        self._listen(now, result)
        # A slow generator: the window must start ahead of the time at which it is sent.
        self._move(now + self._steady() - began, result)
        self._judge(now)
        self.compute.step(self._steady() - began, len(result.frames))
        return result

    def withdraw(self) -> None:
        """The last step's windows could not be sent before their stamp: the robot still follows the ones before."""
        self._reference = self._sent

    def _watch(self, now: float, result: StepResult) -> None:
        """Clock jumps and lost joint states."""
        if jump := self._follow_clock(now):
            way = "back" if jump < 0 else "forward"
            result.tell(Severity.WARN, f"clock_{way}", f"clock was set {way} by {abs(jump):.2f} s: starting anew")
        measured = self.measured
        if measured is None and self._director.goal is not Goal.BRAKE:
            timeout = self.config.safety.joint_state_timeout
            result.tell(Severity.ERROR, "joint_states", f"no complete joint state for {timeout} s: braking")
            self._discard(now)
            self._director = self._director.brake()
        elif measured is not None and self._director.goal is Goal.BRAKE and self._stands(now):
            if np.abs(measured - self._stop_point()).max() > DISPLACED:
                self._start_from(measured, now)
            self._lead_to(Goal.REST if self._paused else Goal.FOLLOW, now)
            result.tell(Severity.INFO, "joint_states", "joint states are back: approaching again")

    def _follow_clock(self, now: float) -> float:
        """Notice a node clock that was set: forget the audio, brake, approach again. Returns the jump, s.

        Set back: the robot has gone on moving meanwhile, so its reference moves along to the new time. Set forward:
        nothing is moved. Controllers on the same clock are at the end of their braking tails in that moment, others
        finish them before the new stamps come; in both cases the motion goes on from there, as after any gap.
        """
        jump = self._clock.jump(now)
        if not jump:
            return 0.0
        self.counters.resets += 1
        self._flush()
        self._active_since = now
        if jump < 0:
            self._reference = replace(self._reference, grid=self._reference.grid + jump)
        self._discard(now)
        if self._director.goal is not Goal.BRAKE:
            self._lead_to(self._director.goal, now)
        return jump

    def _listen(self, now: float, result: StepResult) -> None:
        """Audio to frames that wait for their time."""
        if self._paused:
            return
        audio = self.config.audio
        if self._steady() - self._source.arrived > audio.idle_timeout:
            # As far as real audio would have come by now, so that idle motion is never late.
            sync = self.config.sync
            for e in self._source.fill(now + self._needed + sync.offset - self.wanted_offset - sync.jitter):
                result.tell(Severity.WARN, e.kind.name.lower(), f"audio: {e}")
        try:
            begun = self._source.advance(now + self.config.trajectory.lead + AHEAD)
        except MotionFault as e:
            self.counters.faults += 1
            self._failing = True
            self._source.restart()
            result.tell(Severity.ERROR, "motion_fault", f"{e}: braking, generator state reset")
            begun = 1
        if begun and self._director.goal is Goal.FOLLOW:
            self._lead_to(Goal.FOLLOW, now)
        self._realign(now, result)

    def _move(self, now: float, result: StepResult) -> None:
        """Frames whose time has come to control points, and the window from them."""
        lead, shortest, composer = self.config.trajectory.lead, self.config.trajectory.window, self._composer
        self._sent = self._reference
        self._reference = composer.commit(self._reference, now, lead)
        targets: list[np.ndarray] = []
        time = composer.next_time(self._reference)
        following = self._director.goal is Goal.FOLLOW
        if not following:
            self._pass_by(now + lead, result)
        while time < now + lead + AHEAD:
            live = self._take(time, result) if following else None
            if live is None and following:
                break
            if following and not targets and self._reference.gap * self.dt > REJOIN:
                self._lead_to(Goal.FOLLOW, now)
            target, self._director = self._director.target(time, live)
            targets.append(target)
            time += self.dt
        resting = not following and composer.at_rest(self._reference) and not self._director.blending(time)
        # The first window goes out at once: a robot that stands outside its limits needs the time to come inside.
        if (resting or not targets) and self._reference.sent is not None:
            return
        if targets:
            self._reference = composer.extend(self._reference, np.array(targets))
            if following:
                self._source.go_on_from(self._stuck.look(self._reference))
        self._reference, window = composer.publish(self._reference, now, lead, shortest, on_knot=False)
        result.windows = self._split(window)
        self.counters.windows += 1

    def _pass_by(self, time: float, result: StepResult) -> None:
        """Frames up to `time` while the robot does not follow them: only to be seen."""
        ready = self._source.ready
        while ready and ready[0].play < time:
            frame = ready.popleft()
            result.frames.append((frame.play, frame.motion))

    def _take(self, time: float, result: StepResult) -> np.ndarray | None:
        """The live joint vector for grid time `time`; frames whose time has passed are counted and dropped."""
        ready = self._source.ready
        while ready and ready[0].play < time - 0.5 * self.dt:
            self._lateness.add(time - ready.popleft().play, time)
            self.counters.late_frames += 1
        if not ready or ready[0].play > time + 0.5 * self.dt:
            return None
        frame = ready.popleft()
        self.counters.frames += 1
        self._failing = False
        result.frames.append((frame.play, frame.motion))
        if self._steady() - frame.arrival < self.config.audio.idle_timeout:
            self.latency.add(self._steady() - frame.arrival)
        return self.layout.from_retargeter(frame.q[None], self._hold)[0]

    def _align(self, stream_time: float) -> float:
        """Play time of a new segment's first frame, on the grid of the reference."""
        return on_grid(stream_time + self.wanted_offset, self._reference.grid, self.dt)

    def _realign(self, now: float, result: StepResult) -> None:
        """Frames that keep coming too late for their time: from now on motion happens that much later."""
        verdict, more = self._lateness.judge(now)
        if verdict is Verdict.SKIP:
            self._flush()
            text = f"audio or motion comes more than {MOST_EXTRA} s too late: skipped to the newest"
            result.tell(Severity.ERROR, "too_slow", text)
        elif verdict is Verdict.DELAY:
            self.counters.realigned += 1
            self._source.postpone(more)
            text = f"audio or motion comes too late for {self.config.sync.mode} mode: {more:.2f} s later from now on"
            result.tell(Severity.WARN, "late", text)
            if self._director.goal is Goal.FOLLOW:
                self._lead_to(Goal.FOLLOW, now)

    def _start_from(self, q: np.ndarray, now: float) -> None:
        self._flush()
        self._hold = np.array(q)
        self._reference = self._composer.start(self._hold, now)
        self._director = replace(self._director.brake(), rest=self.layout.rest_from(self._hold))
        self._active_since = now
        self.state = State.APPROACHING
        self._lead_to(Goal.REST if self._paused else Goal.FOLLOW, now)

    def _lead_to(self, goal: Goal, now: float) -> None:
        """Blend from where the reference would stop to `goal`."""
        time = self._composer.next_time(self._reference)
        self._director = self._director.towards(goal, self._stop_point(), max(time, now))

    def _flush(self) -> None:
        """Forget audio and motion that wait."""
        self._source.flush()
        self._lateness.clear()

    def _discard(self, now: float) -> None:
        """Drop the planned motion that the controllers need not follow any more."""
        committed = self._composer.commit(self._reference, now, self.config.trajectory.lead)
        self._reference = self._composer.discard(committed)

    def _stop_point(self) -> np.ndarray:
        return self._composer.stop_point(self._reference)

    def _stands(self, now: float) -> bool:
        """Whether the robot has come to rest by now."""
        return self._composer.at_rest(self._reference) and bool(
            np.abs(self.commanded(now) - self._stop_point()).max() < 1e-6
        )

    def _judge(self, now: float) -> None:
        """Which state we are in, and whether a long silence ends in the rest pose."""
        goal = self._director.goal
        quiet = now - max(self._source.heard_at, self._active_since)
        if self._paused:
            self.state = State.PAUSED
        elif goal is Goal.BRAKE or self._failing:
            self.state = State.BRAKING
        elif goal is Goal.REST:
            self.state = State.RESTING
            if quiet < self.config.safety.rest_after or not self.config.safety.rest_after:
                self._discard(now)
                self._lead_to(Goal.FOLLOW, now)
        elif self._director.blending(now):
            self.state = State.APPROACHING
        else:
            self.state = State.GESTURING if quiet < 1.0 else State.IDLE
            if self.config.safety.rest_after and quiet > self.config.safety.rest_after:
                self._lead_to(Goal.REST, now)

    def _split(self, window: Window) -> dict[str, Window]:
        return {name: window.select(joints) for name, joints in self.layout.controllers.items()}
