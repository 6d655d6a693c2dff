"""The whole pipeline on a file, with a simulated clock and a robot that follows perfectly: faster than real time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from speech_gesture_pkg.assembly import Robot, make_pipeline
from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.body.motion import MotionFrames
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.pipeline import Event, Pipeline
from speech_gesture_pkg.trajectory.composer import Window
from speech_gesture_pkg.trajectory.robot_trajectory import RobotTrajectory

POLL = 0.02
"""Longest time between two steps, as in the node, s."""


@dataclass
class OfflineRun:
    """What came out.

    Attributes:
        windows: controller -> every window, in order.
        frames: (play time, frame) of all human motion that was played.
        events: all events.
        joints: commanded motion, sampled between the audio messages.
        seconds: audio time covered.
        busy: wall time of the pipeline's steps, s.
        step_times: wall time of each step that published, s.
    """

    windows: dict[str, list[Window]] = field(default_factory=dict)
    frames: list[tuple[float, MotionFrames]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    joints: RobotTrajectory | None = None
    seconds: float = 0.0
    busy: float = 0.0
    step_times: list[float] = field(default_factory=list)

    @property
    def real_time_factor(self) -> float:
        """Seconds of audio per second of work."""
        return self.seconds / self.busy

    @property
    def motion(self) -> MotionFrames:
        """The played human motion as one piece; its start is the first play time."""
        pieces = [frame for _, frame in self.frames]
        joined = MotionFrames.concatenate(pieces)
        return MotionFrames(
            joined.poses,
            joined.fps,
            self.frames[0][0],
            joined.translation,
            joined.expression,
            joined.face,
            joined.phase,
        )


class VirtualClock:
    """A clock that is moved by hand, s."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def run_offline(
    config: GestureConfig,
    robot: Robot,
    audio: AudioChunk,
    chunk_s: float = 0.032,
    settle_s: float = 1.0,
    start: float = 100.0,
) -> OfflineRun:
    """Play `audio` into the pipeline in pieces of `chunk_s`, as a topic would, from node time `start` on.

    Args:
        config: all parameters.
        robot: from `load_robot`.
        audio: speech.
        chunk_s: length of an audio message, s.
        settle_s: silence before and after the speech, s.
        start: node time at activation, s.
    """
    clock = VirtualClock(start)
    pipeline = make_pipeline(config, robot, {}, steady=clock)
    run = OfflineRun(seconds=audio.duration + 2 * settle_s)
    positions, times = [], []
    home = pipeline.layout.rest_from(np.zeros(len(pipeline.layout.joint_names)))
    pipeline.push_joint_state(list(pipeline.layout.joint_names), home)
    pipeline.activate(clock.now)
    for samples, stamp in _messages(audio, start + settle_s, chunk_s, start + run.seconds):
        while clock.now + POLL < stamp:
            clock.now += POLL
            _step(pipeline, clock, run)
            positions.append(pipeline.commanded(clock.now))
            times.append(clock.now)
        clock.now = max(clock.now, stamp)
        if samples is not None:
            pipeline.push_audio(samples, audio.sample_rate, stamp - len(samples) / audio.sample_rate, clock.now)
            _step(pipeline, clock, run)
    for name, window in pipeline.deactivate(clock.now).items():
        run.windows.setdefault(name, []).append(window)
    run.joints = _trajectory(pipeline, np.array(times), np.array(positions))
    return run


def _messages(audio: AudioChunk, begin: float, chunk_s: float, end: float) -> Iterator[tuple[np.ndarray | None, float]]:
    """Pieces of audio with the time at which each has been recorded and is sent."""
    size = round(chunk_s * audio.sample_rate)
    for first in range(0, len(audio.samples), size):
        part = audio.samples[first : first + size]
        yield part, begin + (first + len(part)) / audio.sample_rate
    yield None, end


def _step(pipeline: Pipeline, clock: VirtualClock, run: OfflineRun) -> None:
    pipeline.push_joint_state(list(pipeline.layout.joint_names), pipeline.commanded(clock.now))
    began = time.perf_counter()
    result = pipeline.step(clock.now)
    spent = time.perf_counter() - began
    run.busy += spent
    if result.windows:
        run.step_times.append(spent)
    run.frames += result.frames
    run.events += result.events
    for name, window in result.windows.items():
        run.windows.setdefault(name, []).append(window)


def _trajectory(pipeline: Pipeline, times: np.ndarray, positions: np.ndarray) -> RobotTrajectory:
    fps = float(1.0 / np.median(np.diff(times)))
    velocity = np.gradient(positions, times, axis=0)
    acceleration = np.gradient(velocity, times, axis=0)
    return RobotTrajectory(pipeline.layout.joint_names, times, positions, velocity, acceleration, fps)
