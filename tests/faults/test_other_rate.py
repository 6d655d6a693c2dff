"""Another sample rate: resampled; a change while running goes on."""

from __future__ import annotations

import pytest
from pipeline_rig import Stage

from speech_gesture_pkg.runtime.states import State


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_other_sample_rates_gesture_in_time(rate):
    stage = Stage().activate().speak(3.0, rate=rate)
    assert stage.pipeline.counters.late_frames == 0
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_a_change_of_rate_in_mid_speech_goes_on():
    stage = Stage().activate().speak(1.5).speak(1.5, rate=44100).speak(1.5)
    assert stage.pipeline.state in (State.GESTURING, State.APPROACHING)
    stage.stop()
