"""A short gap in the audio is filled with silence by its stamps, and counted."""

from __future__ import annotations

import pytest
from pipeline_rig import Stage, gesturing

from speech_gesture_pkg.pipeline.states import State

ROW = "short audio gap"


def test_a_short_gap_is_filled_and_the_motion_stays_in_time(fault):
    stage = gesturing()
    offset, states = stage.pipeline.offset, len(stage.states)
    stage.silence(0.2)
    assert stage.until(lambda: "gap" in stage.codes) < 0.1
    stage.speak(1.0)
    assert stage.pipeline.offset == offset  # the same segment
    assert stage.states[states:] in ([], [State.APPROACHING, State.GESTURING])
    assert stage.codes == ["gap"]
    stage.stop()
    fault.note("0.2 s of the speech missing", "filled by stamp, reported as `gap`; goes on", "moves on", stage.windows)


@pytest.mark.parametrize("seconds", [0.06, 0.24, 0.4])
def test_gaps_of_other_lengths(seconds):
    stage = gesturing()
    stage.silence(seconds).speak(1.5)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_many_gaps_in_a_row():
    stage = Stage().activate().speak(2.0)
    for seconds in (0.06, 0.2, 0.24, 0.4, 0.7, 3.0):
        stage.silence(seconds).speak(1.0)
    stage.speak(1.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()
