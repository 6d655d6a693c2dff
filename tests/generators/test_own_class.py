"""A generator of one's own that goes wrong: one sentence that names it and the line, in `generate` and the library."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from speech_gesture_pkg import AudioChunk, load_generator
from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import ConfigError, GeneratorError
from speech_gesture_pkg.pipeline.motion_source import MotionFault, MotionSource
from speech_gesture_pkg.resources import DEMO_AUDIO, resource

CLASS = """
import numpy as np
from speech_gesture_pkg import MotionFrames

class Bad:
    name, fps, hop_frames, lookahead_s, sample_rate = "bad", 30.0, 1, 0.0, 16_000

    def start(self, seed=0, speaker=None, style=None):
        {start}
        return 0

    def step(self, audio, state, style=None):
        poses = np.zeros((3, 55, 3))
        return {step}
"""
GOOD = "MotionFrames(poses, 30.0, audio.start), state"
WRONG = {
    "raises": ("[][3], state", r"failed \(IndexError: list index out of range, at .*{}\.py:14\)"),
    "shape": ("MotionFrames(poses[:, :22], 30.0), state", r"must be \[T, 55, 3\] axis-angle, at .*{}\.py:14\)"),
    "not finite": ("MotionFrames(poses * np.nan, 30.0), state", r"\(step at .*{}\.py:12\) gave 3 frames that are not"),
    "infinite": ("MotionFrames(poses + np.inf, 30.0), state", r"{}\.py:12\) gave 3 frames that are not finite"),
    "array": ("poses, state", r"{}\.py:12\) gave an object of type ndarray of shape \(3, 55, 3\) as frames"),
    "no state": ("MotionFrames(poses, 30.0)", r"{}\.py:12\) gave an object of type MotionFrames; step returns two"),
    "three": ("1, 2, 3", r"{}\.py:12\) gave 3 values; step returns two: \(MotionFrames, state\)"),
    "rate": ("MotionFrames(poses, 25.0), state", r"gave frames at 25 per second; its fps is 30"),
}


def module(mine, step: str = GOOD, start: str = "pass") -> str:
    return mine(CLASS.format(step=step, start=start))


@pytest.mark.parametrize(("step", "sentence"), WRONG.values(), ids=WRONG)
def test_the_library_and_the_node_say_the_same_sentence(mine, step, sentence):
    name = module(mine, step)
    generator = load_generator(f"{name}:Bad")
    audio = AudioChunk(np.zeros(1600, np.float32))
    with pytest.raises(GeneratorError, match=f"^generator '{name}:Bad' .*{sentence.format(name)}") as failed:
        generator.step(audio, generator.start())
    source = MotionSource(generator, None, GestureConfig(), lambda time: time, lambda: 0.0)  # type: ignore[arg-type]
    with pytest.raises(MotionFault) as braked:
        source._make(audio)
    assert str(braked.value) == str(failed.value)


def test_generate_says_it_and_writes_nothing(mine, tmp_path, capsys, caplog):
    name, out = module(mine, WRONG["not finite"][0]), tmp_path / "out" / "motion.npz"
    command = ["generate", str(resource(DEMO_AUDIO)), "-o", str(out), "--generator"]
    assert main([*command, f"{name}:Bad"]) == 8
    assert capsys.readouterr().err.count("\n") == 1
    assert not out.exists()
    name = module(mine, "[][3], state")
    with caplog.at_level(logging.INFO):
        assert main([*command, f"{name}:Bad", "-v"]) == 8
    assert "IndexError" in caplog.text
    assert "return [][3], state" in caplog.text, "the traceback"
    name = module(mine, "MotionFrames(poses[:0], 30.0), state")
    assert main([*command, f"{name}:Bad"]) == 8
    assert "generator bad made no frames of 1" in capsys.readouterr().err


def test_start_and_the_constructor(mine):
    name = module(mine, start="1 / 0")
    with pytest.raises(GeneratorError, match=rf"did not start \(ZeroDivisionError: .*, at .*{name}\.py:9"):
        load_generator(f"{name}:Bad").start()
    name = module(mine, start="from speech_gesture_pkg.errors import ConfigError; raise ConfigError('no such speaker')")
    with pytest.raises(ConfigError, match=r"^no such speaker$"):
        load_generator(f"{name}:Bad").start()
    name = mine("class Bad:\n    def __init__(self):\n        {}['weights']\n")
    with pytest.raises(ConfigError, match=rf"cannot be made \(KeyError: 'weights', at .*{name}\.py:3\)"):
        load_generator(f"{name}:Bad")


def test_a_good_one_is_passed_through(mine):
    generator = load_generator(f"{module(mine)}:Bad")
    frames, state = generator.step(AudioChunk(np.zeros(1600, np.float32), 2.0), generator.start())
    assert (len(frames), frames.start, state) == (3, 2.0, 0)
