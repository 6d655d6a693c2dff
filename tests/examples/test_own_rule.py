"""docs/extending/generator.md: the rule-based generator raises the forearm while there is speech, however it is cut."""

from __future__ import annotations

import numpy as np
import pytest

from speech_gesture_pkg import AudioChunk, MotionFrames, Style, load_generator, load_motion
from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, forward_kinematics
from speech_gesture_pkg.resources import DEMO_AUDIO, resource

NAME = "own_rule:LoudArm"


def streamed(samples: np.ndarray, size: int, style: Style | None = None) -> MotionFrames:
    generator = load_generator(NAME)
    state, made = generator.start(style=style), []
    for first in range(0, len(samples), size):
        frames, state = generator.step(AudioChunk(samples[first : first + size], 2.0 + first / 16000), state)
        made.append(frames)
    return MotionFrames.concatenate(made)


def test_the_wrist_rises_forward_with_the_loudness():
    """Two seconds of noise between silences; y is up, z forward, x left."""
    samples = np.zeros(6 * 16000, np.float32)
    samples[32000:64000] = 0.2 * np.random.default_rng(0).standard_normal(32000)
    motion = streamed(samples, len(samples))
    assert (len(motion), motion.start) == (180, 2.0)
    places = forward_kinematics(motion.matrices())[1]
    wrist = places[:, JOINT_INDEX["right_wrist"]] - places[:, JOINT_INDEX["right_elbow"]]
    assert wrist[30, 1] < -0.15, "hangs in silence, m"
    assert wrist[110, 1] > 0.0
    assert wrist[110, 2] > 0.2, "and forward"
    assert np.ptp(places[:, JOINT_INDEX["left_wrist"]], axis=0).max() == 0.0
    assert motion.valid.all(axis=0).tolist() == [True, False, False]
    still = streamed(samples, len(samples), Style(amplitude=0.0))
    assert np.ptp(still.poses, axis=0).max() == 0.0


@pytest.mark.parametrize("size", [1, 160, 533, 777])
def test_chunks_of_any_size_give_the_same_frames(size):
    samples = 0.1 * np.random.default_rng(0).standard_normal(3200).astype(np.float32)
    whole, pieces = streamed(samples, len(samples)), streamed(samples, size)
    np.testing.assert_array_equal(whole.poses, pieces.poses)
    assert len(whole) == 6


def test_a_state_is_not_changed_by_a_step():
    generator, audio = load_generator(NAME), AudioChunk(np.full(1700, 0.1, np.float32))
    _, state = generator.step(audio, generator.start())
    again = [generator.step(audio, state)[0].poses for _ in range(2)]
    np.testing.assert_array_equal(*again)


def test_generate_takes_it(tmp_path):
    out = tmp_path / "motion.npz"
    assert main(["generate", str(resource(DEMO_AUDIO)), "-o", str(out), "--generator", NAME]) == 0
    motion = load_motion(out)
    assert np.ptp(motion.poses[:, JOINT_INDEX["right_elbow"], 1]) > 0.3, "rad"
