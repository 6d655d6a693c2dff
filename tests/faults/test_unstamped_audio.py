"""Unstamped audio: samples are counted, warned once."""

from __future__ import annotations

from pipeline_rig import Stage

from speech_gesture_pkg.pipeline.states import State

ROW = "unstamped audio"


def test_unstamped_audio_gestures_in_time_and_is_told_once(fault):
    stage = Stage().activate().silence(0.5).speak(3.0, stamped=False)
    assert stage.codes == ["unstamped"]
    assert stage.pipeline.counters.late_frames == 0
    assert stage.pipeline.state is State.GESTURING
    stage.silence(1.0).speak(2.0, stamped=False).stop()
    fault.note("audio without stamps", "samples are counted; warned once; no late frame", "moves on", stage.windows)
