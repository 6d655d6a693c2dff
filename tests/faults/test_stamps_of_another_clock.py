"""Audio from another host, whose clock is off: the stamps are corrected from the first message on, reported once."""

from __future__ import annotations

import numpy as np
import pytest
from pipeline_rig import Stage

from speech_gesture_pkg.pipeline.states import State

ROW = "audio stamps of another clock"

OFFSETS = (-10.0, -5.0, -0.5, -0.1, 0.1, 0.5, 5.0, 10.0)


def onset(stage: Stage, begin: float) -> float:
    """Seconds from the first sample to the first large frame."""
    return next(t for t, f in stage.frames if np.abs(f.poses[0, 0]).max() > 0.15) - begin


def speaking(offset: float, mode: str, seconds: float = 4.0, start: float = 1000.0) -> tuple[Stage, float]:
    """A stage that heard speech after a second of silence, and the onset of its motion."""
    stage = Stage({"sync.mode": mode}, start=start).activate().silence(1.0)
    begin = stage.now
    stage.speak(seconds, ahead=offset)
    return stage, onset(stage, begin)


@pytest.mark.parametrize("mode", ["live", "delay"])
def test_the_robot_gestures_as_with_right_stamps(fault, mode):
    right, expected = speaking(0.0, mode)
    assert right.events == []
    worst, windows = 0.0, 0
    for offset in OFFSETS:
        stage, found = speaking(offset, mode)
        assert stage.codes == ["stamps_off"], offset
        (event,) = stage.events
        assert f"{abs(offset):.2f} s {'ahead of' if offset > 0 else 'behind'} the node's clock" in event.text
        assert stage.pipeline.state is State.GESTURING
        assert stage.pipeline.counters.late_frames == 0
        assert stage.pipeline.offset == pytest.approx(right.pipeline.offset, abs=1 / 30)
        worst = max(worst, abs(found - expected))
        ours, theirs = dict(stage.frames), dict(right.frames)
        common = set(ours) & set(theirs)
        assert len(common) > 100
        assert max(float(np.abs(ours[t].poses - theirs[t].poses).max()) for t in common) < 0.2
        stage.stop()
        windows += stage.windows
    assert worst <= 0.1
    injected = f"stamps {', '.join(f'{o:+g}' for o in OFFSETS)} s off, {mode} mode"
    fault.note(
        injected, f"reported once each; motion within {worst:.2f} s of that with right stamps", "moves on", windows
    )


@pytest.mark.parametrize("offset", [-86400.0, 3600.0], ids=["yesterday", "in an hour"])
def test_a_bag_without_its_clock_gestures_in_time(offset):
    """It carries the stamps of the day on which it was recorded."""
    stage, found = speaking(offset, "live", start=2e5)
    assert stage.codes == ["stamps_off"]
    assert found == pytest.approx(speaking(0.0, "live", start=2e5)[1], abs=0.05)
    stage.stop()


@pytest.mark.parametrize("step", [-5.0, 5.0])
def test_a_clock_that_is_set_in_mid_speech_costs_no_motion(step):
    """Of the host that the audio comes from."""
    stage = Stage().activate().silence(0.5).speak(3.0)
    starts, before = stage.generator.starts, len(stage.frames)
    stage.speak(4.0, ahead=step)
    assert stage.codes == ["stamps_off"]
    assert stage.generator.starts == starts  # the same segment goes on
    plays = np.array([t for t, _ in stage.frames[before:]])
    np.testing.assert_allclose(np.diff(plays), 1 / 30, atol=1e-6)
    stage.stop()


@pytest.mark.parametrize("offset", [0.0, -5.0, 0.5])
def test_jitter_of_arrival_is_no_jitter_of_motion(offset):
    """Messages come up to 40 ms late (`sync.jitter`), in order: every frame is played on the grid, none is missing."""
    rng = np.random.default_rng(0)
    stage = Stage().activate().silence(1.0)
    sent, due = stage.now, []
    for i in range(250):
        late = rng.uniform(0.0, 0.04) if i else 0.0
        due.append((max(sent + 0.032 + late, due[-1][0] if due else 0.0), sent, stage.voice(0.032)))
        sent += 0.032
    for arrival, begin, samples in due:
        while stage.now + 0.005 < arrival:
            stage.silence(0.005, tick=0.005)
        stage.push(samples, begin + offset)
        stage.step()
    plays = np.array([t for t, _ in stage.frames])
    np.testing.assert_allclose(np.diff(plays[plays > due[0][0] + 0.4]), 1 / 30, atol=1e-6)
    assert stage.pipeline.counters.realigned == 0
    assert set(stage.codes) <= {"stamps_off"}
    stage.stop()


def test_stamp_mode_believes_look_ahead_and_corrects_the_far_past(fault):
    ahead, _ = speaking(0.8, "stamp")
    assert "stamps_off" not in ahead.codes
    assert ahead.pipeline.offset == pytest.approx(0.0, abs=0.5 / 30 + 1e-6)
    ahead.stop()
    for offset in (-5.0, -3600.0):
        stage, _ = speaking(offset, "stamp", start=2e5)
        assert stage.codes.count("stamps_off") == 1
        stage.speak(2.0, ahead=offset)
        assert stage.pipeline.state is State.GESTURING
        assert stage.pipeline.offset < 0.6  # soon after the audio has come
        stage.stop()
    fault.note(
        "stamps 5 s and an hour in the past, sync.mode stamp",
        "reported; taken as heard when it arrives",
        "moves on",
        stage.windows,
    )


@pytest.mark.parametrize("offset", [-5.0, 0.0, 5.0])
@pytest.mark.parametrize("duration", [0.1, 4.0])
def test_a_synthesiser_on_another_host_is_heard_to_the_end(offset, duration):
    """Four seconds of speech within 0.2 s, stamped when sent, three times: all but the first 0.1 s is used."""
    stage = Stage().activate().silence(1.0)
    for _ in range(3):
        for _ in range(round(4.0 / duration)):
            stage.push(stage.voice(duration), stage.now + offset)
            stage.silence(0.005, tick=0.005)
        stage.silence(4.6)
    assert stage.pipeline.source.stream.stats.dropped_s <= 0.1
    assert stage.pipeline.counters.realigned == 0
    loud = np.array([t for t, f in stage.frames if np.abs(f.poses[0, 0]).max() > 0.15])
    assert np.ptp(loud[loud < stage.now - 9.0]) > 3.5  # the first sentence, in full length
    stage.stop()
