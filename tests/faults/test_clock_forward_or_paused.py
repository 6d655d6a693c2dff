"""The clock jumps forward, or stands still: treated as a gap; the watchdog runs on steady time."""

from __future__ import annotations

import pytest
from pipeline_rig import gesturing

from speech_gesture_pkg.pipeline.states import State

ROW = "clock jumps forward / pauses"


@pytest.mark.parametrize("seconds", [0.6, 2.0, 20.0, 40.0, 1.7e9])
def test_a_clock_set_forward_is_a_gap(fault, seconds):
    stage = gesturing()
    before = stage.pipeline.offset
    stage.jump(seconds)
    safe = stage.until(lambda: "clock_forward" in stage.codes)
    safe += stage.until_state(State.GESTURING)
    stage.speak(5.0)
    assert stage.pipeline.state is State.GESTURING
    assert stage.pipeline.counters.realigned == 0
    assert stage.pipeline.offset == pytest.approx(before, abs=0.07)
    stage.stop()
    if seconds == 20.0:
        text = "reported; motion restarts slowly where the robot stands"
        fault.note("clock set forward by 20 s", text, safe, stage.windows)


@pytest.mark.parametrize("what", ["deactivate", "pause", "reset"])
def test_a_clock_jump_is_noticed_by_whatever_comes_first(what):
    stage = gesturing()
    stage.jump(5.0)
    if what == "deactivate":
        stage.stop()
        return
    stage.pipeline.pause(True, stage.now) if what == "pause" else stage.pipeline.reset(stage.now)
    stage.speak(3.0).stop()


def stand(stage, seconds: float) -> None:
    """`/clock` shows the same time for so long."""
    for _ in range(round(100 * seconds)):
        stage.steady.now += 0.01
        stage.shift -= 0.01
        stage.step()


def test_a_paused_clock_pauses_the_motion_and_is_told(fault):
    """Nothing new is sent, a person is reported once, and it goes on afterwards without a jump."""
    stage = gesturing()
    stand(stage, 0.9)
    assert stage.codes == []
    sent = stage.windows
    stand(stage, 3.0)
    assert stage.windows == sent
    assert stage.codes == ["clock_stands"]
    assert "the node's clock has not moved for" in stage.pipeline.problem
    stage.speak(3.0)
    assert stage.codes.count("clock_stands") == 2  # it moves again
    assert "clock_back" not in stage.codes
    assert stage.pipeline.problem == ""
    assert stage.pipeline.state is State.GESTURING
    stage.stop()
    fault.note(
        "/clock stands still for 4 s",
        "nothing new is sent; reported after 1 s; goes on",
        "stands with the clock",
        stage.windows,
    )
