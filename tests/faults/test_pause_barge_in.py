"""Pause, barge-in: brake, discard the queue."""

from __future__ import annotations

from pipeline_rig import gesturing

from speech_gesture_pkg.runtime.states import State


def test_pause_in_mid_gesture_goes_to_rest_and_forgets_the_audio():
    stage = gesturing()
    stage.pipeline.pause(True, stage.now)
    stage.pipeline.pause(True, stage.now)
    stage.speak(3.0)
    assert stage.pipeline.state is State.PAUSED
    assert stage.speed == 0.0
    assert stage.rest_error() < 1e-4
    frames = len(stage.frames)
    stage.pipeline.pause(False, stage.now)
    stage.pipeline.pause(False, stage.now)
    stage.speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    assert len(stage.frames) > frames
    stage.stop()


def test_pause_and_resume_at_once_is_smooth():
    stage = gesturing()
    for _ in range(5):
        stage.pipeline.pause(True, stage.now)
        stage.speak(0.1)
        stage.pipeline.pause(False, stage.now)
        stage.speak(0.1)
    stage.speak(2.0).stop()


def test_reset_blends_into_what_comes_next():
    stage = gesturing()
    starts = stage.generator.starts
    stage.pipeline.reset(stage.now)
    stage.speak(0.5)
    assert stage.pipeline.state is State.APPROACHING
    assert stage.generator.starts == starts + 1
    stage.speak(2.0)
    assert stage.pipeline.state is State.GESTURING
    stage.pipeline.pause(True, stage.now)
    stage.pipeline.reset(stage.now)
    stage.speak(1.0)
    assert stage.pipeline.state is State.PAUSED
    stage.stop()
