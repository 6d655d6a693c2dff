"""bench --kinematics: how lively the motion is, beside what was measured on real talkers."""

from __future__ import annotations

from typing import Any

import numpy as np

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.cli.common import progress
from speech_gesture_pkg.cli.generate import generate
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.motion.liveliness import kinematic_figures


def kinematics(config: GestureConfig, files: list[str]) -> dict[str, float]:
    """Mean over files of every figure of `kinematic_figures`."""
    found: list[dict[str, Any]] = []
    for path in progress(files, "kinematics", len(files)):
        figures = kinematic_figures(generate(read_audio(path), config))
        found.append({k: float(np.mean(v)) for k, v in figures.items()})
    return {key: float(np.nanmean([f[key] for f in found])) for key in found[0]}
