"""The streaming feature extractor: same frames however the audio is cut, states untouched, times as documented."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.features.extractor import FeatureFrames, SpeechFeatureExtractor

RATE = 16000
NAMES = ("log_mel", "energy_db", "onset", "f0_hz", "voicing")
EXTRACTOR = SpeechFeatureExtractor()


def speechlike(seconds: float = 4.0, seed: int = 0) -> np.ndarray:
    """Sawtooth syllables of wandering pitch with noise and pauses between."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    pitch = 150.0 + 40.0 * np.sin(2 * np.pi * 0.7 * t)
    voice = signal.sawtooth(2 * np.pi * np.cumsum(pitch) / RATE) * np.maximum(0.0, np.sin(2 * np.pi * 2.0 * t))
    return (0.3 * voice + 0.003 * rng.standard_normal(len(t))).astype(np.float32)


AUDIO = speechlike()
WHOLE, _ = EXTRACTOR.step(AUDIO, EXTRACTOR.start())


def in_chunks(audio: np.ndarray, cuts: list[int]) -> FeatureFrames:
    state, pieces = EXTRACTOR.start(), []
    for chunk in np.split(audio, cuts):
        frames, state = EXTRACTOR.step(chunk, state)
        pieces.append(frames)
    return FeatureFrames.concatenate(pieces)


def assert_same(a: FeatureFrames, b: FeatureFrames) -> None:
    assert (a.first, len(a)) == (b.first, len(b))
    for name in NAMES:
        # Levels in dB come through a matrix product whose rounding depends on the number of rows.
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-6, atol=2e-5, err_msg=name)
    np.testing.assert_array_equal(a.f0_hz, b.f0_hz)


@given(st.lists(st.integers(0, len(AUDIO)), max_size=40))
@settings(max_examples=25, deadline=None)
def test_chunked_equals_one_shot(cuts: list[int]) -> None:
    assert_same(in_chunks(AUDIO, sorted(cuts)), WHOLE)


@pytest.mark.parametrize("size", [1, 160, 533, 1000])
def test_even_chunks_equal_one_shot(size: int) -> None:
    audio = AUDIO[: 2000 if size == 1 else None]
    expected, _ = EXTRACTOR.step(audio, EXTRACTOR.start())
    assert_same(in_chunks(audio, list(range(size, len(audio), size))), expected)


def test_states_are_never_changed() -> None:
    _, state = EXTRACTOR.step(AUDIO[:20000], EXTRACTOR.start())
    tail = state.tail.copy()
    first, after = EXTRACTOR.step(AUDIO[20000:30000], state)
    EXTRACTOR.step(np.ones(5000, np.float32), after)
    again, _ = EXTRACTOR.step(AUDIO[20000:30000], state)
    np.testing.assert_array_equal(state.tail, tail)
    for name in NAMES:
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def test_later_changes_of_the_callers_buffer_do_not_matter() -> None:
    chunk = AUDIO[:1000].copy()
    _, state = EXTRACTOR.step(chunk, EXTRACTOR.start())
    chunk[:] = 1.0
    frames, _ = EXTRACTOR.step(AUDIO[1000:5000], state)
    np.testing.assert_allclose(frames.energy_db, WHOLE.energy_db[frames.first : frames.first + len(frames)])


@pytest.mark.parametrize("count", [0, 1, 319, 320, 479, 480, 16000])
def test_a_frame_needs_exactly_the_declared_look_ahead(count: int) -> None:
    frames, state = EXTRACTOR.step(np.zeros(count, np.float32), EXTRACTOR.start())
    due = sum(k * 0.01 + EXTRACTOR.lookahead_s <= count / RATE + 1e-9 for k in range(200))
    assert len(frames) == due == state.frame
    assert frames.log_mel.shape == (due, 40)
    np.testing.assert_allclose(frames.times, np.arange(due) * 0.01)
    assert EXTRACTOR.lookahead_s <= 0.035


def test_output_types_and_ranges() -> None:
    for name in NAMES:
        value = getattr(WHOLE, name)
        assert value.dtype == np.float32
        assert np.isfinite(value).all()
    assert (WHOLE.onset >= 0).all()
    assert WHOLE.voicing.min() >= 0.0
    assert WHOLE.voicing.max() <= 1.0
    voiced = WHOLE.f0_hz[WHOLE.f0_hz > 0]
    assert voiced.min() > 100
    assert voiced.max() < 200


def test_energy_is_centred_on_the_frame_time() -> None:
    """A tone burst from 0.5 to 0.7 s: the level crosses half its power at its ends."""
    t = np.arange(RATE) / RATE
    burst = np.where((t >= 0.5) & (t < 0.7), 0.5 * np.sin(2 * np.pi * 800 * t), 0.0).astype(np.float32)
    frames, _ = EXTRACTOR.step(burst, EXTRACTOR.start())
    loud = frames.times[frames.energy_db > 20 * np.log10(0.5) - 3.01 - 3.5]
    assert loud[0] == pytest.approx(0.5, abs=0.011)
    assert loud[-1] == pytest.approx(0.7, abs=0.011)


def test_onsets_stand_at_click_times() -> None:
    audio = np.zeros(3 * RATE, np.float32)
    clicks = [0.5, 1.11, 1.73, 2.4]
    for click in clicks:
        at = int(click * RATE)
        audio[at : at + 400] = 0.3 * np.random.default_rng(at).standard_normal(400)
    frames, _ = EXTRACTOR.step(audio, EXTRACTOR.start())
    peaks, _ = signal.find_peaks(frames.onset, height=1.0, distance=10)
    # Growth over 20 ms peaks once the 25 ms window has moved well onto the burst.
    np.testing.assert_allclose(frames.times[peaks], clicks, atol=0.0251)


def test_steady_sounds_have_no_onsets() -> None:
    tone = 0.3 * signal.sawtooth(2 * np.pi * 150 * np.arange(2 * RATE) / RATE)
    frames, _ = EXTRACTOR.step(tone.astype(np.float32), EXTRACTOR.start())
    assert frames.onset[6:].max() < 0.1
    noise = (0.1 * np.random.default_rng(0).standard_normal(2 * RATE)).astype(np.float32)
    frames, _ = EXTRACTOR.step(noise, EXTRACTOR.start())
    assert np.median(frames.onset[6:]) < 0.3
    whisper = (3e-5 * np.random.default_rng(0).standard_normal(2 * RATE)).astype(np.float32)
    frames, _ = EXTRACTOR.step(whisper, EXTRACTOR.start())
    assert not frames.onset.any()


def test_wrong_input_is_refused() -> None:
    with pytest.raises(InputError, match=r"\(2, 3\)"):
        EXTRACTOR.step(np.zeros((2, 3), np.float32), EXTRACTOR.start())
    with pytest.raises(InputError, match="empty"):
        FeatureFrames.concatenate([])
    with pytest.raises(InputError, match="do not follow"):
        FeatureFrames.concatenate([WHOLE, WHOLE])


def test_speed() -> None:
    """Generous bounds (the targets are 0.25 ms per 33 ms and 100 times real time on an idle core)."""
    state, spent = EXTRACTOR.start(), []
    for i in range(100):
        begin = time.perf_counter()
        _, state = EXTRACTOR.step(AUDIO[i * 533 : (i + 1) * 533], state)
        spent.append(time.perf_counter() - begin)
    assert np.median(spent) < 2e-3
    begin = time.perf_counter()
    EXTRACTOR.step(AUDIO, EXTRACTOR.start())
    assert time.perf_counter() - begin < 4.0 / 20


def test_real_speech(shared_data: Path) -> None:
    files = sorted((shared_data / "librispeech_flac").rglob("*.flac"))[::9][:6]
    if not files:
        pytest.skip("no LibriSpeech recordings in ../shared/data")
    shares = []
    for path in files:
        frames, _ = EXTRACTOR.step(read_audio(path).samples, EXTRACTOR.start())
        voiced = frames.f0_hz > 0
        shares.append(voiced.mean())
        assert 80 < np.median(frames.f0_hz[voiced]) < 260, path.name
        # Neighbouring frames of a voice hardly ever differ by half an octave.
        both = voiced[1:] & voiced[:-1]
        jumps = np.abs(np.diff(np.log2(np.maximum(frames.f0_hz, 1.0))))[both] > 0.5
        assert jumps.mean() < 0.06, path.name
        assert frames.onset[~voiced].mean() < 1.0
    assert 0.3 < np.mean(shares) < 0.7
    assert min(shares) > 0.15
    assert max(shares) < 0.8
