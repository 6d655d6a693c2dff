"""Mean and deviation of the gesture parameters, and mean speeds, over the ground truth, one file at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import InputError, OutputError, SpeechGestureError
from speech_gesture_pkg.lab.metrics.beats import EMAGE_JOINTS, central_speed
from speech_gesture_pkg.lab.metrics.sample import STANDARD_FPS, gesture_parameters, joint_positions, standard
from speech_gesture_pkg.lab.study.from_motion import motion_of
from speech_gesture_pkg.motion.bounded_npz import read_npz


def fit_normaliser(truths: Sequence[Path], target: Path, stamp: str) -> str:
    """Fit over these motions and write `target` (mean, std, mean_speed, stamp); a file with the same stamp is kept.

    Motions that cannot be used are left out: they fail by name when they are evaluated.

    Returns:
        The stamp, or "" if no motion could be used.

    Raises:
        OutputError: `target` cannot be written.
    """
    try:
        if target.is_file():
            data = read_npz(target, ("stamp", "mean_speed"))
            if str(data["stamp"]) == stamp and len(data["mean_speed"]):
                return stamp
    except (InputError, TypeError):
        target.unlink(missing_ok=True)
    count, total, square = 0, np.zeros(0), np.zeros(0)
    speed = np.zeros(len(EMAGE_JOINTS))
    for path in truths:
        try:
            motion = standard(motion_of(path), str(path))
            x = gesture_parameters(motion).astype(float)
            places = joint_positions(motion)[:, list(EMAGE_JOINTS)]
        except SpeechGestureError:
            continue
        if not count:
            total, square = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        count += len(x)
        total += x.sum(axis=0)
        square += (x * x).sum(axis=0)
        if len(x) > 1:
            speed += central_speed(places, STANDARD_FPS).sum(axis=0)
    if not count:
        return ""
    mean = total / count
    std = np.sqrt(np.maximum(square / count - mean * mean, 0.0))
    try:
        np.savez(target, mean=mean, std=std, mean_speed=speed / count, stamp=np.array(stamp))
    except OSError as e:
        raise OutputError(f"cannot write {target}: {e.strerror or e}") from e
    return stamp
