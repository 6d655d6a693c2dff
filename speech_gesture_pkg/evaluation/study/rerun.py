"""A bag's sound through the pipeline again, as the node heard it, and whether both command the same motion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.assembly import Robot
from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.evaluation.offline_run import POLL, messages_of, run_messages
from speech_gesture_pkg.evaluation.study.agreement import agreement
from speech_gesture_pkg.evaluation.study.from_audio import SETTLE, material_of
from speech_gesture_pkg.evaluation.study.from_bag import Recording, recorded_material
from speech_gesture_pkg.evaluation.study.material import Material
from speech_gesture_pkg.evaluation.study.record import arrays_of
from speech_gesture_pkg.evaluation.study.robot_body import RobotBody


def rerun_material(
    path: Path, recording: Recording, config: GestureConfig, robot: Robot, body: RobotBody
) -> tuple[Material, dict[str, Any] | None]:
    """The material of the new run, and its agreement with the recorded one (None if that commanded nothing).

    The pipeline is activated where the node began to listen, so that the generator has heard as much silence before
    the speech: its idle motion and its choices depend on it.
    """
    content = recording.content
    if content.audio is None:
        raise InputError(f"bag {path} has no audio that can be read: there is nothing to run again")
    audio = AudioChunk(content.audio.samples, 0.0)
    heard = content.audio.start - recording.epoch
    start = _activation(recording, heard, config)
    run = run_messages(config, robot, messages_of(audio, heard), start, heard + audio.duration + SETTLE)
    material = material_of(config, robot, body, audio, run, heard)
    if not recording.windows:
        return material, None
    live = recorded_material(path, recording, config, robot, body)
    try:
        found = agreement(arrays_of(material), arrays_of(live), 0.0, audio.duration).as_dict()
    except InputError as e:
        found = {"why": str(e)}
    return material, found


def _activation(recording: Recording, heard: float, config: GestureConfig) -> float:
    """Bag time (less the epoch) at which the node was activated."""
    motion, offset = recording.content.motion, recording.figure("motion after sound [ms]") / 1e3
    if motion is None or not np.isfinite(offset):
        return heard - SETTLE
    # The first silence that is filled in ends `jitter` before the first step, one poll after activation.
    first = motion.start - recording.epoch - offset
    return min(first + config.sync.jitter - POLL, heard - POLL)
