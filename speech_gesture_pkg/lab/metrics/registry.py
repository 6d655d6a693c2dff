"""All metrics of one take by name: what they mean, what they need, and how they are computed.

    measure("bcs_talkshow", Take(motion, speech=features))   # a Measurement with a number or a NotComputable

Metrics of a whole corpus (Frechet distances, DiffSHEG's Div) stand in `corpus`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from speech_gesture_pkg.errors import ConfigError, InputError, one_of
from speech_gesture_pkg.lab.metrics import accuracy, beats, diversity, dynamics, positions, speech_alignment
from speech_gesture_pkg.lab.metrics.chance_level import AboveChance
from speech_gesture_pkg.lab.metrics.positions import BODY_AND_HANDS
from speech_gesture_pkg.lab.metrics.registry_robot import ROBOT_METRICS
from speech_gesture_pkg.lab.metrics.result import Measurement, NotComputable
from speech_gesture_pkg.lab.metrics.sample import (
    STANDARD_FPS,
    MetricInput,
    expression_parameters,
    gesture_parameters,
    joint_positions,
    with_coefficients,
)
from speech_gesture_pkg.lab.metrics.spec import Better, Metric, Need
from speech_gesture_pkg.plugins import is_plugin, load_plugin

_BODY = list(range(22))
_ALL = list(BODY_AND_HANDS)


def _points(take: MetricInput) -> tuple[np.ndarray, np.ndarray]:
    if take.face_points is None or take.true_face_points is None:
        raise InputError("there are no face points: they need an SMPL-X model file and a face in both motions")
    return take.face_points, take.true_face_points


def _faces(take: MetricInput) -> tuple[np.ndarray, np.ndarray]:
    """Face parameters of both; an expression coefficient that one of them does not have is 0 there, as at rest."""
    a, b = take.compared
    uses = [(bool(m.expression.any()), bool(m.face.any())) for m in (a, b)]
    if {(True, False), (False, True)} == set(uses):
        raise InputError(
            "one face is told by SMPL-X expression coefficients, the other by ARKit weights; they cannot be compared"
        )
    count = max(m.expression.shape[1] for m in (a, b))
    first, second = (expression_parameters(with_coefficients(m, count)) for m in (a, b))
    return first, second


def _arkit(take: MetricInput) -> tuple[np.ndarray, np.ndarray]:
    a, b = take.compared
    return a.face, b.face


def _body(take: MetricInput, joints: list[int]) -> tuple[np.ndarray, np.ndarray]:
    a, b = take.compared_positions
    return a[:, joints], b[:, joints]


def _diversity(take: MetricInput) -> float:
    samples = [joint_positions(m, take.rest)[:, _ALL] for m in take.sample_motions]
    return diversity.diversity_thesis(np.stack(samples))


def _normalised(take: MetricInput) -> tuple[np.ndarray, np.ndarray]:
    if take.normaliser is None:
        raise InputError("PCM needs mean and deviation of the gesture parameters over the training corpus")
    a, b = take.compared
    return take.normaliser(gesture_parameters(a)), take.normaliser(gesture_parameters(b))


def _srgr(take: MetricInput) -> float:
    if take.semantic is None:
        raise InputError("there are no semantic scores: SRGR needs them (BEAT has them)")
    a, b = take.compared
    shape = (len(a), -1, 3)
    return accuracy.srgr(gesture_parameters(a).reshape(shape), gesture_parameters(b).reshape(shape), take.semantic)


def stroke_alignment(take: MetricInput) -> AboveChance:
    """Strokes of the wrists on accents of the speech (`listening.strokes_on_accents`)."""
    return speech_alignment.strokes_on_accents(take.wrists, STANDARD_FPS, take.accents, len(take.played) / STANDARD_FPS)


def jaw_alignment(take: MetricInput) -> AboveChance:
    """Jaw opening on loudness (`listening.jaw_on_loudness`)."""
    speech, times = take.heard
    return speech_alignment.jaw_on_loudness(
        speech_alignment.jaw_opening(take.played), STANDARD_FPS, speech.energy_db, times
    )


def _moving(take: MetricInput) -> np.ndarray:
    return take.positions[:, _ALL]


_TRUTH = frozenset({Need.TRUTH})
_AUDIO = frozenset({Need.AUDIO})
_FACE = frozenset({Need.FACE})
_POINTS = frozenset({Need.TRUTH, Need.FACE_POINTS})
_THESIS = "SpeechCAT thesis, section 4.1"
_APPENDIX = "DiffSHEG appendix D, Table 2"

FOOLED_BY: dict[str, tuple[str, ...]] = {
    # A held mean pose errs less than real motion that differs from the true one, and is as smooth as can be.
    "lvd_talkshow": ("frozen",),
    "lvd_emage": ("frozen",),
    "ae": ("frozen",),
    "pcm": ("frozen",),
    "vsd": ("frozen",),
    "asd": ("frozen",),
    "msd": ("frozen",),
    # Noise and torn time are variety, too.
    "diversity_thesis": ("jittered", "time_shuffled"),
    # Jitter makes many minima of speed, so that one lies near every onset.
    "bcs_talkshow": ("jittered",),
    "bc_emage": ("jittered",),
    # Steady noise on all parts is alike in all parts; a seam moves all parts at once.
    "bpss_velocity_alignment": ("jittered",),
    "bpss_acceleration_alignment": ("jittered",),
    "bpss_correlation": ("time_shuffled",),
    "bpss_phase_coherence": ("time_shuffled",),
    "bpss": ("time_shuffled",),
}
"""Metric -> controls that score as well as or better than real motion; becomes `Metric.fooled_by`.

Measured on SmartBody's gestures (without audio) and on the prosody generator's motion on LibriSpeech (with audio)."""

METRICS: dict[str, Metric] = {
    m.name: replace(m, fooled_by=frozenset(FOOLED_BY.get(m.name, ())))
    for m in (
        Metric(
            "l2_talkshow",
            lambda t: positions.l2_talkshow(*_body(t, _ALL)),
            "m",
            Better.LOWER,
            "TalkSHOW code; thesis Table 2",
            _TRUTH,
        ),
        Metric(
            "mean_joint_error",
            lambda t: positions.mean_joint_error(*_body(t, _BODY)),
            "m",
            Better.LOWER,
            "MPJPE",
            _TRUTH,
        ),
        Metric(
            "finger_error", lambda t: positions.finger_error(*t.compared_positions), "m", Better.LOWER, "ours", _TRUTH
        ),
        Metric(
            "face_l2_talkshow",
            lambda t: positions.l2_talkshow(*_points(t)),
            "m",
            Better.LOWER,
            "TalkSHOW code; thesis Table 2",
            _POINTS,
        ),
        Metric(
            "face_l2_parameters",
            lambda t: positions.face_l2_parameters(*_faces(t)),
            "",
            Better.LOWER,
            "ours",
            frozenset({Need.TRUTH, Need.FACE}),
        ),
        Metric(
            "lvd_talkshow",
            lambda t: positions.lvd_talkshow(*_body(t, _BODY)),
            "m/frame",
            Better.LOWER,
            "TalkSHOW code; thesis section 4.1",
            _TRUTH,
        ),
        Metric(
            "face_lvd_talkshow",
            lambda t: positions.lvd_talkshow(*_points(t)),
            "m/frame",
            Better.LOWER,
            "TalkSHOW code; thesis Table 2",
            _POINTS,
        ),
        Metric(
            "lvd_emage", lambda t: positions.lvd_emage(*_body(t, _BODY)), "m/frame", Better.LOWER, "EMAGE code", _TRUTH
        ),
        Metric(
            "face_lvd_emage",
            lambda t: positions.lvd_emage(*_points(t)),
            "m/frame",
            Better.LOWER,
            "EMAGE code",
            _POINTS,
        ),
        Metric(
            "diversity_thesis",
            _diversity,
            "m^2",
            Better.HIGHER,
            "thesis Table 2 (TalkSHOW code)",
            frozenset({Need.SAMPLES}),
        ),
        Metric("l1div_emage", lambda t: diversity.l1div_emage(t.positions), "m", Better.REAL, "BEAT and EMAGE code"),
        Metric("vsd", lambda t: dynamics.vsd(_moving(t)), "m/frame", Better.LOWER, _THESIS),
        Metric("asd", lambda t: dynamics.asd(_moving(t)), "m/frame^2", Better.LOWER, _THESIS),
        Metric("msd", lambda t: dynamics.msd(_moving(t)), "m^2/frame^2", Better.LOWER, _THESIS),
        Metric("jerk_rms", lambda t: dynamics.rms_jerk(_moving(t), STANDARD_FPS), "m/s^3", Better.REAL, "ours"),
        Metric(
            "ae",
            lambda t: dynamics.acceleration_error(*_body(t, _ALL), STANDARD_FPS),
            "m/s^2",
            Better.LOWER,
            _APPENDIX,
            _TRUTH,
        ),
        Metric("vel", lambda t: dynamics.mean_velocity(_moving(t), STANDARD_FPS), "m/s", Better.REAL, _APPENDIX),
        Metric(
            "mlvs", lambda t: dynamics.mean_local_velocity_std(_moving(t), STANDARD_FPS), "m/s", Better.REAL, _APPENDIX
        ),
        Metric(
            "bcs_talkshow",
            lambda t: beats.bcs_talkshow(t.positions, t.onsets),
            "",
            Better.HIGHER,
            "TalkSHOW code; thesis Table 1",
            _AUDIO,
        ),
        Metric(
            "bc_emage",
            lambda t: beats.bc_emage(t.positions, t.onsets, STANDARD_FPS, t.mean_speed),
            "",
            Better.HIGHER,
            "EMAGE code",
            _AUDIO,
        ),
        Metric(
            "ba_diffsheg",
            lambda t: beats.ba_diffsheg(t.wrists, t.backtracked_onsets, STANDARD_FPS),
            "",
            Better.REAL,
            "DiffSHEG Eq. 12",
            _AUDIO,
        ),
        Metric(
            "strokes_on_accents", lambda t: stroke_alignment(t).excess, "", Better.HIGHER, "ours (listening.py)", _AUDIO
        ),
        Metric(
            "jaw_on_loudness",
            lambda t: jaw_alignment(t).excess,
            "",
            Better.HIGHER,
            "ours (listening.py)",
            _AUDIO | _FACE,
        ),
        Metric("bpss_correlation", lambda t: t.synchrony.correlation, "", Better.HIGHER, "thesis Table 3", _FACE),
        Metric(
            "bpss_phase_coherence",
            lambda t: t.synchrony.phase_coherence,
            "",
            Better.HIGHER,
            "thesis Table 3",
            _FACE,
        ),
        Metric(
            "bpss_velocity_alignment",
            lambda t: t.synchrony.velocity_alignment,
            "",
            Better.HIGHER,
            "thesis Table 3",
            _FACE,
        ),
        Metric(
            "bpss_acceleration_alignment",
            lambda t: t.synchrony.acceleration_alignment,
            "",
            Better.HIGHER,
            "thesis Table 3",
            _FACE,
        ),
        Metric("bpss", lambda t: t.synchrony.bpss, "", Better.HIGHER, _THESIS, _FACE),
        Metric(
            "pcm",
            lambda t: accuracy.pcm(*_normalised(t)),
            "",
            Better.HIGHER,
            "DiffSHEG Eq. 10",
            frozenset({Need.TRUTH, Need.NORMALISER}),
        ),
        Metric("srgr", _srgr, "", Better.HIGHER, "BEAT; DiffSHEG appendix E", frozenset({Need.TRUTH, Need.SEMANTIC})),
        Metric(
            "lip_mse",
            lambda t: accuracy.lip_mse(*_arkit(t)),
            "",
            Better.LOWER,
            "DiffSHEG Table 4",
            frozenset({Need.TRUTH, Need.FACE}),
        ),
        Metric(
            "lip_l1",
            lambda t: accuracy.lip_l1(*_arkit(t)),
            "",
            Better.LOWER,
            "DiffSHEG Table 4",
            frozenset({Need.TRUTH, Need.FACE}),
        ),
        *ROBOT_METRICS,
    )
}
"""Every metric of a take, by name, in the order of a report."""


def metric(name: str) -> Metric:
    """The metric called `name`: built in, or a user's own as `module:NAME`, which joins `METRICS` under that name.

    Raises:
        ConfigError: there is no such metric (the message lists the names), or NAME is no `Metric`.
    """
    if name not in METRICS:
        if not is_plugin(name):
            raise ConfigError(one_of("metric", name, METRICS))
        own = load_plugin(name, "metric")
        if not isinstance(own, Metric):
            raise ConfigError(f"metric {name!r} is a {type(own).__name__}; it must be a Metric (lab.metrics.spec)")
        METRICS[name] = replace(own, name=name)
    return METRICS[name]


def measure(name: str, take: MetricInput) -> Measurement:
    """The figure of a take, or `NotComputable` with the sentence that says why there is none.

    Raises:
        ConfigError: there is no metric of that name.
    """
    found = metric(name)
    try:
        value: float | NotComputable = float(found.compute(take))
    except InputError as error:
        value = NotComputable(str(error))
    return Measurement(name, value, found.unit)


def measure_all(take: MetricInput, names: Iterable[str] | None = None) -> list[Measurement]:
    """All metrics (or those named) of a take, in the registry's order."""
    wanted = set(METRICS if names is None else names)
    for name in wanted:
        metric(name)
    return [measure(name, take) for name in METRICS if name in wanted]
