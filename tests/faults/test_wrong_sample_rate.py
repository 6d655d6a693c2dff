"""Audio of another sample rate than declared: named within seconds; no delay builds up, and the robot gestures on."""

from __future__ import annotations

import numpy as np
import pytest
from pipeline_rig import Stage

from speech_gesture_pkg.pipeline.states import State

ROW = "wrong sample rate declared"


def talk(stage: Stage, seconds: float, true: int, declared: int, ahead: float | None = 0.0) -> Stage:
    """A microphone of rate `true` in messages of 32 ms; `ahead` as in `Stage.speak`, None: without stamps."""
    end = stage.now + seconds
    while stage.now < end:
        begin, samples = stage.now, stage.voice(0.032, true)
        stage.silence(0.032, tick=0.008)
        stage.push(samples, None if ahead is None else begin + ahead, declared)
        stage.step()
    return stage


@pytest.mark.parametrize("stamped", [True, False], ids=["stamped", "unstamped"])
@pytest.mark.parametrize("mode", ["live", "delay"])
def test_audio_that_comes_too_fast_is_named_and_builds_up_no_delay(fault, mode, stamped):
    stage = Stage({"sync.mode": mode}).activate().silence(1.0)
    begin = stage.now
    while "audio_pace" not in stage.codes:
        assert stage.now - begin < 5.0
        talk(stage, 0.1, 22050, 16000, 0.0 if stamped else None)
    told = stage.now - begin
    (text,) = [e.text for e in stage.events if e.code == "audio_pace"]
    assert text.startswith("audio arrives at 1.38 times real time: 16000 looks like 22050; what comes too much")
    stage.events.clear()
    talk(stage, 6.0, 22050, 16000, 0.0 if stamped else None)
    assert stage.events == []
    assert stage.pipeline.state is State.GESTURING
    end = stage.pipeline.source.stream.end
    assert end is not None
    assert end - stage.now < 0.1
    assert stage.pipeline.offset < 0.4
    plays = np.array([t for t, _ in stage.frames])
    np.testing.assert_allclose(np.diff(plays[plays > stage.now - 4.0]), 1 / 30, atol=1e-6)
    stage.silence(2.0)
    assert stage.pipeline.state is State.IDLE  # with the speech, not 17 s after it
    stage.stop()
    if mode == "live":
        what = "stamped" if stamped else "unstamped"
        fault.note(
            f"22050 Hz declared as 16000, {what}",
            f"reported after {told:.1f} s with both rates; the surplus is cut, motion stays with the speech",
            told,
            stage.windows,
        )


@pytest.mark.parametrize("stamped", [True, False], ids=["stamped", "unstamped"])
def test_audio_that_comes_too_slowly_is_named_and_moves_on(fault, stamped):
    stage = talk(Stage().activate().silence(1.0), 5.0, 16000, 22050, 0.0 if stamped else None)
    (text,) = [e.text for e in stage.events if e.code == "audio_pace"]
    assert "0.73 times real time: 22050 looks like 16000; what is missing is taken as silence" in text
    stage.events.clear()
    late = stage.pipeline.counters.late_frames
    talk(stage, 6.0, 16000, 22050, 0.0 if stamped else None)
    assert set(stage.codes) <= {"late"}
    assert stage.pipeline.state is State.GESTURING
    assert stage.pipeline.counters.late_frames - late < 20
    stage.stop()
    if stamped:
        fault.note(
            "16000 Hz declared as 22050",
            "reported with both rates; what is missing is silence",
            "moves on",
            stage.windows,
        )


def test_in_stamp_mode_the_stamps_hold():
    stage = talk(Stage({"sync.mode": "stamp"}).activate().silence(1.0), 10.0, 22050, 16000, 0.8)
    assert stage.codes.count("audio_pace") == 1
    end = stage.pipeline.source.stream.end
    assert end is not None
    assert end - stage.now < 0.9
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_the_right_rate_afterwards_is_told_and_goes_on():
    stage = talk(Stage().activate().silence(1.0), 5.0, 22050, 16000)
    stage.events.clear()
    talk(stage, 4.0, 22050, 22050)
    assert [e.text for e in stage.events] == ["audio arrives in real time again"]
    assert stage.pipeline.state is State.GESTURING
    stage.stop()
