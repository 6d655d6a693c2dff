"""Short audio gaps are filled; a long gap or silence leads to idle motion, then rest."""

from __future__ import annotations

from pipeline_rig import Stage, gesturing

from speech_gesture_pkg.runtime.states import State


def test_gaps_short_and_long():
    stage = Stage().activate().speak(2.0)
    for seconds in (0.06, 0.2, 0.24, 0.4, 0.7, 3.0):
        stage.silence(seconds).speak(1.0)
    stage.speak(1.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_long_silence_ends_in_the_rest_pose_and_speech_wakes_it():
    stage = gesturing({"safety.rest_after": 4.0})
    stage.silence(3.0)
    assert stage.pipeline.state is State.IDLE
    stage.silence(5.0)
    assert stage.pipeline.state is State.RESTING
    assert stage.speed == 0.0
    assert stage.rest_error() < 1e-4
    stage.speak(4.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_rest_after_zero_never_rests():
    stage = Stage({"safety.rest_after": 0.0}).activate().silence(60.0, tick=0.02)
    assert State.RESTING not in stage.states
    assert stage.pipeline.state is State.IDLE
