"""Do the metrics see spoiled motion? On real gestures (SmartBody) and on strokes made for real speech (LibriSpeech).

The table `registry.FOOLED_BY` says which published metrics do not; it is held here, as is that the others do.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.features.extractor import SpeechFeatureExtractor
from speech_gesture_pkg.generators.prosody import ProsodyGenerator
from speech_gesture_pkg.lab.metrics import controls
from speech_gesture_pkg.lab.metrics.registry import FOOLED_BY, METRICS, measure, measure_all
from speech_gesture_pkg.lab.metrics.sample import MetricInput, Normaliser, gesture_parameters
from speech_gesture_pkg.lab.metrics.spec import Better
from speech_gesture_pkg.lab.metrics.statistics import permutation_test
from speech_gesture_pkg.motion.frames import MotionFrames

Figures = dict[str, dict[str, np.ndarray]]

ALONE = ("lvd_talkshow", "lvd_emage", "diversity_thesis", "l1div_emage", "vsd", "asd", "msd", "jerk_rms")
ALONE += ("ae", "vel", "mlvs", "pcm", "l2_talkshow")
SPEAKING = ("bcs_talkshow", "bc_emage", "ba_diffsheg", "strokes_on_accents", "jaw_on_loudness")
SPEAKING += ("bpss", "bpss_correlation", "bpss_phase_coherence", "bpss_velocity_alignment")
SPEAKING += ("bpss_acceleration_alignment",)


def figures(takes: dict[str, list[MetricInput]], names: tuple[str, ...]) -> Figures:
    """Metric -> control -> figure of each take (NaN where there is none)."""
    found: Figures = {name: {} for name in names}
    for control, spoiled in takes.items():
        rows = [{m.name: m.number for m in measure_all(t, names)} for t in spoiled]
        for name in names:
            found[name][control] = np.array([r[name] for r in rows])
    return found


def motion_controls(takes: list[MetricInput]) -> dict[str, list[MetricInput]]:
    return {
        "real": takes,
        "jittered": [replace(t, motion=controls.jittered(t.motion, i)) for i, t in enumerate(takes)],
        "time_shuffled": [replace(t, motion=controls.time_shuffled(t.motion, i)) for i, t in enumerate(takes)],
        "frozen": [replace(t, motion=controls.frozen(t.motion)) for t in takes],
    }


@pytest.fixture(scope="module")
def alone(shared_data) -> Figures:
    """52 real gestures; "ground truth" and second sample are other real gestures."""
    path = shared_data / "smartbody_gestures" / "smartbody_smplx.npz"
    if not path.is_file():
        pytest.skip("the SmartBody gestures are not on this machine (../shared/data)")
    with np.load(path) as data:
        keys = [k[:-6] for k in data.files if k.endswith(".poses")]
        clips = []
        for key in keys:
            poses = data[f"{key}.poses"]
            if 75 <= len(poses) < 200:
                full = np.zeros((len(poses), 55, 3))
                full[:, data["smplx55_index"]] = poses
                clips.append(MotionFrames(full, 30.0, translation=data[f"{key}.trans"].astype(float)))
    clips = clips[::3]
    normaliser = Normaliser.fit([gesture_parameters(m) for m in clips])
    count = len(clips)
    takes = [
        MetricInput(m, clips[(i + 1) % count], (clips[(i + 2) % count],), normaliser=normaliser)
        for i, m in enumerate(clips)
    ]
    return figures(motion_controls(takes), ALONE)


@pytest.fixture(scope="module")
def speaking(shared_data) -> Figures:
    """The prosody generator's motion on speech of eleven people."""
    paths = sorted((shared_data / "librispeech_flac").rglob("*.flac"))[::25]
    chunks = [c for c in map(read_audio, paths) if c.duration > 10.0]
    if len(chunks) < 8:
        pytest.skip("the speech data is incomplete (../shared/data)")
    extractor, generator = SpeechFeatureExtractor(), ProsodyGenerator()
    takes = []
    for i, chunk in enumerate(chunks):
        samples = np.concatenate([chunk.samples, np.zeros(8000, np.float32)])
        motion = generator.step(AudioChunk(samples), generator.start(seed=i))[0]
        takes.append(MetricInput(motion, speech=extractor.step(samples, extractor.start())[0]))
    spoiled = motion_controls(takes)
    spoiled["mirrored_audio"] = [replace(t, speech=controls.mirrored_audio(t.speech)) for t in takes if t.speech]
    spoiled["other_audio"] = [replace(t, speech=takes[i - 1].speech) for i, t in enumerate(takes)]
    return figures(spoiled, SPEAKING)


def gain(found: Figures, name: str, control: str) -> float:
    """How much better the control's mean figure is than the real one's (for metrics that have a better side)."""
    sign = {Better.HIGHER: 1.0, Better.LOWER: -1.0}[METRICS[name].better]
    return sign * float(found[name][control].mean() - found[name]["real"].mean())


@pytest.mark.parametrize(("name", "control"), [(n, c) for n, cs in FOOLED_BY.items() if n in ALONE for c in cs])
def test_known_to_be_fooled_without_audio(alone, name, control):
    assert gain(alone, name, control) > 0.0


@pytest.mark.parametrize(("name", "control"), [(n, c) for n, cs in FOOLED_BY.items() if n in SPEAKING for c in cs])
def test_known_to_be_fooled_with_audio(speaking, name, control):
    assert gain(speaking, name, control) > 0.0


@pytest.mark.parametrize(
    ("name", "control"),
    [
        (n, c)
        for n in ALONE
        for c in ("jittered", "time_shuffled", "frozen")
        if METRICS[n].better is not Better.REAL and c not in METRICS[n].fooled_by
    ],
)
def test_the_others_see_it_without_audio(alone, name, control):
    assert gain(alone, name, control) < 0.0


@pytest.mark.parametrize(
    ("name", "control", "side"),
    [
        *((n, "jittered", 1) for n in ("l1div_emage", "vsd", "asd", "msd", "jerk_rms", "vel", "mlvs")),
        *((n, "frozen", -1) for n in ("l1div_emage", "vsd", "asd", "msd", "jerk_rms", "vel", "mlvs")),
        *((n, "time_shuffled", 1) for n in ("vsd", "asd", "msd", "jerk_rms", "vel", "mlvs")),
    ],
)
def test_figures_of_liveliness_leave_those_of_real_motion_on_the_known_side(alone, name, control, side):
    change = side * (alone[name][control] - alone[name]["real"])
    assert change.mean() > 0.05 * alone[name]["real"].mean()


def test_l1div_does_not_see_time(alone):
    assert alone["l1div_emage"]["time_shuffled"] == pytest.approx(alone["l1div_emage"]["real"])


def test_frozen_motion_has_no_beats_and_no_synchrony(speaking):
    for name in SPEAKING:
        assert np.isnan(speaking[name]["frozen"]).all(), name


@pytest.mark.parametrize("control", ["jittered", "time_shuffled", "mirrored_audio", "other_audio"])
def test_strokes_on_accents_sees_what_does_not_listen(speaking, control):
    real, spoiled = speaking["strokes_on_accents"]["real"], speaking["strokes_on_accents"][control]
    assert real.mean() > 0.1
    assert spoiled.mean() < 0.5 * real.mean()
    assert permutation_test(spoiled, real).p_value < 0.01


@pytest.mark.parametrize("control", ["time_shuffled", "mirrored_audio", "other_audio"])
def test_jaw_on_loudness_sees_what_does_not_listen(speaking, control):
    real, spoiled = speaking["jaw_on_loudness"]["real"], speaking["jaw_on_loudness"][control]
    assert real.mean() > 0.4
    assert spoiled.mean() < 0.25 * real.mean()
    assert permutation_test(spoiled, real).p_value < 0.01


@pytest.mark.parametrize("name", ["bc_emage", "ba_diffsheg"])
def test_published_alignment_hardly_knows_the_right_audio(speaking, name):
    """Tolerance 0.3 s against some four onsets per second: any audio fits. Strokes on accents tell them apart."""
    real, mirrored = speaking[name]["real"], speaking[name]["mirrored_audio"]
    assert abs(real.mean() - mirrored.mean()) < 0.05


def test_controls_are_what_they_say():
    rng = np.random.default_rng(0)
    motion = MotionFrames(rng.normal(size=(100, 55, 3)), 30.0, face=rng.uniform(size=(100, 52)))
    shuffled = controls.time_shuffled(motion, 1)
    assert not np.array_equal(shuffled.poses, motion.poses)
    assert np.array_equal(np.sort(shuffled.poses[:, 0, 0]), np.sort(motion.poses[:, 0, 0]))
    assert np.ptp(controls.frozen(motion).poses, axis=0).max() == 0.0
    noise = controls.jittered(motion, 1).poses - motion.poses
    assert np.rad2deg(noise.std()) == pytest.approx(2.0, rel=0.05)
    assert np.array_equal(controls.jittered(motion, 1).poses, controls.jittered(motion, 1).poses)
    assert measure("l1div_emage", MetricInput(shuffled)).number == pytest.approx(
        measure("l1div_emage", MetricInput(motion)).number
    )
