"""NaN or an exception from model or solver: never published; brake; generator state reset."""

from __future__ import annotations

import pytest
from pipeline_rig import gesturing

from speech_gesture_pkg.runtime.states import State


@pytest.mark.parametrize("who", ["generator", "puppeteer"])
@pytest.mark.parametrize("mischief", ["nan", "raise"])
def test_a_failing_part_brakes_and_is_started_anew(who, mischief):
    stage = gesturing()
    part = getattr(stage, who)
    part.mischief = mischief
    stage.speak(1.5)
    assert stage.pipeline.state is State.BRAKING
    assert stage.speed == 0.0
    assert "motion_fault" in stage.codes
    assert stage.pipeline.counters.faults > 3
    part.mischief = ""
    stage.speak(0.5)
    assert stage.pipeline.state is State.APPROACHING
    stage.speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_one_bad_frame_costs_a_moment():
    stage = gesturing()
    stage.generator.mischief = "nan"
    stage.speak(0.04, chunk=0.04)
    stage.generator.mischief = ""
    stage.speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_wild_targets_stay_inside_all_limits():
    stage = gesturing()
    stage.generator.mischief = "wild"
    stage.speak(2.0).stop()
