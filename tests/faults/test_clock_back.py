"""The clock jumps back (a bag that loops): flush, wait until the robot stands, begin anew."""

from __future__ import annotations

import pytest
from pipeline_rig import Stage, gesturing

from speech_gesture_pkg.pipeline.states import State

ROW = "clock jumps back (bag loop)"


@pytest.mark.parametrize("seconds", [-0.3, -5.0, -900.0])
def test_a_clock_set_back_in_mid_gesture_is_continuous_for_the_robot(fault, seconds):
    stage = gesturing()
    stage.jump(seconds)
    sent = stage.windows
    stage.speak(0.3)
    assert "clock_back" in stage.codes
    assert stage.pipeline.state is State.BRAKING
    assert stage.windows == sent  # nobody knows where the controllers are now
    safe = 0.3 + stage.until_state(State.GESTURING)
    assert stage.pipeline.offset < 0.5
    stage.stop()
    text = "reported; nothing is sent until the robot stands; motion restarts slowly"
    fault.note(f"clock set back by {-seconds:g} s", text, safe, stage.windows)


@pytest.mark.parametrize("what", ["deactivate", "pause", "reset"])
def test_a_clock_jump_is_noticed_by_whatever_comes_first(what):
    stage = gesturing()
    stage.jump(-5.0)
    if what == "deactivate":
        stage.stop()
        return
    stage.pipeline.pause(True, stage.now) if what == "pause" else stage.pipeline.reset(stage.now)
    stage.speak(3.0).stop()


def test_a_bag_that_loops_five_times():
    stage = Stage().activate()
    for _ in range(5):
        stage.speak(2.0)
        stage.jump(-2.0)
    stage.speak(4.0)
    assert stage.pipeline.counters.resets == 5
    assert stage.pipeline.state is State.GESTURING
    stage.stop()
