"""All metrics of one take by name: what they mean, what they need, and how they are computed.

    measure("bcs_talkshow", MetricInput(motion, speech=features))   # a Measurement with a number or a NotComputable

Metrics of a whole corpus (Frechet distances, DiffSHEG's Div) are in `corpus`, those of the robot in `registry_robot`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from operator import attrgetter

import numpy as np

from speech_gesture_pkg.errors import ConfigError, InputError, one_of
from speech_gesture_pkg.lab.metrics import accuracy, beats, diversity, dynamics, positions, synchrony
from speech_gesture_pkg.lab.metrics.corpus import CORPUS_METRICS
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
from speech_gesture_pkg.lab.metrics.spec import Better, Metric, Need, Of, definition_of
from speech_gesture_pkg.lab.metrics.speech_alignment import jaw_on_loudness, jaw_opening, strokes_on_accents
from speech_gesture_pkg.plugins import defined_at, described, is_plugin, load_plugin

Pair = tuple[np.ndarray, np.ndarray]


def _both(joints: Iterable[int]) -> Callable[[MetricInput], Pair]:
    """Positions of these joints in motion and truth."""
    chosen = list(joints)
    return lambda take: (take.compared_positions[0][:, chosen], take.compared_positions[1][:, chosen])


_BODY = _both(range(22))
_WHOLE = _both(BODY_AND_HANDS)


def _points(take: MetricInput) -> Pair:
    if take.face_points is None or take.true_face_points is None:
        raise InputError("there are no face points: they need an SMPL-X model file and a face in both motions")
    return take.face_points, take.true_face_points


def _faces(take: MetricInput) -> Pair:
    """Face parameters of both; an expression coefficient that one of them does not have is 0 there, as at rest."""
    a, b = take.compared
    uses = [(bool(m.expression.any()), bool(m.face.any())) for m in (a, b)]
    if {(True, False), (False, True)} == set(uses):
        raise InputError(
            "one face is given by SMPL-X expression coefficients, the other by ARKit weights; they cannot be compared"
        )
    count = max(m.expression.shape[1] for m in (a, b))
    first, second = (expression_parameters(with_coefficients(m, count)) for m in (a, b))
    return first, second


def _arkit(take: MetricInput) -> Pair:
    a, b = take.compared
    return a.face, b.face


def _samples(take: MetricInput) -> tuple[np.ndarray]:
    return (np.stack([joint_positions(m, take.rest)[:, list(BODY_AND_HANDS)] for m in take.sample_motions]),)


def _normalised(take: MetricInput) -> Pair:
    if take.normaliser is None:
        raise InputError("PCM needs mean and deviation of the gesture parameters over the training corpus")
    a, b = take.compared
    return take.normaliser(gesture_parameters(a)), take.normaliser(gesture_parameters(b))


def _semantic(take: MetricInput) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if take.semantic is None:
        raise InputError("there are no semantic scores: SRGR needs them (BEAT has them)")
    a, b = (gesture_parameters(m).reshape(len(m), -1, 3) for m in take.compared)
    return a, b, take.semantic


def _moving(take: MetricInput) -> tuple[np.ndarray]:
    return (take.positions[:, list(BODY_AND_HANDS)],)


def _timed(take: MetricInput) -> tuple[np.ndarray, float]:
    return *_moving(take), STANDARD_FPS


def _both_timed(take: MetricInput) -> tuple[np.ndarray, np.ndarray, float]:
    return *_WHOLE(take), STANDARD_FPS


def _wrists(take: MetricInput) -> tuple[np.ndarray, float, np.ndarray, float]:
    return take.wrists, STANDARD_FPS, take.accents, len(take.played) / STANDARD_FPS


def _joints_and_onsets(take: MetricInput) -> tuple[np.ndarray, np.ndarray, float, np.ndarray | None]:
    return take.positions, take.onsets, STANDARD_FPS, take.mean_speed


def _wrists_and_onsets(take: MetricInput) -> tuple[np.ndarray, np.ndarray, float]:
    return take.wrists, take.backtracked_onsets, STANDARD_FPS


def _jaw(take: MetricInput) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    speech, times = take.speech_and_times
    return jaw_opening(take.played), STANDARD_FPS, speech.energy_db, times


_LOW, _HIGH, _REAL = Better.LOWER, Better.HIGHER, Better.REAL
_TRUTH, _AUDIO, _FACE = frozenset({Need.TRUTH}), frozenset({Need.AUDIO}), frozenset({Need.FACE})
_POINTS, _TRUE_FACE = frozenset({Need.TRUTH, Need.FACE_POINTS}), frozenset({Need.TRUTH, Need.FACE})
_SEVERAL, _SCORED = frozenset({Need.SAMPLES}), frozenset({Need.TRUTH, Need.SEMANTIC})
_SCALED = frozenset({Need.TRUTH, Need.NORMALISER})
_SRGR = "BEAT; DiffSHEG appendix E"
_THESIS = "SpeechCAT thesis, section 4.1"
_APPENDIX = "DiffSHEG appendix D, Table 2"
_TALKSHOW = "TalkSHOW code; thesis section 4.1"
_TABLE_1 = "TalkSHOW code; thesis Table 1"
_TABLE_3 = "thesis Table 3"
_EMAGE = "EMAGE code"
_OURS = "ours (listening.py)"
_SAMPLED = "thesis Table 2 (TalkSHOW code)"
_TABLE_2 = "TalkSHOW code; thesis Table 2"
_ON_BODY = "On the 22 body joints."
_ON_WHOLE = "On the 52 joints of body and hands."
_ON_FACE = "On points of the face: SMPL-X joints 22 to 24 and mesh landmarks."
_EXCESS = "The figure is the excess over chance."
_BPSS = "BPSS is the mean of the four."
_PAIRS = "Mean over the pairs body-hands, body-face, hands-face."

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

_BODY_METRICS = (
    Metric("l2_talkshow", Of(positions.l2_talkshow, _WHOLE), "m", _LOW, _TABLE_2, _TRUTH, _ON_WHOLE),
    Metric("mean_joint_error", Of(positions.mean_joint_error, _BODY), "m", _LOW, "MPJPE", _TRUTH, _ON_BODY),
    Metric("finger_error", Of(positions.finger_error, lambda t: t.compared_positions), "m", _LOW, "ours", _TRUTH),
    Metric("face_l2_talkshow", Of(positions.l2_talkshow, _points), "m", _LOW, _TABLE_2, _POINTS, _ON_FACE),
    Metric("face_l2_parameters", Of(positions.face_l2_parameters, _faces), "", _LOW, "ours", _TRUE_FACE),
    Metric("lvd_talkshow", Of(positions.lvd_talkshow, _BODY), "m/frame", _LOW, _TALKSHOW, _TRUTH, _ON_BODY),
    Metric("face_lvd_talkshow", Of(positions.lvd_talkshow, _points), "m/frame", _LOW, _TABLE_2, _POINTS, _ON_FACE),
    Metric("lvd_emage", Of(positions.lvd_emage, _BODY), "m/frame", _LOW, "EMAGE code", _TRUTH, _ON_BODY),
    Metric("face_lvd_emage", Of(positions.lvd_emage, _points), "m/frame", _LOW, "EMAGE code", _POINTS, _ON_FACE),
    Metric("diversity_thesis", Of(diversity.diversity_thesis, _samples), "m^2", _HIGH, _SAMPLED, _SEVERAL),
    Metric("l1div_emage", Of(diversity.l1div_emage, lambda t: (t.positions,)), "m", _REAL, "BEAT and EMAGE code"),
    Metric("vsd", Of(dynamics.vsd, _moving), "m/frame", _LOW, _THESIS, note=_ON_WHOLE),
    Metric("asd", Of(dynamics.asd, _moving), "m/frame^2", _LOW, _THESIS, note=_ON_WHOLE),
    Metric("msd", Of(dynamics.msd, _moving), "m^2/frame^2", _LOW, _THESIS, note=_ON_WHOLE),
    Metric("jerk_rms", Of(dynamics.rms_jerk, _timed), "m/s^3", _REAL, "ours", note=_ON_WHOLE),
    Metric("ae", Of(dynamics.acceleration_error, _both_timed), "m/s^2", _LOW, _APPENDIX, _TRUTH, _ON_WHOLE),
    Metric("vel", Of(dynamics.mean_velocity, _timed), "m/s", _REAL, _APPENDIX, note=_ON_WHOLE),
    Metric("mlvs", Of(dynamics.mean_local_velocity_std, _timed), "m/s", _REAL, _APPENDIX, note=_ON_WHOLE),
)
_SPEECH_METRICS = (
    Metric("bcs_talkshow", Of(beats.bcs_talkshow, lambda t: (t.positions, t.onsets)), "", _HIGH, _TABLE_1, _AUDIO),
    Metric("bc_emage", Of(beats.bc_emage, _joints_and_onsets), "", _HIGH, _EMAGE, _AUDIO),
    Metric("ba_diffsheg", Of(beats.ba_diffsheg, _wrists_and_onsets), "", _REAL, "DiffSHEG Eq. 12", _AUDIO),
    Metric("strokes_on_accents", Of(strokes_on_accents, _wrists, "excess"), "", _HIGH, _OURS, _AUDIO, _EXCESS),
    Metric("jaw_on_loudness", Of(jaw_on_loudness, _jaw, "excess"), "", _HIGH, _OURS, _AUDIO | _FACE, _EXCESS),
)
_SYNCHRONY_METRICS = (
    *(
        Metric(f"bpss_{name}", attrgetter(f"synchrony.{name}"), "", _HIGH, _TABLE_3, _FACE, f"{of}{_PAIRS}", function)
        for name, function, of in (
            ("correlation", synchrony.cross_correlation, ""),
            ("phase_coherence", synchrony.mean_phase_coherence, ""),
            ("velocity_alignment", synchrony.cosine, "Of the speeds of the parts. "),
            ("acceleration_alignment", synchrony.cosine, "Of the accelerations of the parts. "),
        )
    ),
    Metric("bpss", attrgetter("synchrony.bpss"), "", _HIGH, _THESIS, _FACE, _BPSS, synchrony.synchrony),
)
_ACCURACY_METRICS = (
    Metric(
        "pcm", Of(accuracy.pcm, _normalised), "", _HIGH, "DiffSHEG Eq. 10", _SCALED, "On SHOW's 129 gesture parameters."
    ),
    Metric("srgr", Of(accuracy.srgr, _semantic), "", _HIGH, _SRGR, _SCORED, "On SHOW's 43 joints, axis-angle."),
    Metric("lip_mse", Of(accuracy.lip_mse, _arkit), "", _LOW, "DiffSHEG Table 4", _TRUE_FACE),
    Metric("lip_l1", Of(accuracy.lip_l1, _arkit), "", _LOW, "DiffSHEG Table 4", _TRUE_FACE),
)

METRICS: dict[str, Metric] = {
    m.name: replace(m, fooled_by=frozenset(FOOLED_BY.get(m.name, ())))
    for m in (*_BODY_METRICS, *_SPEECH_METRICS, *_SYNCHRONY_METRICS, *_ACCURACY_METRICS, *ROBOT_METRICS)
}
"""Every metric of a take, by name, in the order of a report."""


def definition(name: str) -> str:
    """What a metric of a take or of a corpus is: paragraphs parted by empty lines; indented ones are formulas.

    Raises:
        ConfigError: there is no metric of that name.
    """
    found = METRICS.get(name) or CORPUS_METRICS.get(name)
    if found is None:
        raise ConfigError(one_of("metric", name, [*METRICS, *CORPUS_METRICS]))
    return definition_of(found)


def metric(name: str) -> Metric:
    """The metric called `name`: built in, or a user's own as `module:NAME`, which joins `METRICS` under that name.

    Raises:
        ConfigError: there is no such metric (the message lists the names), or NAME is no `Metric`.
    """
    if name not in METRICS:
        if not is_plugin(name):
            raise ConfigError(f"{one_of('metric', name, METRICS)}, or your own as module:NAME")
        own = load_plugin(name, "metric")
        if not isinstance(own, Metric):
            raise ConfigError(f"metric {name!r} is of type {type(own).__name__}; it must be a lab.metrics.spec.Metric")
        METRICS[name] = replace(own, name=name)
    return METRICS[name]


def measure(name: str, take: MetricInput) -> Measurement:
    """The figure of a take, or `NotComputable` with the sentence that says why there is none.

    Raises:
        ConfigError: there is no metric of that name.
    """
    found = metric(name)
    try:
        value: float | NotComputable = _own_figure(found, take) if is_plugin(name) else float(found.compute(take))
    except InputError as error:
        value = NotComputable(str(error))
    return Measurement(name, value, found.unit)


def _own_figure(own: Metric, take: MetricInput) -> float:
    """The figure of a user's own metric. Raises InputError for whatever it raises or lacks, and for what is no number.

    A mistake in it costs its own figure, not the record.
    """
    for need in Need:
        if need in own.needs and (why := need.missing_in(take)):
            raise InputError(f"metric {own.name!r}: {why}")
    try:
        value: object = own.compute(take)
    except InputError:
        raise
    except Exception as e:  # code of somebody else
        raise InputError(f"metric {own.name!r} failed ({described(e, own.name)})") from e
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "fiub":
        shape = f" of shape {number.shape}" if number.ndim else ""
        where = defined_at(own.compute)
        raise InputError(
            f"metric {own.name!r} gave an object of type {type(value).__name__}{shape}; it must return one number"
            + (f" ({where})" if where else "")
        )
    return float(number)


def measure_all(take: MetricInput, names: Iterable[str] | None = None) -> list[Measurement]:
    """All metrics (or those named) of a take, in the registry's order."""
    wanted = set(METRICS if names is None else names)
    for name in wanted:
        metric(name)
    return [measure(name, take) for name in METRICS if name in wanted]
