"""The clock jumps back (bag loop), forward, or stands still."""

from __future__ import annotations

import pytest
from pipeline_rig import Stage, gesturing

from speech_gesture_pkg.runtime.states import State


@pytest.mark.parametrize("seconds", [-0.3, -5.0, -900.0])
def test_a_clock_set_back_in_mid_gesture_is_continuous_for_the_robot(seconds):
    stage = gesturing()
    stage.jump(seconds)
    stage.speak(0.5)
    assert "clock_back" in stage.codes
    assert stage.pipeline.state is State.APPROACHING
    stage.speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    assert stage.pipeline.offset < 0.5
    stage.stop()


@pytest.mark.parametrize("seconds", [0.6, 2.0, 20.0, 40.0, 1.7e9])
def test_a_clock_set_forward_is_a_gap(seconds):
    stage = gesturing()
    before = stage.pipeline.offset
    stage.jump(seconds)
    stage.speak(5.0)
    assert stage.pipeline.state is State.GESTURING
    assert stage.pipeline.counters.realigned == 0
    assert stage.pipeline.offset == pytest.approx(before, abs=0.07)
    stage.stop()


@pytest.mark.parametrize("what", ["deactivate", "pause", "reset"])
@pytest.mark.parametrize("seconds", [-5.0, 5.0])
def test_a_clock_jump_is_noticed_by_whatever_comes_first(what, seconds):
    stage = gesturing()
    stage.jump(seconds)
    if what == "deactivate":
        stage.stop()
        return
    stage.pipeline.pause(True, stage.now) if what == "pause" else stage.pipeline.reset(stage.now)
    stage.speak(3.0).stop()


def test_a_paused_clock_pauses_the_motion():
    """`/clock` stands still: nothing new is sent, and it goes on afterwards without a jump."""
    stage = gesturing()
    for _ in range(300):
        stage.steady.now += 0.01
        stage.shift -= 0.01
        stage.step()
    stage.speak(3.0)
    assert "clock_back" not in stage.codes
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_a_bag_that_loops_five_times():
    stage = Stage().activate()
    for _ in range(5):
        stage.speak(2.0)
        stage.jump(-2.0)
    stage.speak(2.0)
    assert stage.pipeline.counters.resets == 5
    assert stage.pipeline.state is State.GESTURING
    stage.stop()
