"""Samples from a speech file: the whole pipeline on a simulated clock, or a generator alone for further samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.generators.base import Generator
from speech_gesture_pkg.lab.metrics.sample import MetricInput
from speech_gesture_pkg.lab.study.commanded import commanded
from speech_gesture_pkg.lab.study.robot_body import RobotBody
from speech_gesture_pkg.lab.study.sample import EvaluationSample, cut, joined, speech_features, with_robot
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.pipeline.build import Robot
from speech_gesture_pkg.pipeline.motion_source import style_of
from speech_gesture_pkg.pipeline.offline import AudioMessage, OfflineRun, RunTimes, run_messages
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.verification.quintic import SampledTrajectory

SETTLE = 1.0
"""Silence that is sent as audio before and after the speech, s; as in a run through the node."""
BEFORE = 3
"""Messages of silence before the generator starts again with the next one; as in a run through the node."""
CHUNK = 0.032
"""Length of a message, s."""
START = 100.0
"""Node time of activation, s."""
FULL = 2.0**15
"""Full scale of 16 bit."""
SIMULATED = "the clock was simulated, so that nothing can be late; evaluate through the node (without --offline)"
NEEDS_TIME = ("robot_latency_p50", "robot_latency_p99", "robot_late_windows")
NEEDS_ROBOT = ("robot_tracking_error", "robot_tracking_delay")


def offline_sample(config: GestureConfig, robot: Robot, body: RobotBody, audio: AudioChunk) -> EvaluationSample:
    """The speech through the pipeline, faster than real time, received exactly as in a run through the node.

    The robot comes from its rest pose, the generator begins `SETTLE` before the speech, the audio comes as 16 bit
    messages without stamps, and the node goes on after it.
    """
    begin = START + BEFORE * CHUNK
    end = begin + audio.duration + 2 * SETTLE
    times = RunTimes(start=START, end=end, reset=begin + 0.5 * CHUNK, stop=False)
    run = run_messages(config, robot, _session(audio), times)
    run.seconds = audio.duration + 2 * SETTLE
    return sample_of_run(config, robot, body, audio, run, begin + SETTLE)


def _session(audio: AudioChunk) -> Iterator[AudioMessage]:
    """Silence, the speech, silence; every message comes when its last sample would have been recorded."""
    size = round(CHUNK * audio.sample_rate)
    quiet = np.zeros(round(SETTLE * audio.sample_rate), np.float32)
    pcm16 = np.clip(np.round(audio.samples * FULL), -FULL, FULL - 1).astype(np.float32) / np.float32(FULL)
    samples = np.concatenate([np.zeros(BEFORE * size, np.float32), quiet, pcm16, quiet])
    for k in range(-(-len(samples) // size)):
        part = samples[k * size : (k + 1) * size]
        yield AudioMessage(part, audio.sample_rate, START + (k + 1) * CHUNK)


def sample_of_run(
    config: GestureConfig, robot: Robot, body: RobotBody, audio: AudioChunk, run: OfflineRun, speech_start: float
) -> EvaluationSample:
    """What a run on a simulated clock gives; `speech_start` is the node time of the speech's first sample."""
    if not run.frames:
        raise InputError(f"the generator {robot.generator.name} made no motion for {audio.duration:.2f} s of speech")
    fps = robot.generator.fps
    plays = np.array([play for play, _ in run.frames]) - speech_start
    offset = float(np.median(plays + speech_start - np.array([f.start for _, f in run.frames])))
    whole = joined(run.frames, fps)
    motion = cut(replace(whole, start=whole.start - speech_start), 0.0, audio.duration)
    delayed = offset if config.sync.mode == "delay" else 0.0
    sample = EvaluationSample(
        MetricInput(motion, speech=speech_features(audio)),
        audio,
        offset,
        timings=timings_of(run),
        events=dict(Counter(e.code for e in run.events)),
        warnings=sorted({e.text for e in run.events if e.severity.value == "error"}),
        fallback_share=run.fallback_frames / len(run.frames),
        no_figure={n: SIMULATED for n in NEEDS_TIME}
        | {n: "the simulated robot follows exactly; joint states need a run through the node" for n in NEEDS_ROBOT},
    )
    played = plays - delayed, MotionFrames.concatenate([f for _, f in run.frames])
    times = {"audio_seconds": run.seconds, "busy_seconds": run.busy}
    return with_robot(sample, robot, body, commanded_motion(run, speech_start + delayed), config, played, times)


def commanded_motion(run: OfflineRun, origin: float) -> RobotTrajectory:
    """Commanded motion of a run; time counts from `origin`."""
    windows = {
        name: [
            SampledTrajectory(w.stamp + w.time_from_start - origin, w.position, w.velocity, w.acceleration)
            for w in sent
        ]
        for name, sent in run.windows.items()
    }
    return commanded(windows, {name: sent[0].joint_names for name, sent in run.windows.items()})


def timings_of(run: OfflineRun) -> dict[str, float]:
    """Speed of the pipeline."""
    steps = 1e3 * np.array(run.step_times or [np.nan])
    return {
        "audio_s": run.seconds,
        "busy_s": run.busy,
        "real_time_factor": run.seconds / run.busy,
        "step_p50_ms": float(np.median(steps)),
        "step_p99_ms": float(np.percentile(steps, 99)),
    }


def samples_of(
    generator: Generator, config: GestureConfig, audio: AudioChunk, seeds: Sequence[int]
) -> tuple[MotionFrames, ...]:
    """Motion of the generator alone for the same audio with these seeds; time 0 is the first sample."""
    found = []
    tail = np.zeros(int((generator.lookahead_s + 2.0 / generator.fps) * audio.sample_rate), np.float32)
    samples = np.concatenate([audio.samples, tail])
    for seed in seeds:
        state = generator.start(seed=seed, speaker=config.generator.speaker or None, style=style_of(config))
        pieces = []
        for first in range(0, len(samples), audio.sample_rate):
            part = AudioChunk(samples[first : first + audio.sample_rate], first / audio.sample_rate)
            frames, state = generator.step(part, state)
            pieces.append(frames)
        found.append(cut(MotionFrames.concatenate(pieces), 0.0, audio.duration))
    return tuple(found)
