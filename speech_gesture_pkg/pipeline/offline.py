"""The whole pipeline on a file, with a simulated clock and a robot that follows perfectly: faster than real time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.motion.frames import MotionFrames, resample
from speech_gesture_pkg.pipeline.build import Robot, clearance_of, layout_of, make_pipeline
from speech_gesture_pkg.pipeline.events import Counters
from speech_gesture_pkg.pipeline.pipeline import Event, Pipeline
from speech_gesture_pkg.trajectory.composer import Window
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.trajectory.offline import retarget_offline
from speech_gesture_pkg.trajectory.window_begin import Timing

POLL = 0.02
"""Longest time between two steps, as in the node, s."""
WATCHED = 1.0
"""So long before the activation the robot is seen to stand, s."""
JOINED = 1.0
"""And so long before the start the node is active and paused, s, as between two files of a run through the node."""


@dataclass
class OfflineRun:
    """What came out.

    Attributes:
        windows: controller -> every window, in order.
        sent: when each window was sent (all controllers get theirs at once), s.
        frames: (play time, frame) of all human motion that was played.
        fallback_frames: how many of them the fall-back made.
        events: all events.
        joints: commanded motion, sampled between the audio messages.
        seconds: audio time covered.
        busy: wall time of the pipeline's steps, s.
        step_times: wall time of each step that published, s.
        counters: the pipeline's totals.
        limited_share: share of trajectory points that a limit held back, in [0, 1].
    """

    windows: dict[str, list[Window]] = field(default_factory=dict)
    sent: list[float] = field(default_factory=list)
    frames: list[tuple[float, MotionFrames]] = field(default_factory=list)
    fallback_frames: int = 0
    events: list[Event] = field(default_factory=list)
    joints: RobotTrajectory | None = None
    seconds: float = 0.0
    busy: float = 0.0
    step_times: list[float] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    limited_share: float = 0.0

    @property
    def real_time_factor(self) -> float:
        """Seconds of audio per second of work."""
        return self.seconds / self.busy

    @property
    def motion(self) -> MotionFrames:
        """The played human motion as one piece; its start is the first play time."""
        return replace(MotionFrames.concatenate([frame for _, frame in self.frames]), start=self.frames[0][0])


class VirtualClock:
    """A clock that is moved by hand, s."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class AudioMessage:
    """Audio as a topic brings it.

    Attributes:
        samples: mono. Shape [N].
        rate: of the samples, Hz.
        arrival: node time at which it comes, s.
        stamp: node time of the first sample, s; None if it carries none.
    """

    samples: np.ndarray
    rate: int
    arrival: float
    stamp: float | None = None


@dataclass(frozen=True, kw_only=True)
class RunTimes:
    """Node times of a run, s.

    Attributes:
        start: it begins to listen.
        end: it is deactivated.
        reset: from then on the pipeline is reset, between two messages: the generator begins with the next one.
        stop: whether the run ends with the windows that bring the robot to rest.
    """

    start: float
    end: float
    reset: float | None = None
    stop: bool = True


def run_offline(
    config: GestureConfig,
    robot: Robot,
    audio: AudioChunk,
    chunk_s: float = 0.032,
    settle_s: float = 1.0,
    start: float = 100.0,
    timing: Mapping[str, Timing] | None = None,
) -> OfflineRun:
    """Play `audio` into the pipeline in pieces of `chunk_s`, as a topic would, from node time `start` on.

    Args:
        config: all parameters.
        robot: from `load_robot`.
        audio: speech.
        chunk_s: length of an audio message, s.
        settle_s: silence before and after the speech, s.
        start: node time at which it begins to listen, s.
        timing: by controller, how it takes up windows.

    Returns:
        Windows of every controller, played human motion, commanded joints (rad at node times) and timings.

    Raises:
        RobotError: the robot's joints do not fit the parameters.
    """
    messages = messages_of(audio, start + settle_s, chunk_s)
    times = RunTimes(start=start, end=start + audio.duration + 2 * settle_s)
    return run_messages(config, robot, messages, times, timing)


def retarget(
    config: GestureConfig, robot: Robot, motion: MotionFrames, frames: Iterable[int] | None = None
) -> RobotTrajectory:
    """A person's motion as a robot's, with the limits and the collision check of the live path.

    Args:
        config: all parameters; of them `safety.*` count.
        robot: from `load_robot`.
        motion: of any rate, T >= 1 frames.
        frames: yields 0, `trajectory.offline.BLOCK`, 2 `BLOCK`, ... below the number of frames (to show progress).

    Returns:
        Joint positions [T', J] in rad (or m), velocities and accelerations at the generator's rate, from rest to rest:
        the braking tail follows the last frame.

    Raises:
        InputError: no frames, or frames that are not finite.
        RobotError: the robot's joints do not fit the parameters.
    """
    layout = layout_of(robot, {}, config)
    distance = clearance_of(robot, layout) if config.safety.self_collision else None
    motion = resample(motion, robot.retargeter.settings.fps)
    return retarget_offline(motion, robot.retargeter, layout, distance, config.safety.collision_margin, frames)


def messages_of(audio: AudioChunk, begin: float, chunk_s: float = 0.032) -> Iterator[AudioMessage]:
    """Pieces of audio, each with the time at which it has been recorded and is sent; the first sample is at `begin`."""
    size, rate = round(chunk_s * audio.sample_rate), audio.sample_rate
    for first in range(0, len(audio.samples), size):
        part = audio.samples[first : first + size]
        arrival = begin + (first + len(part)) / rate
        yield AudioMessage(part, rate, arrival, arrival - len(part) / rate)


def run_messages(
    config: GestureConfig,
    robot: Robot,
    messages: Iterable[AudioMessage],
    times: RunTimes,
    timing: Mapping[str, Timing] | None = None,
) -> OfflineRun:
    """Run the pipeline on a simulated clock that moves from message to message.

    Args:
        config: all parameters.
        robot: from `load_robot`.
        messages: in the order of arrival.
        times: when what happens.
        timing: by controller, how it takes up windows.
    """
    clock, start, reset = VirtualClock(times.start - WATCHED - JOINED), times.start, times.reset
    pipeline = make_pipeline(config, robot, {}, steady=clock, timing=timing)
    run = OfflineRun(seconds=times.end - start)
    _bring_to_rest(pipeline, clock, run, start)
    positions, sampled = [], []
    for message in chain(messages, [None]):
        arrival = times.end if message is None else message.arrival
        while clock.now + POLL < arrival:
            chance = pipeline.mover.chance(clock.now) - clock.now
            clock.now += min(chance, POLL) if chance > 0.0 else POLL
            positions.append(_step(pipeline, clock, run))
            sampled.append(clock.now)
        clock.now = max(clock.now, arrival)
        if message is not None:
            if reset is not None and message.arrival > reset:
                pipeline.reset(clock.now)
                reset = None
            events = pipeline.push_audio(message.samples, message.rate, message.stamp, clock.now)
            run.events += events
            _step(pipeline, clock, run)
    _keep(pipeline.deactivate(clock.now) if times.stop else {}, clock, run)
    run.counters = pipeline.counters
    run.limited_share = pipeline.mover.reference.limited_share
    run.joints = _trajectory(pipeline, np.array(sampled), np.array(positions))
    return run


def _bring_to_rest(pipeline: Pipeline, clock: VirtualClock, run: OfflineRun, start: float) -> None:
    """The robot is seen to stand, and joins while the pipeline is paused; at `start` it goes on."""
    home = pipeline.layout.rest_from(np.zeros(len(pipeline.layout.joint_names)))
    for clock.now in np.linspace(start - WATCHED - JOINED, start - JOINED, 20):
        pipeline.push_joint_state(list(pipeline.layout.joint_names), home)
    pipeline.activate(clock.now)
    pipeline.pause(True, clock.now)
    while clock.now < start - 1e-6:  # the controllers reach the beginning of the motion; the robot stays at rest
        clock.now += min(POLL, start - clock.now)
        _step(pipeline, clock, run)
    pipeline.pause(False, clock.now)


def _keep(windows: Mapping[str, Window], clock: VirtualClock, run: OfflineRun) -> None:
    for name, window in windows.items():
        run.windows.setdefault(name, []).append(window)
    run.sent += [clock.now] if windows else []


def _step(pipeline: Pipeline, clock: VirtualClock, run: OfflineRun) -> np.ndarray:
    """One step of a pipeline whose robot is where it was sent; that place is returned. Shape [J]."""
    here = pipeline.mover.reference.commanded(clock.now)
    pipeline.push_joint_state(list(pipeline.layout.joint_names), here)
    began = time.perf_counter()
    result = pipeline.step(clock.now)
    spent = time.perf_counter() - began
    run.busy += spent
    if result.windows:
        run.step_times.append(spent)
    run.frames += result.frames
    run.fallback_frames += len(result.frames) if pipeline.fallback.active else 0
    run.events += result.events
    _keep(result.windows, clock, run)
    return here


def _trajectory(pipeline: Pipeline, times: np.ndarray, positions: np.ndarray) -> RobotTrajectory:
    fps = float(1.0 / np.median(np.diff(times)))
    velocity = np.gradient(positions, times, axis=0)
    acceleration = np.gradient(velocity, times, axis=0)
    return RobotTrajectory(pipeline.layout.joint_names, times, positions, velocity, acceleration, fps)
