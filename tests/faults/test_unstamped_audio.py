"""Unstamped audio, or stamps of another clock: samples are counted, warned once."""

from __future__ import annotations

import pytest
from pipeline_rig import Stage

from speech_gesture_pkg.runtime.states import State

ROW = "unstamped audio"


def test_unstamped_audio_gestures_in_time_and_is_told_once(fault):
    stage = Stage().activate().silence(0.5).speak(3.0, stamped=False)
    assert stage.codes == ["unstamped"]
    assert stage.pipeline.counters.late_frames == 0
    assert stage.pipeline.state is State.GESTURING
    stage.silence(1.0).speak(2.0, stamped=False).stop()
    fault.note("audio without stamps", "samples are counted; warned once; no late frame", "moves on", stage.windows)


@pytest.mark.parametrize("offset", [-86400.0, 3600.0], ids=["yesterday", "in an hour"])
def test_stamps_of_another_clock_are_not_believed_in_live_mode(offset):
    """A bag played without /clock carries the stamps of the day it was recorded."""
    stage = Stage(start=2e5).activate().silence(0.5)
    stage.speak(3.0, ahead=offset)
    assert stage.pipeline.state is State.GESTURING
    assert stage.codes.count("foreign_stamps") >= 1
    stage.stop()
