"""The prosody generator on real speech: accents get strokes, the figures lie where talkers' do, hands stay clear."""

from __future__ import annotations

from math import gcd

import numpy as np
import pytest
import soundfile
from scipy.signal import butter, find_peaks, resample_poly, sosfiltfilt

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.generators.base import Style
from speech_gesture_pkg.generators.prosody import ProsodyGenerator
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.liveliness import kinematic_figures
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, forward_kinematics

RATE = 16_000
STROKE = 2


@pytest.fixture(scope="module")
def clips(shared_data) -> list[np.ndarray]:
    """Fourteen clips of ten speakers, 16 kHz."""
    paths = sorted((shared_data / "ljspeech_32").glob("*.flac"))[:7]
    libri = sorted((shared_data / "librispeech_flac").rglob("*.flac"))
    paths += [p for p in libri[:: len(libri) // 40] if soundfile.info(p).duration > 10][:7]
    if len(paths) < 14:
        pytest.skip("the speech data is incomplete (../shared/data)")
    out = []
    for path in paths:
        samples, rate = soundfile.read(path, dtype="float32")
        if rate != RATE:
            common = gcd(RATE, rate)
            samples = resample_poly(samples, RATE // common, rate // common)
        out.append(samples.astype(np.float32))
    return out


def _run(samples: np.ndarray, seed: int, style: Style | None = None) -> MotionFrames:
    generator = ProsodyGenerator()
    padded = np.concatenate([samples, np.zeros(RATE // 4, np.float32)])
    return generator.step(AudioChunk(padded), generator.start(seed=seed, style=style))[0]


@pytest.fixture(scope="module")
def motions(clips) -> list[MotionFrames]:
    return [_run(c, i) for i, c in enumerate(clips)]


def _accents(samples: np.ndarray) -> np.ndarray:
    """Times of the louder half of the syllable nuclei, found without causality: peaks of the 250-3500 Hz envelope."""
    band = butter(4, [250, 3500], "band", fs=RATE, output="sos")
    low = butter(2, 9, fs=RATE, output="sos")
    envelope = np.maximum(sosfiltfilt(low, sosfiltfilt(band, samples.astype(float)) ** 2), 1e-10)[:: RATE // 100]
    level = 10 * np.log10(envelope)
    peaks = find_peaks(level, prominence=4, distance=10)[0]
    peaks = peaks[level[peaks] > level.max() - 25]
    return peaks[level[peaks] >= np.percentile(level[peaks], 45)] / 100


def _apexes(motion: MotionFrames) -> np.ndarray:
    return (np.flatnonzero(np.diff((motion.phase == STROKE).astype(int)) == -1) + 1) / motion.fps


def _distance(apexes: np.ndarray, accents: np.ndarray) -> np.ndarray:
    return np.abs(apexes[:, None] - accents).min(axis=1)


def test_stroke_apexes_fall_on_accents_more_than_on_shuffled_speech(clips, motions):
    rng = np.random.default_rng(0)
    real, shuffled = [], []
    for samples, motion in zip(clips, motions, strict=True):
        apexes, accents, length = _apexes(motion), _accents(samples), len(samples) / RATE
        real.append(_distance(apexes, accents))
        shuffled += [_distance((apexes + rng.uniform(0.5, length - 0.5)) % length, accents) for _ in range(10)]
    real, shuffled = np.concatenate(real), np.concatenate(shuffled)
    assert len(real) > 40
    assert (real < 0.15).mean() > 0.65
    assert (real < 0.15).mean() > (shuffled < 0.15).mean() + 0.15
    assert real.mean() < 0.8 * shuffled.mean()


def test_figures_of_the_default_style_lie_between_calm_and_lively_talkers(motions):
    """Bounds: measured talkers, from TV hosts (calm) to a lively standing speaker."""
    rows = [kinematic_figures(m) for m in motions]
    mean = {key: np.mean([row[key] for row in rows]) for key in rows[0]}
    bounds = {
        "wrist_speed_mean_m_s": (0.12, 0.50),
        "wrist_speed_p95_m_s": (0.40, 1.35),
        "wrist_peaks_per_min_hand": (30, 100),
        "time_moving_percent": (30, 88),
        "left_right_speed_correlation": (0.12, 0.90),
        "wrist_below_shoulder_p50_m": (0.20, 0.40),
        "wrist_in_front_p50_m": (0.18, 0.27),
        "wrist_in_front_p95_m": (0.25, 0.38),
        "elbow_flexion_p50_deg": (45, 80),
        "elbow_flexion_p95_deg": (80, 112),
        "head_std_yaw_deg": (2.4, 7.1),
        "head_std_pitch_deg": (2.0, 6.0),
        "head_std_roll_deg": (1.4, 5.0),
        "head_speed_mean_deg_s": (12, 31),
        "chest_std_yaw_deg": (1.0, 3.2),
        "chest_std_pitch_deg": (1.2, 5.0),
        "chest_std_roll_deg": (0.4, 4.3),
        "finger_deviation_deg": (5, 13),
        "jaw_p50_deg": (1.1, 3.2),
        "jaw_p95_deg": (2.4, 7.0),
        "shoulder_speed_p95_deg_s": (50, 130),
        "elbow_speed_p95_deg_s": (100, 232),
        "wrist_speed_p95_deg_s": (80, 208),
    }
    outside = {k: round(float(mean[k]), 2) for k, (low, high) in bounds.items() if not low <= mean[k] <= high}
    assert not outside


def _clearance(motion: MotionFrames) -> tuple[float, float, float, float]:
    """Least distance of wrists from the pelvis-neck line, between the hands, across the wrists, of fingers; metres."""
    rotations, places = forward_kinematics(motion.matrices(), motion.translation)
    pelvis, neck = places[:, 0], places[:, JOINT_INDEX["neck"]]
    line = (neck - pelvis) / np.linalg.norm(neck - pelvis, axis=1, keepdims=True)
    chest = np.einsum("tba,tjb->tja", rotations[:, 9], places - places[:, 9:10])
    wrists = [JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]]
    away = places[:, wrists] - pelvis[:, None]
    along = np.einsum("tja,ta->tj", away, line)[..., None] * line[:, None]
    hands = [np.concatenate([chest[:, [w]], chest[:, f : f + 15]], 1) for w, f in zip(wrists, (25, 40), strict=True)]
    apart = np.linalg.norm(hands[0][:, :, None] - hands[1][:, None], axis=-1)
    order = chest[:, wrists[0], 0] - chest[:, wrists[1], 0]
    fingers = places[:, 25:55] - pelvis[:, None]
    inside = np.linalg.norm(fingers - np.einsum("tja,ta->tj", fingers, line)[..., None] * line[:, None], axis=-1)
    wrist = np.linalg.norm(away - along, axis=-1)
    return float(wrist.min()), float(apart.min()), float(order.min()), float(inside.min())


def test_hands_keep_clear_of_the_trunk_and_of_each_other(clips, motions):
    lively = [_run(c, i + 50, Style(2.0, 2.0)) for i, c in enumerate(clips[::2])]
    for group, trunk_limit, hands_limit in ((motions, 0.15, 0.04), (lively, 0.13, 0.02)):
        trunk, apart, order, fingers = np.array([_clearance(m) for m in group]).min(axis=0)
        assert trunk > trunk_limit
        assert apart > hands_limit
        assert order > 0.15
        assert fingers > 0.09


def test_speech_moves_much_more_than_silence(motions):
    generator = ProsodyGenerator()
    silence = generator.step(AudioChunk(np.zeros(10 * RATE, np.float32)), generator.start())[0]
    calm = kinematic_figures(silence)["wrist_speed_mean_m_s"]
    assert np.mean([kinematic_figures(m)["wrist_speed_mean_m_s"] for m in motions]) > 8 * calm
