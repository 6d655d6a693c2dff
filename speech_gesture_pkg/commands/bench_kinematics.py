"""bench --kinematics: how lively the motion is, beside what was measured on real talkers."""

from __future__ import annotations

from typing import Any

import numpy as np

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.body.kinematics import kinematic_figures
from speech_gesture_pkg.commands.common import progress
from speech_gesture_pkg.commands.generate import generate
from speech_gesture_pkg.config import GestureConfig

# Figure -> (eight seated TV hosts: range; one lively standing speaker: range), SMPL-X fits at 30 fps.
TALKERS: dict[str, tuple[str, str]] = {
    "wrist_speed_mean_m_s": ("0.03-0.24", "0.50-0.53"),
    "wrist_speed_p95_m_s": ("0.07-0.76", "1.35"),
    "wrist_peaks_per_min_hand": ("0-60", "92-101"),
    "time_moving_percent": ("0-38", "88"),
    "left_right_speed_correlation": ("0.12-0.90", "0.67"),
    "wrist_below_shoulder_p5_m": ("-", "-0.01"),
    "wrist_below_shoulder_p50_m": ("0.07-0.46", "0.25-0.38"),
    "wrist_below_shoulder_p95_m": ("-", "0.50"),
    "wrist_in_front_p50_m": ("-", "0.21-0.25"),
    "wrist_in_front_p95_m": ("-", "0.32-0.35"),
    "elbow_flexion_p5_deg": ("-", "18"),
    "elbow_flexion_p50_deg": ("-", "45-74"),
    "elbow_flexion_p95_deg": ("-", "95-109"),
    "head_std_yaw_deg": ("2.4-6.9", "7.1"),
    "head_std_pitch_deg": ("3.9-13.7", "4.6"),
    "head_std_roll_deg": ("1.4-13.5", "4.0"),
    "head_speed_mean_deg_s": ("14-25", "31"),
    "chest_std_yaw_deg": ("1.0-3.2", "2.2"),
    "chest_std_pitch_deg": ("1.8-7.1", "4.4"),
    "chest_std_roll_deg": ("0.4-1.5", "4.3"),
    "finger_deviation_deg": ("-", "9-11"),
    "jaw_p50_deg": ("2.1-3.2", "1.1"),
    "jaw_p95_deg": ("4.9-7.0", "2.4"),
    "shoulder_speed_p95_deg_s": ("-", "82-95"),
    "elbow_speed_p95_deg_s": ("-", "217-232"),
    "wrist_speed_p95_deg_s": ("-", "188-207"),
}


def kinematics(config: GestureConfig, files: list[str]) -> dict[str, float]:
    """Mean over files of every figure of `kinematic_figures`."""
    found: list[dict[str, Any]] = []
    for path in progress(files, "kinematics", len(files)):
        figures = kinematic_figures(generate(read_audio(path), config))
        found.append({k: float(np.mean(v)) for k, v in figures.items()})
    return {key: float(np.nanmean([f[key] for f in found])) for key in found[0]}


def kinematics_table(figures: dict[str, float]) -> str:
    """Markdown table beside the reference columns."""
    lines = ["| figure | TV hosts | this motion | lively speaker |", "|---|---|---|---|"]
    for key, value in figures.items():
        low, high = TALKERS.get(key, ("", ""))
        lines.append(f"| {key} | {low} | {value:.2f} | {high} |")
    return "\n".join(lines)
