"""A long gap or silence: idle motion (breathing, small sway), then the rest pose."""

from __future__ import annotations

import pytest
from pipeline_rig import Stage, gesturing

from speech_gesture_pkg.pipeline.states import State

ROW = "long gap or silence"


def test_silence_leads_to_idle_motion_then_rest_and_speech_wakes_it(fault):
    stage = gesturing({"safety.rest_after": 4.0})
    idle = stage.until_state(State.IDLE, speaking=False)
    assert 0.9 < idle < 1.5
    stage.silence(1.0)
    assert 0.0 < stage.speed < 0.3
    rest = idle + stage.until_state(State.RESTING, speaking=False)
    assert 3.0 < rest < 5.0
    still = rest + stage.until(lambda: stage.speed == 0.0, speaking=False)
    stage.silence(1.0)
    assert stage.rest_error() < 1e-4
    stage.speak(4.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()
    text = f"idle motion after {idle:.1f} s, the rest pose after {rest:.1f} s (`safety.rest_after` 4 s)"
    fault.note("the speech ends", text, still, stage.windows)


def test_rest_after_zero_never_rests():
    stage = Stage({"safety.rest_after": 0.0}).activate().silence(60.0, tick=0.02)
    assert State.RESTING not in stage.states
    assert stage.pipeline.state is State.IDLE


def test_speech_in_phrases_is_never_late():
    """A voice that publishes only while it speaks: each pause is idle motion, and nothing is put off for it."""
    stage = Stage().activate().silence(0.5)
    for pause in (0.3, 0.5, 0.7, 1.0, 0.4, 0.6):
        stage.speak(1.2).silence(pause)
    assert stage.pipeline.counters.realigned == 0
    stage.stop()


@pytest.mark.parametrize("what", ["reset", "resume"])
def test_a_long_time_before_a_reset_or_a_pause_does_not_count_as_silence(what):
    stage = gesturing({"safety.rest_after": 5.0})
    stage.speak(6.0)
    if what == "reset":
        stage.pipeline.reset(stage.now)
    else:
        stage.pipeline.pause(True, stage.now)
        stage.silence(3.0)
        stage.pipeline.pause(False, stage.now)
    stage.states.clear()
    stage.silence(1.2).speak(3.0)
    assert State.RESTING not in stage.states
    assert stage.pipeline.state is State.GESTURING
    stage.stop()
