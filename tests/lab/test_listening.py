"""Does it listen: a generator that hears passes, one that hears something else does not; the test itself by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.generators.prosody.generator import ProsodyGenerator
from speech_gesture_pkg.lab.ablation.listening import listening_tests, permutation_test
from speech_gesture_pkg.lab.metrics.result import NotComputable
from speech_gesture_pkg.lab.study.sample import speech_features
from speech_gesture_pkg.resources import DEMO_AUDIO, resource


def test_chance_gives_uniform_p_values_and_a_diagonal_a_small_one():
    rng = np.random.default_rng(0)
    p = [permutation_test(rng.normal(size=(1, 12, 12)), 99, rng).p_value for _ in range(200)]
    assert np.mean(p) == pytest.approx(0.5, abs=0.08)
    assert np.mean(np.array(p) <= 0.1) == pytest.approx(0.1, abs=0.08)
    clear = rng.normal(size=(1, 12, 12)) + 2 * np.eye(12)
    found = permutation_test(clear, 999, rng)
    assert found.p_value <= 0.002
    assert found.effect == pytest.approx(2.0, abs=0.8)
    lagged = np.concatenate([rng.normal(size=(1, 12, 12)), clear])
    assert permutation_test(lagged, 99, rng, (0.0, 0.3)).lag == 0.3


@pytest.fixture(scope="module")
def takes():
    """The demo's speech at different places, each with the prosody generator's motion."""
    whole = read_audio(resource(DEMO_AUDIO)).samples
    found = []
    generator = ProsodyGenerator()
    for first in (0, 16000 * 3):
        audio = AudioChunk(whole[first : first + 16000 * 12], 0.0, 16000)
        padded = AudioChunk(np.pad(audio.samples, (0, 8000)), 0.0, 16000)
        motion, _ = generator.step(padded, generator.start(seed=first))
        found.append((motion[:360], speech_features(audio)))
    return found


def test_the_prosody_generator_listens(takes):
    found = listening_tests(takes, segment_s=2.0, permutations=500)
    for name, most in (
        ("strokes_on_accents", 0.05),
        ("jaw_on_loudness", 0.005),
    ):  # a dozen strokes against many syllables
        assert found[name].p_value < most, name
        assert found[name].matched > found[name].shuffled


def test_motion_to_other_speech_does_not(takes):
    """The same motion, half a segment and more away from its speech."""
    shifted = [(replace(m, poses=np.roll(m.poses, 107, 0), face=np.roll(m.face, 107, 0)), s) for m, s in takes]
    found = listening_tests(shifted, segment_s=2.0, permutations=500)
    assert found["strokes_on_accents"].p_value > 0.05
    assert found["jaw_on_loudness"].p_value > 0.05


def test_motion_without_gestures_is_told_as_such(takes):
    still = [(replace(m, poses=np.zeros_like(m.poses), face=np.zeros_like(m.face)), s) for m, s in takes]
    found = listening_tests(still, segment_s=2.0, permutations=10)
    assert all(isinstance(f, NotComputable) for f in found.values())
    assert "0 of 12 segments can be scored" in found["strokes_on_accents"].reason
