"""What each figure is, in words and formulas: the docstring of the function that computes it, for reports."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from speech_gesture_pkg.errors import ConfigError, one_of
from speech_gesture_pkg.lab.metrics import (
    accuracy,
    beats,
    diversity,
    dynamics,
    frechet,
    positions,
    robot,
    speech_alignment,
    synchrony,
)

_FACE_POINTS = "On points of the face: SMPL-X joints 22 to 24 and mesh landmarks."
_ROBOTS_HANDS = "On the positions of the robot's hands, at 30 Hz."
_PAIRS = "Mean over the pairs body-hands, body-face, hands-face."
_BATCHES = "Clips of all recordings in turn, in batches of 50; mean over whole batches."
_POSITION, _VELOCITY, _ACCELERATION = "Of joint positions.", "Of joint velocities.", "Of joint accelerations."

_DEFINED_BY: dict[str, tuple[Callable[..., Any] | None, str]] = {
    "l2_talkshow": (positions.l2_talkshow, "On the 52 joints of body and hands."),
    "mean_joint_error": (positions.mean_joint_error, "On the 22 body joints."),
    "finger_error": (positions.finger_error, ""),
    "face_l2_talkshow": (positions.l2_talkshow, _FACE_POINTS),
    "face_l2_parameters": (positions.face_l2_parameters, ""),
    "lvd_talkshow": (positions.lvd_talkshow, "On the 22 body joints."),
    "face_lvd_talkshow": (positions.lvd_talkshow, _FACE_POINTS),
    "lvd_emage": (positions.lvd_emage, "On the 22 body joints."),
    "face_lvd_emage": (positions.lvd_emage, _FACE_POINTS),
    "diversity_thesis": (diversity.diversity_thesis, ""),
    "l1div_emage": (diversity.l1div_emage, ""),
    "vsd": (dynamics.vsd, "On the 52 joints of body and hands."),
    "asd": (dynamics.asd, "On the 52 joints of body and hands."),
    "msd": (dynamics.msd, "On the 52 joints of body and hands."),
    "jerk_rms": (dynamics.rms_jerk, "On the 52 joints of body and hands."),
    "ae": (dynamics.acceleration_error, "On the 52 joints of body and hands."),
    "vel": (dynamics.mean_velocity, "On the 52 joints of body and hands."),
    "mlvs": (dynamics.mean_local_velocity_std, "On the 52 joints of body and hands."),
    "bcs_talkshow": (beats.bcs_talkshow, ""),
    "bc_emage": (beats.bc_emage, ""),
    "ba_diffsheg": (beats.ba_diffsheg, ""),
    "strokes_on_accents": (speech_alignment.strokes_on_accents, "The figure is the excess over chance."),
    "jaw_on_loudness": (speech_alignment.jaw_on_loudness, "The figure is the excess over chance."),
    "bpss_correlation": (synchrony.cross_correlation, _PAIRS),
    "bpss_phase_coherence": (synchrony.mean_phase_coherence, _PAIRS),
    "bpss_velocity_alignment": (synchrony.cosine, f"Of the speeds of the parts. {_PAIRS}"),
    "bpss_acceleration_alignment": (synchrony.cosine, f"Of the accelerations of the parts. {_PAIRS}"),
    "bpss": (synchrony.synchrony, "BPSS is the mean of the four."),
    "pcm": (accuracy.pcm, "On SHOW's 129 gesture parameters."),
    "srgr": (accuracy.srgr, "On SHOW's 43 joints, axis-angle."),
    "lip_mse": (accuracy.lip_mse, ""),
    "lip_l1": (accuracy.lip_l1, ""),
    "robot_position_at_limit": (robot.position_limit_use, _POSITION),
    "robot_position_over_limit": (robot.position_limit_use, "The share beyond the limit alone."),
    "robot_velocity_at_limit": (robot.rate_limit_use, _VELOCITY),
    "robot_velocity_over_limit": (robot.rate_limit_use, f"{_VELOCITY} The share beyond the limit alone."),
    "robot_acceleration_at_limit": (robot.rate_limit_use, _ACCELERATION),
    "robot_acceleration_over_limit": (robot.rate_limit_use, f"{_ACCELERATION} The share beyond the limit alone."),
    "robot_jerk_rms": (robot.joint_jerk_rms, ""),
    "robot_direction_error": (robot.angle_error, "Of upper arms and forearms; mean over limbs and frames."),
    "robot_palm_error": (robot.angle_error, "Of palm normals; mean over hands and frames."),
    "robot_collision": (robot.collision_share, "Clearance by the capsule model."),
    "robot_latency_p50": (robot.latency_percentiles, "From the arrival of audio to the sending of its motion; median."),
    "robot_latency_p99": (robot.latency_percentiles, "From the arrival of audio to the sending of its motion; 99 %."),
    "robot_real_time_factor": (robot.real_time_factor, ""),
    "robot_late_windows": (robot.late_windows, ""),
    "robot_tracking_error": (
        None,
        "Largest distance of a measured joint position from what was commanded within 2 ms around it (two cycles of a "
        "1 kHz controller).",
    ),
    "robot_tracking_delay": (
        None,
        "The shift in time by which the measured motion matches the commanded one best; of the controller where it is "
        "largest.",
    ),
    "robot_speech_with_motion": (robot.speech_with_motion, ""),
    "robot_ba": (beats.ba_diffsheg, _ROBOTS_HANDS),
    "robot_strokes_on_accents": (
        speech_alignment.strokes_on_accents,
        f"The figure is the excess over chance. {_ROBOTS_HANDS}",
    ),
    "fgd": (frechet.frechet_distance, "Of gesture parameters: 13 body and 30 hand joints, axis-angle."),
    "fed": (frechet.frechet_distance, "Of face parameters: jaw, expression coefficients, ARKit weights."),
    "fmd": (frechet.frechet_distance, "Of gesture and face parameters together."),
    "diversity_diffsheg": (diversity.diversity_diffsheg, f"Of SHOW's 129 gesture parameters. {_BATCHES}"),
    "face_diversity_diffsheg": (diversity.diversity_diffsheg, f"Of the face parameters. {_BATCHES}"),
}


def definition(name: str) -> str:
    """What the metric `name` is: paragraphs parted by empty lines; indented ones are formulas.

    Raises:
        ConfigError: there is no metric of that name.
    """
    if name not in _DEFINED_BY:
        raise ConfigError(one_of("metric", name, _DEFINED_BY))
    function, note = _DEFINED_BY[name]
    doc = (inspect.getdoc(function) or "") if function else ""
    text = re.split(r"\n\s*\n?(?:Args|Returns|Raises):\n", doc)[0].strip()
    return "\n\n".join(part for part in (text, note) if part)


def defined() -> tuple[str, ...]:
    """Names of all metrics that have a definition."""
    return tuple(_DEFINED_BY)
