"""A bag's sound through the pipeline again, as the node received it, and whether both command the same motion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.study.agreement import ENTRY, agreement
from speech_gesture_pkg.lab.study.from_audio import SETTLE, offline_sample, sample_of_run
from speech_gesture_pkg.lab.study.from_bag import BagRecording, recorded_sample
from speech_gesture_pkg.lab.study.record import arrays_of
from speech_gesture_pkg.lab.study.robot_body import RobotBody
from speech_gesture_pkg.lab.study.sample import EvaluationSample
from speech_gesture_pkg.pipeline.build import Robot
from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey
from speech_gesture_pkg.pipeline.offline import POLL, RunTimes, messages_of, run_messages

OTHER_TAKE = (
    "the bag does not say at which sample the node's generator began, so this is another take on the same speech, not "
    "the recorded one frame by frame; bags made by `evaluate` through the node are reproduced"
)


def rerun_sample(
    path: Path, recording: BagRecording, config: GestureConfig, robot: Robot, body: RobotBody
) -> tuple[EvaluationSample, dict[str, Any] | None]:
    """The sample of the new run, and its agreement with the recorded one (None if that commanded nothing).

    A bag of `evaluate` (the node was reset a known number of samples before the speech) gives the same human motion
    again. In any other bag that number is known to a millisecond at best, from receptions, and the generator's choices
    depend on it: a sound that lies 5 samples differently on the grid of features crosses thresholds elsewhere, and all
    random choices after that are others. Such a run is another take, and says so.
    """
    content = recording.content
    if content.audio is None:
        raise InputError(f"bag {path} has no audio that can be read: there is nothing to run again")
    audio = AudioChunk(content.audio.samples, 0.0)
    entry = ENTRY
    if content.about.get("silence_before") == SETTLE:
        entry = 0.0 if content.about.get("from_rest") else ENTRY
        sample = offline_sample(config, robot, body, audio)
    else:
        speech_start = content.audio.start - recording.epoch
        start = _activation(recording, speech_start, config)
        times = RunTimes(start=start, end=speech_start + audio.duration + SETTLE)
        run = run_messages(config, robot, messages_of(audio, speech_start), times)
        sample = sample_of_run(config, robot, body, audio, run, speech_start)
        sample.warnings.append(OTHER_TAKE)
    if not recording.windows:
        return sample, None
    live = recorded_sample(path, recording, config, robot, body)
    try:
        found = agreement(arrays_of(sample), arrays_of(live), entry, audio.duration).as_dict()
    except InputError as e:
        found = {"why": str(e)}
    return sample, found


def _activation(recording: BagRecording, speech_start: float, config: GestureConfig) -> float:
    """Bag time (less the epoch) at which the node was activated."""
    motion, offset = recording.content.motion, recording.figure(DiagnosticKey.OFFSET) / 1e3
    if motion is None or not np.isfinite(offset):
        return speech_start - SETTLE
    # The first silence that is filled in ends `jitter` before the first step, one poll after activation.
    first = motion.start - recording.epoch - offset
    return min(first + config.sync.jitter - POLL, speech_start - POLL)
