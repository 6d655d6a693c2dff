"""The generator is late: only future points, skip to the newest, the tail covers."""

from __future__ import annotations

import pytest
from pipeline_rig import Stage, gesturing

from speech_gesture_pkg.runtime.states import State


@pytest.mark.parametrize("cost", [0.005, 0.02, 0.05, 0.2])
def test_a_slow_generator_sends_only_future_points(cost):
    """Per frame of 33 ms; the two last ones cannot keep up."""
    stage = gesturing()
    stage.generator.cost = cost
    stage.speak(4.0)
    if cost > 1 / 30:
        assert stage.pipeline.counters.late_frames > 0
    else:
        assert stage.pipeline.state is State.GESTURING
    stage.generator.cost = 0.0
    stage.speak(8.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_ten_seconds_in_one_message_do_not_block_the_loop():
    stage = Stage().activate().silence(0.5)
    reads = []
    step = stage.generator.step
    stage.generator.step = lambda audio, state, style=None: reads.append(audio.duration) or step(audio, state, style)
    stage.push(stage.voice(10.0), stage.now)
    most = 0.0
    for _ in range(1200):
        reads.clear()
        stage.silence(0.01)
        most = max(most, sum(reads))
    assert most <= 0.8
    assert stage.pipeline.state in (State.GESTURING, State.IDLE)
    moved = [w for w in stage.frames if abs(w[1].poses[0, 0, 0]) > 0.2]
    assert len(moved) > 60  # the sentence was played
    stage.stop()


def test_a_late_ten_second_message_does_not_block_the_loop_either():
    stage = gesturing()
    reads = []
    step = stage.generator.step
    stage.generator.step = lambda audio, state, style=None: reads.append(audio.duration) or step(audio, state, style)
    stage.push(stage.voice(10.0), stage.now - 9.9)
    for _ in range(100):
        reads.clear()
        stage.silence(0.01)
        assert sum(reads) <= 0.8
    stage.speak(2.0)
    assert stage.pipeline.state in (State.GESTURING, State.APPROACHING)
    stage.stop()


def test_one_stall_does_not_delay_everything_after_it():
    stage = gesturing()
    before = stage.pipeline.offset
    stage.speak(0.96, chunk=0.96)
    stage.speak(3.0)
    assert stage.pipeline.offset == pytest.approx(before, abs=1 / 30)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()
