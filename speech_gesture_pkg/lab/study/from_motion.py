"""Samples from a motion file, with its speech where it is known; and what belongs to ground truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.sample import STANDARD_FPS, MetricInput
from speech_gesture_pkg.lab.study.sample import EvaluationSample, cut, speech_features
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.npz import load_motion

NO_ROBOT = "a motion file shows no robot; retarget it and evaluate the bag, or evaluate the speech"


def motion_of(path: Path) -> MotionFrames:
    """A motion file on the clock of its speech: the first frame is at the first sample, as all corpora have it."""
    return replace(load_motion(path), start=0.0)


def motion_sample(motion: MotionFrames, audio: AudioChunk | None) -> EvaluationSample:
    """Motion beside its speech, cut to the time that both cover."""
    if audio is not None:
        motion = cut(motion, 0.0, audio.duration)
    features = speech_features(audio) if audio is not None else None
    sample = EvaluationSample(MetricInput(motion, speech=features), audio)
    sample.no_figure["*robot"] = NO_ROBOT
    sample.timings["audio_s"] = audio.duration if audio is not None else len(motion) / motion.fps
    return sample


def semantic_scores(path: Path, frames: int) -> np.ndarray:
    """BEAT's semantic score of every frame at 30 fps; 0 outside all marked spans. Shape [frames].

    The file has one span a line, separated by tabs: label, begin (s), end (s), length, score, words.

    Raises:
        InputError: the file cannot be read as that.
    """
    scores = np.zeros(frames)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise InputError(f"semantic scores {path} cannot be read: {e}") from e
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        cells = line.split("\t")
        try:
            begin, end, score = float(cells[1]), float(cells[2]), float(cells[4])
        except (IndexError, ValueError) as e:
            raise InputError(
                f"{path}, line {number}: {line[:60]!r} is not: label, begin, end, length, score, words (tabs between)"
            ) from e
        scores[int(np.ceil(begin * STANDARD_FPS)) : int(end * STANDARD_FPS) + 1] = score
    return scores
