"""Mean and deviation of the gesture parameters over the ground truth, one file at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import OutputError, SpeechGestureError
from speech_gesture_pkg.evaluation.metrics.take import gesture_parameters, standard
from speech_gesture_pkg.evaluation.study.from_motion import motion_of


def fit_normaliser(truths: Sequence[Path], target: Path, stamp: str) -> str:
    """Fit over these motions and write `target` (mean, std, stamp); a file with the same stamp is kept.

    Motions that cannot be used are left out: they fail by name when they are evaluated.

    Returns:
        The stamp, or "" if no motion could be used.

    Raises:
        OutputError: `target` cannot be written.
    """
    try:
        with np.load(target, allow_pickle=False) as data:
            if str(data["stamp"]) == stamp:
                return stamp
    except (OSError, ValueError, KeyError):
        target.unlink(missing_ok=True)
    count, total, square = 0, np.zeros(0), np.zeros(0)
    for path in truths:
        try:
            x = gesture_parameters(standard(motion_of(path), str(path))).astype(float)
        except SpeechGestureError:
            continue
        if not count:
            total, square = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        count += len(x)
        total += x.sum(axis=0)
        square += (x * x).sum(axis=0)
    if not count:
        return ""
    mean = total / count
    std = np.sqrt(np.maximum(square / count - mean * mean, 0.0))
    try:
        np.savez(target, mean=mean, std=std, stamp=np.array(stamp))
    except OSError as e:
        raise OutputError(f"cannot write {target}: {e.strerror or e}") from e
    return stamp
