"""Deactivate (and SIGINT, which does the same): the tail is sent, and ends at rest."""

from __future__ import annotations

from pipeline_rig import AWAY, Stage, gesturing

from speech_gesture_pkg.runtime.states import State


def test_deactivate_in_mid_gesture_and_activate_again():
    stage = gesturing()
    stage.stop()
    assert stage.speed == 0.0
    assert stage.rest_error() < 1e-3
    stage.silence(0.2)
    stage.activate().speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_deactivate_before_the_first_window():
    stage = Stage(pose=AWAY).activate()
    stage.stop()
    assert stage.rest_error() < 1e-3
