"""The prosody generator as a stream: protocol, chunking, determinism, style, odd audio."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.generators.base import Style
from speech_gesture_pkg.generators.prosody import ProsodyGenerator
from speech_gesture_pkg.motion.frames import PHASES, MotionFrames
from speech_gesture_pkg.motion.liveliness import wrist_velocity
from speech_gesture_pkg.motion.parts import ARKIT_INDEX, FACE_JOINTS, HAND_JOINTS
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX

RATE = 16_000
REST, PREPARATION, STROKE, HOLD, RETRACTION = range(5)


def speech(seconds: float, seed: int = 0) -> np.ndarray:
    """Voiced syllables at 4.5 a second, every second or third one louder and higher; float32 [N]."""
    rng = np.random.default_rng(seed)
    out = np.zeros(int(seconds * RATE))
    at, number = 0.05, 0
    while at < seconds - 0.3:
        strong = number % rng.integers(2, 4) == 0
        length = 0.20 if strong else 0.14
        t = np.arange(int(length * RATE)) / RATE
        f0 = (150.0 if strong else 115.0) * (1 - 0.3 * t)
        phase = 2 * np.pi * np.cumsum(f0) / RATE
        tone = sum(np.sin(k * phase) / k for k in range(1, 16))
        shape = np.minimum(1, t / 0.02) * np.minimum(1, (length - t) / 0.05)
        first = int(at * RATE)
        out[first : first + len(t)] += (0.22 if strong else 0.07) * tone * shape
        at += 0.22 * rng.uniform(0.85, 1.2)
        number += 1
    return (out + 1e-4 * rng.standard_normal(len(out))).astype(np.float32)


def run(audio: np.ndarray, seed: int = 0, style: Style | None = None, cuts: list[int] | None = None) -> MotionFrames:
    generator = ProsodyGenerator()
    state = generator.start(seed=seed, style=style)
    pieces, edges = [], [0, *sorted(cuts or []), len(audio)]
    for a, b in itertools.pairwise(edges):
        frames, state = generator.step(AudioChunk(audio[a:b], a / RATE), state)
        pieces.append(frames)
    return MotionFrames.concatenate(pieces)


def same(a: MotionFrames, b: MotionFrames) -> None:
    for key in ("poses", "face", "translation", "phase", "valid"):
        np.testing.assert_array_equal(getattr(a, key), getattr(b, key), err_msg=key)


AUDIO = np.concatenate([np.zeros(RATE, np.float32), speech(9.0), np.zeros(4 * RATE, np.float32)])
MOTION = run(AUDIO)


@given(st.lists(st.integers(0, 5 * RATE), max_size=12))
@settings(max_examples=12, deadline=None)
def test_any_chunking_gives_the_same_frames(cuts):
    audio = AUDIO[: 5 * RATE]
    same(run(audio, cuts=cuts), run(audio))


def test_frame_by_frame_gives_the_same_frames():
    same(run(AUDIO, cuts=list(range(533, len(AUDIO), 533))), MOTION)


def test_frames_come_as_soon_as_the_look_ahead_is_heard():
    generator = ProsodyGenerator()
    state, count, seen = generator.start(), 0, 0
    for size in (100, 2300, 1, 533, 534, 7, 5000, 12):
        frames, state = generator.step(AudioChunk(np.zeros(size, np.float32), 3.0 + seen / RATE), state)
        seen += size
        if len(frames):
            assert frames.start == pytest.approx(3.0 + count / 30)
        count += len(frames)
        wanted = sum(k / 30 + generator.lookahead_s <= seen / RATE + 1e-9 for k in range(1000))
        assert count == wanted


def test_same_seed_same_motion_other_seed_other_motion():
    same(run(AUDIO, seed=0), MOTION)
    other = run(AUDIO, seed=1)
    assert np.abs(other.poses - MOTION.poses).max() > 0.2


def test_step_leaves_its_state_alone():
    generator = ProsodyGenerator()
    _, state = generator.step(AudioChunk(AUDIO[: 3 * RATE]), generator.start())
    before = copy.deepcopy(state)
    first, _ = generator.step(AudioChunk(AUDIO[3 * RATE : 6 * RATE]), state)
    again, _ = generator.step(AudioChunk(AUDIO[3 * RATE : 6 * RATE]), state)
    same(first, again)
    twin, _ = generator.step(AudioChunk(AUDIO[3 * RATE : 6 * RATE]), before)
    same(first, twin)


def test_phases_follow_each_other_and_all_occur():
    runs = MOTION.phase[np.r_[True, np.diff(MOTION.phase) != 0]].tolist()
    assert set(runs) == set(range(len(PHASES)))
    assert runs[0] == REST
    assert runs[-1] == REST
    assert runs[1] == PREPARATION
    assert runs[-2] == RETRACTION
    for now, then in itertools.pairwise(runs):
        allowed = {
            REST: {PREPARATION},
            PREPARATION: {STROKE, HOLD, RETRACTION},
            STROKE: {HOLD, PREPARATION},
            HOLD: {PREPARATION, STROKE, RETRACTION},
            RETRACTION: {REST, PREPARATION},
        }[now]
        assert then in allowed, f"{PHASES[now]} -> {PHASES[then]}"


def test_speech_moves_and_silence_rests():
    speed = np.linalg.norm(wrist_velocity(MOTION), axis=-1)
    times = MOTION.times
    assert speed[(times > 2) & (times < 9)].mean() > 0.08
    assert speed[times < 0.8].mean() < 0.02
    assert speed[times > 12.8].mean() < 0.02
    assert MOTION.phase[(times > 12.9)].max() == REST


def test_silence_is_calm_but_alive():
    still = run(np.zeros(20 * RATE, np.float32))
    assert not still.phase.any()
    assert np.linalg.norm(wrist_velocity(still), axis=-1).max() < 0.08
    # breathing, sway and blinks go on
    assert np.ptp(still.poses[:, JOINT_INDEX["spine3"], 0]) > 0.002
    assert np.ptp(still.translation[:, 0]) > 0.003
    assert (still.face[:, ARKIT_INDEX["eyeBlinkLeft"]] > 0.8).any()
    assert np.abs(still.poses[:, JOINT_INDEX["jaw"]]).max() < 1e-3


def test_motion_is_smooth():
    """Joint accelerations stay where a robot can follow: no snapping."""
    from scipy.spatial.transform import Rotation

    for name in ("shoulder", "elbow", "wrist"):
        for side in ("left", "right"):
            turns = Rotation.from_rotvec(MOTION.poses[:, JOINT_INDEX[f"{side}_{name}"]])
            rates = (turns[:-1].inv() * turns[1:]).as_rotvec() * 30
            acceleration = np.linalg.norm(np.diff(rates, axis=0), axis=1) * 30
            assert np.percentile(acceleration, 90) < 30.0
            assert acceleration.max() < 150.0
            assert np.linalg.norm(rates, axis=1).max() < 8.0


def test_mouth_moves_with_the_voice():
    opening = MOTION.face[:, ARKIT_INDEX["jawOpen"]]
    times = MOTION.times
    voiced = (times > 1.2) & (times < 9.5)
    assert opening[voiced].mean() > 0.1
    assert opening[(times < 0.9) | (times > 10.5)].max() < 0.02
    jaw = MOTION.poses[:, JOINT_INDEX["jaw"], 0]
    assert np.corrcoef(jaw, opening)[0, 1] > 0.99
    assert 0.0 <= MOTION.face.min() <= MOTION.face.max() <= 1.0


def test_amplitude_zero_keeps_only_idle_motion():
    quiet = run(AUDIO, style=Style(amplitude=0.0))
    assert not quiet.phase.any()
    assert np.linalg.norm(wrist_velocity(quiet), axis=-1).max() < 0.08
    assert quiet.face[:, ARKIT_INDEX["jawOpen"]].max() > 0.2


def test_amplitude_and_rate_scale_the_motion():
    def mean_speed(style: Style) -> float:
        return float(np.mean([np.linalg.norm(wrist_velocity(run(AUDIO, s, style)), axis=-1).mean() for s in range(4)]))

    small, default, large = (mean_speed(Style(a, a)) for a in (0.3, 1.0, 2.0))
    assert 1.4 * small < default
    assert 1.25 * default < large


@pytest.mark.parametrize(
    "new", [Style(0.0, 0.0), Style(2.0, 2.0), Style(1.0, 1.0, frozenset()), Style(0.3, 1.0, frozenset({"face"}))]
)
def test_live_style_change_does_not_jump(new):
    generator = ProsodyGenerator()
    state = generator.start()
    pieces = []
    for number, first in enumerate(range(0, len(AUDIO), 1600)):
        style = new if number == 55 else Style() if number == 80 else None
        frames, state = generator.step(AudioChunk(AUDIO[first : first + 1600], first / RATE), state, style)
        pieces.append(frames)
    motion = MotionFrames.concatenate(pieces)
    joints = [j for j in range(55) if j not in FACE_JOINTS]
    step = np.abs(np.diff(motion.poses[:, joints], axis=0)).max()
    # no joint faster than 9 rad/s, no coordinate of the second difference above 0.17 rad / frame^2 (150 rad/s^2)
    assert step < 0.3
    assert np.abs(np.diff(motion.poses[:, joints], 2, axis=0)).max() < 0.17


def test_parts_that_are_off_rest_and_are_marked():
    motion = run(AUDIO, style=Style(parts=frozenset({"body"})))
    np.testing.assert_array_equal(motion.valid, np.tile([True, False, False], (len(motion), 1)))
    assert np.ptp(motion.poses[:, list(HAND_JOINTS)], axis=0).max() < 1e-9
    assert np.ptp(motion.poses[:, JOINT_INDEX["jaw"]]) < 1e-9
    assert np.ptp(motion.poses[:, JOINT_INDEX["left_shoulder"]], axis=0).max() > 0.2
    face_only = run(AUDIO, style=Style(parts=frozenset({"face"})))
    assert np.ptp(face_only.poses[:, JOINT_INDEX["left_shoulder"]], axis=0).max() < 1e-9
    assert face_only.face[:, ARKIT_INDEX["jawOpen"]].max() > 0.2


def test_both_hands_one_hand_and_alternation_occur():
    motion = run(np.concatenate([speech(25.0, 1), speech(25.0, 2)]))
    speed = np.linalg.norm(wrist_velocity(motion), axis=-1)
    left, right = (speed[:, 0] > 0.3), (speed[:, 1] > 0.3)
    assert (left & right).sum() > 15
    assert (left & (speed[:, 1] < 0.12)).sum() > 10
    assert (right & (speed[:, 0] < 0.12)).sum() > 10


_NOISE = np.random.default_rng(7)
ODD = {
    "zeros": np.zeros(4 * RATE),
    "dc": np.full(4 * RATE, 0.9),
    "clipped noise": np.clip(5 * _NOISE.standard_normal(4 * RATE), -1, 1),
    "sine": np.sin(2 * np.pi * 220 * np.arange(4 * RATE) / RATE),
    "clicks": np.where(np.arange(4 * RATE) % 4000 == 0, 1.0, 0.0),
    "chords": sum(np.sin(2 * np.pi * f * np.arange(4 * RATE) / RATE) for f in (220, 277, 330))
    * (0.3 * (np.arange(4 * RATE) % 8000 < 6000)),
    "denormal": np.full(4 * RATE, 1e-42),
    "too loud": 100 * np.sin(np.arange(4 * RATE) / 9.0),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_audio_gives_finite_motion(name):
    motion = run(ODD[name].astype(np.float32), style=Style(2.0, 2.0))
    assert motion.finite.all()
    assert np.abs(motion.poses).max() < np.pi
    if name in ("zeros", "denormal"):
        assert not motion.phase.any()


@given(st.integers(0, 2**31), st.floats(0, 2), st.floats(0, 2), st.floats(0.0, 1.0))
@settings(max_examples=12, deadline=None)
def test_random_audio_never_gives_nan(seed, amplitude, rate, level):
    rng = np.random.default_rng(seed)
    steps = np.repeat(rng.random(20) ** 3, RATE // 10)
    audio = (level * steps * rng.standard_normal(len(steps))).clip(-1, 1).astype(np.float32)
    motion = run(audio, seed=seed, style=Style(amplitude, rate))
    assert motion.finite.all()
    assert np.abs(motion.poses).max() < np.pi


def test_unusable_input_is_refused_with_a_sentence():
    generator = ProsodyGenerator()
    state = generator.start()
    with pytest.raises(InputError, match="8000 Hz"):
        generator.step(AudioChunk(np.zeros(10, np.float32), 0.0, 8000), state)
    with pytest.raises(InputError, match="mono"):
        generator.step(AudioChunk(np.zeros((10, 2), np.float32)), state)
    with pytest.raises(InputError, match="NaN"):
        generator.step(AudioChunk(np.array([0.0, np.nan], np.float32)), state)
    with pytest.raises(ConfigError, match="speaker 'bob' is unknown"):
        generator.start(speaker="bob")
