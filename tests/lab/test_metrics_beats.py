"""Beats on hand-made motion and audio: every beat is known beforehand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.features.extractor import SpeechFeatureExtractor
from speech_gesture_pkg.lab.metrics import beats, chance_level, onsets, speech_alignment

FPS = 30.0


def bursts(times, length, seed=0, levels=None):
    """Noise bursts of 80 ms at `times`, s, on silence; 16 kHz."""
    rng = np.random.default_rng(seed)
    x = np.zeros(int(length * 16_000), np.float32)
    for i, t in enumerate(times):
        first = round(t * 16_000)
        level = 0.1 if levels is None else levels[i]
        x[first : first + 1280] = level * rng.standard_normal(1280)
    return x


def features(samples):
    extractor = SpeechFeatureExtractor()
    return extractor.step(samples, extractor.start())[0]


def hand(times, length, hands=1):
    """A hand that stops for a moment at each of `times`, s (speed |sin|-like, zero there), and moves in between."""
    t = np.arange(round(length * FPS)) / FPS
    between = t[:-1] + 0.5 / FPS
    gap = np.abs(between[:, None] - np.asarray(times)).min(axis=1)
    x = np.zeros((len(t), hands, 3))
    x[1:, :, 0] = np.cumsum(np.minimum(gap, 0.3))[:, None] / FPS
    return x


def test_alignment_by_hand():
    assert beats.alignment(np.array([1.0, 2.0]), np.array([1.0, 2.0]), 0.1) == 1.0
    expected = (math.exp(-(0.1**2) / 0.02) + math.exp(-(0.2**2) / 0.02)) / 2
    assert beats.alignment(np.array([1.1, 3.0]), np.array([3.2, 1.0]), 0.1) == pytest.approx(expected)


def test_alignment_against_loops_is_directed():
    rng = np.random.default_rng(3)
    p, q = rng.uniform(0, 10, 17), rng.uniform(0, 10, 5)
    for a, b in ((p, q), (q, p)):
        slow = sum(math.exp(-(min(abs(x - y) for y in b) ** 2) / (2 * 0.3**2)) for x in a) / len(a)
        assert beats.alignment(a, b, 0.3) == pytest.approx(slow)


def test_alignment_without_beats_is_refused():
    with pytest.raises(InputError, match="no beats"):
        beats.alignment(np.zeros(0), np.ones(2), 0.1)


def test_onsets_of_bursts_are_found_within_20_ms():
    times = [0.6, 1.1, 1.5, 2.3, 2.9]
    found = onsets.audio_onsets(features(bursts(times, 4.0)))
    assert len(found) == len(times)
    assert np.abs(found - times).max() <= 0.02


def test_backtracking_moves_onsets_to_the_quiet_before():
    f = features(bursts([0.6, 1.5], 3.0))
    back = onsets.audio_onsets(f, backtrack=True)
    assert (back <= onsets.audio_onsets(f)).all()
    index = np.round(back * 100).astype(int)
    assert (f.energy_db[index] <= f.energy_db[index + 1]).all()


def test_silence_has_no_onsets_and_a_few_frames_are_refused():
    assert len(onsets.audio_onsets(features(np.zeros(32_000, np.float32)))) == 0
    with pytest.raises(InputError, match="feature frames"):
        onsets.audio_onsets(features(np.zeros(1600, np.float32)))


def test_accents_are_the_louder_onsets():
    times = [0.5, 1.0, 1.5, 2.0]
    f = features(bursts(times, 3.0, levels=[0.3, 0.05, 0.3, 0.05]))
    assert onsets.accents(f) == pytest.approx([0.5, 1.5], abs=0.02)


def test_speech_mask_closes_short_gaps_only():
    mask = onsets.speech_mask(features(bursts([0.5, 0.75, 2.0], 3.0)))
    at = {t: bool(mask[round(t * 100)]) for t in (0.2, 0.54, 0.68, 0.79, 1.4, 2.04, 2.8)}
    assert at == {0.2: False, 0.54: True, 0.68: True, 0.79: True, 1.4: False, 2.04: True, 2.8: False}


def bones(change):
    """A straight T-pose arm whose left elbow angle makes the unnormalised product change by given steps per frame."""
    x = np.zeros((len(change), 55, 3))
    for side, sign, base in (("left", 1, 0), ("right", -1, 1)):
        for k, joint in enumerate((13, 16, 18, 20)):
            x[:, joint + base, 0] = sign * 0.2 * (k + 1)
        del side
    # left forearm 0.2 m turned by an angle whose cosine follows the wanted product (upper arm 0.2 m along x)
    product = 0.02 + np.cumsum(change)
    x[:, 20, 0] = x[:, 18, 0] + product / 0.2
    x[:, 20, 1] = np.sqrt(0.04 - (product / 0.2) ** 2)
    return x


def test_arm_angles_use_unnormalised_bones():
    x = bones(np.zeros(4))
    angles = beats.arm_angles(x)
    assert angles[:, :2] == pytest.approx(np.arccos(0.04) / np.pi)  # 0.2 m times 0.2 m, straight
    assert angles[:, 2] == pytest.approx(np.arccos(0.02) / np.pi)
    assert angles[:, 3] == pytest.approx(np.arccos(0.04) / np.pi)


def test_talkshow_beats_and_score_by_hand():
    step = np.full(61, 1e-4)
    step[[20, 45]] = 1e-6  # the forearm nearly stops at frames 20 and 45
    x = bones(step)
    found = beats.talkshow_motion_beats(x)
    assert [len(b) for b in found] == [0, 0, 2, 0]
    assert found[2] == pytest.approx([20 / 30, 45 / 30])
    audio = np.array([20 / 30, 45 / 30 + 0.1])
    # angles without beats are left out; second onset is one sigma off
    assert beats.bcs_talkshow(x, audio) == pytest.approx((1.0 + math.exp(-0.5)) / 2)


def test_talkshow_beats_need_a_drop_of_the_threshold():
    step = np.full(61, 1e-4)
    # |d angle| / 2.1344e-4 / 4 with d angle ~ 1e-4 / pi: a drop of 10 % is 0.0037, below 0.01
    step[20] = 0.9e-4
    step[40] = 0.5e-4
    assert beats.talkshow_motion_beats(bones(step))[2] == pytest.approx([40 / 30])


def test_emage_against_a_second_implementation():
    rng = np.random.default_rng(5)
    kernel = np.hanning(9) / np.hanning(9).sum()
    noise = np.cumsum(rng.normal(size=(400, 55 * 3)), axis=0)
    x = np.stack([np.convolve(c, kernel, "same") for c in noise.T], axis=1).reshape(400, 55, 3) * 0.01
    audio = np.sort(rng.uniform(0, 400 / FPS, 25))

    per_joint = []
    for joint in beats.EMAGE_JOINTS:
        p = x[:, joint]
        v = [np.linalg.norm(p[1] - p[0]) * FPS]
        v += [np.linalg.norm(p[t + 1] - p[t - 1]) * FPS / 2 for t in range(1, 399)]
        v += [np.linalg.norm(p[399] - p[398]) * FPS]
        v = np.array(v) / np.mean(v)
        cut = v[60:340]
        minima = [
            t / FPS
            for t in range(280)
            if all(cut[t] < cut[min(max(u, 0), 279)] for u in (*range(t - 7, t), *range(t + 1, t + 8))) and cut[t] > 0.1
        ]
        inside = [a - 2.0 for a in audio if 2.0 <= a < 340 / FPS]
        if not minima:
            per_joint.append(0.0)
            continue
        per_joint.append(np.mean([math.exp(-(min(abs(a - m) for m in minima) ** 2) / 0.18) for a in inside]))
    assert beats.bc_emage(x, audio, FPS) == pytest.approx(np.mean(per_joint))


def test_emage_with_the_speeds_of_a_corpus():
    joints = list(beats.EMAGE_JOINTS)
    # twice the corpus's speed halves every scaled speed: minima that were just above 0.10 are no beats any more
    x = np.zeros((300, 55, 3))
    t = np.arange(300) / FPS
    x[:, joints, 0] = (np.cumsum(1.0 + 0.9 * np.cos(2 * np.pi * t / 1.5)) / FPS)[:, None]
    audio = np.arange(2.5, 7.5, 0.5)
    own = np.linalg.norm(np.gradient(x[:, joints], 1 / FPS, axis=0), axis=-1).mean(axis=0)
    assert beats.bc_emage(x, audio, FPS, own) == beats.bc_emage(x, audio, FPS) > 0
    assert beats.bc_emage(x, audio, FPS, 2 * own) == 0.0
    with pytest.raises(InputError, match="13 joints"):
        beats.bc_emage(x, audio, FPS, own[:5])


def test_emage_refuses_short_still_and_silent_takes():
    x = np.zeros((400, 55, 3))
    with pytest.raises(InputError, match="does not move"):
        beats.bc_emage(x, np.array([5.0]), FPS)
    with pytest.raises(InputError, match="drops 2 s"):
        beats.bc_emage(x[:100], np.array([1.0]), FPS)
    with pytest.raises(InputError, match="no onsets"):
        beats.bc_emage(x, np.zeros(0), FPS)


def test_diffsheg_counts_each_motion_beat():
    stops = [1.0, 2.0, 3.0]
    x = hand(stops, 4.0)
    assert beats.motion_beats(x, FPS) == pytest.approx(stops, abs=1e-9)
    assert beats.ba_diffsheg(x, np.array([1.0, 2.3]), FPS) == pytest.approx(
        (1.0 + math.exp(-0.5) + math.exp(-(0.7**2) / 0.18)) / 3
    )


def test_still_arms_and_hands_have_no_beats():
    with pytest.raises(InputError, match="no motion beats"):
        beats.bcs_talkshow(np.zeros((40, 55, 3)), np.array([1.0]))
    with pytest.raises(InputError, match="no motion beats"):
        beats.ba_diffsheg(np.zeros((40, 2, 3)), np.array([1.0]), FPS)
    with pytest.raises(InputError, match="at least 4"):
        beats.bcs_talkshow(np.zeros((3, 55, 3)), np.array([1.0]))


def test_chance_of_a_known_score():
    # a score that is 1 without shift and 0.25 otherwise
    found = chance_level.above_chance(lambda s: 1.0 if s == 0.0 else 0.25, 20.0, shifts=99)
    assert (found.score, found.chance, found.excess) == (1.0, 0.25, 0.75)
    assert found.p_value == pytest.approx(1 / 100)
    same = chance_level.above_chance(lambda s: 0.5, 20.0, shifts=9)
    assert same.excess == 0.0
    assert same.p_value == 1.0
    with pytest.raises(InputError, match="2 s"):
        chance_level.above_chance(lambda s: 1.0, 2.0)


def strokes_at(times, length):
    """A hand with a speed peak of 1 m/s, 0.3 s wide, at each of `times`, forth and back."""
    t = np.arange(round(length * FPS)) / FPS
    velocity = sum((-1) ** i * np.exp(-0.5 * ((t - c) / 0.08) ** 2) for i, c in enumerate(times))
    x = np.zeros((len(t), 2, 3))
    x[:, 0, 1] = np.cumsum(velocity) / FPS
    return x


def test_strokes_on_accents_are_seen_and_strokes_elsewhere_are_not():
    accents = np.cumsum(np.random.default_rng(2).uniform(0.9, 2.2, 14))
    length = accents[-1] + 1.0
    hit = speech_alignment.strokes_on_accents(strokes_at(accents, length), FPS, accents, length)
    # integration by sums and central differences move a peak by at most a frame
    assert speech_alignment.strokes(strokes_at(accents, length), FPS) == pytest.approx(accents, abs=1.01 / FPS)
    assert hit.score > 0.9
    assert hit.excess > 0.5
    assert hit.p_value < 0.01
    missed = speech_alignment.strokes_on_accents(strokes_at(accents + 0.45, length), FPS, accents, length)
    assert missed.score < 0.1
    assert missed.excess < 0.05
    with pytest.raises(InputError, match="no strokes"):
        speech_alignment.strokes(np.zeros((40, 2, 3)), FPS)


def test_jaw_on_loudness():
    f = features(bursts(np.cumsum(np.random.default_rng(4).uniform(0.2, 0.6, 40)), 19.0))
    t = np.arange(round(17.5 * FPS)) / FPS
    jaw = np.interp(t, f.times, np.maximum(f.energy_db, -70.0)) * 0.002
    hit = speech_alignment.jaw_on_loudness(jaw, FPS, f.energy_db, f.times)
    assert hit.score == pytest.approx(1.0)
    assert hit.excess > 0.7
    with pytest.raises(InputError, match="constant"):
        speech_alignment.jaw_on_loudness(np.ones(len(t)), FPS, f.energy_db, f.times)
