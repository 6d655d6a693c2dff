"""docs/extending/generator.md: the LSTM is trained, exported, and used by its name like a built-in generator."""

from __future__ import annotations

import numpy as np
import pytest

from speech_gesture_pkg import AudioChunk, GestureConfig, MotionFrames, Style, load_generator, load_motion, load_robot
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.errors import ConfigError, ModelError
from speech_gesture_pkg.pipeline.build import spare_of
from speech_gesture_pkg.resources import DEMO_AUDIO, resource

NAME = "own_generator:LstmGenerator"


@pytest.fixture(scope="module")
def lstm(own_generator_model):
    return load_generator(NAME, model=str(own_generator_model), threads=1)


def streamed(generator, samples: np.ndarray, size: int, style: Style | None = None) -> MotionFrames:
    state, made = generator.start(style=style), []
    for first in range(0, len(samples), size):
        chunk = AudioChunk(samples[first : first + size], 2.0 + first / 16000)
        frames, state = generator.step(chunk, state)
        made.append(frames)
    return MotionFrames.concatenate(made)


def test_it_gestures_and_chunks_of_any_size_give_the_same_frames(lstm):
    samples = read_audio(resource(DEMO_AUDIO)).samples[: 6 * 16000]
    whole, pieces = streamed(lstm, samples, len(samples)), streamed(lstm, samples, 777)
    np.testing.assert_allclose(whole.poses, pieces.poses, atol=1e-5)
    assert whole.start == pieces.start == 2.0
    assert len(whole) == int((6.0 - lstm.lookahead_s) * 30) + 1
    assert np.ptp(whole.poses[:, [16, 17, 18, 19]], axis=0).max() > 0.3, "rad; shoulders and elbows"
    assert whole.valid.all(axis=0).tolist() == [True, True, False]
    still = streamed(lstm, samples, 777, Style(amplitude=0.0, parts=frozenset({"body"})))
    assert not np.ptp(still.poses, axis=0).any()
    assert still.valid.all(axis=0).tolist() == [True, False, False]


def test_a_state_is_not_changed_by_a_step(lstm):
    samples = read_audio(resource(DEMO_AUDIO)).samples[:16000]
    _, state = lstm.step(AudioChunk(samples[:8000]), lstm.start())
    again = [lstm.step(AudioChunk(samples[8000:], 0.5), state)[0].poses for _ in range(2)]
    np.testing.assert_array_equal(*again)


def test_the_command_line_and_the_pipeline_take_it_by_name(own_generator_model, tmp_path, demo_urdf):
    out = tmp_path / "motion.npz"
    generator = ["--generator", NAME, "--model", str(own_generator_model)]
    assert main(["generate", str(resource(DEMO_AUDIO)), "-o", str(out), *generator]) == 0
    assert len(load_motion(out)) == 465
    values = {"generator.name": NAME, "generator.model": str(own_generator_model), "robot.urdf": str(demo_urdf)}
    config = GestureConfig().with_values(values)
    robot = load_robot(config)
    assert robot.generator.name == "lstm"
    assert spare_of(config, robot) is not None, "prosody takes over if it fails"


def test_what_is_wrong_is_a_sentence(tmp_path, capsys):
    with pytest.raises(ModelError, match=r"lstm\.onnx does not exist"):
        load_generator(NAME, model=str(tmp_path))
    with pytest.raises(ConfigError, match=r"the module own_generator has no LstmGeneratr; it has: .*LstmGenerator"):
        load_generator("own_generator:LstmGeneratr")
    wav, out = str(resource(DEMO_AUDIO)), str(tmp_path / "m.npz")
    assert main(["generate", wav, "-o", out, "--generator", "nowhere_at_all:X"]) == 4
    assert "there is no Python module nowhere_at_all" in capsys.readouterr().err
