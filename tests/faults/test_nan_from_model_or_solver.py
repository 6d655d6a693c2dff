"""NaN or an exception from model or solver: never published; brake; generator state reset."""

from __future__ import annotations

import pytest
from pipeline_rig import gesturing

from speech_gesture_pkg.pipeline.states import State

ROW = "NaN from model or solver"


@pytest.mark.parametrize("who", ["generator", "puppeteer"])
@pytest.mark.parametrize("mischief", ["nan", "raise"])
def test_a_failing_part_brakes_and_is_started_anew(fault, who, mischief):
    stage = gesturing()
    part = getattr(stage, who)
    part.mischief = mischief
    safe = stage.until(lambda: stage.pipeline.state is State.BRAKING and stage.speed == 0.0)
    stage.speak(1.0)
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
    what = {"nan": "gives NaN", "raise": "raises"}[mischief]
    text = "brakes to a stop; started anew with every piece of audio"
    fault.note(f"{'generator' if who == 'generator' else 'solver'} {what} for 1.5 s", text, safe, stage.windows)


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


def test_a_fault_at_rest_does_not_keep_it_from_waking():
    stage = gesturing({"safety.rest_after": 3.0})
    stage.until_state(State.RESTING, speaking=False)
    stage.generator.mischief = "raise"
    stage.silence(1.0)
    assert "motion_fault" in stage.codes
    assert stage.pipeline.state is State.RESTING
    stage.generator.mischief = ""
    stage.until_state(State.GESTURING)
    stage.stop()
