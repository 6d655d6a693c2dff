"""The pipeline in normal use: any packaging of speech, style, sync modes, start and end.

Every window passes the auditor of the stage.
"""

from __future__ import annotations

import numpy as np
import pytest
from pipeline_rig import CONTROLLERS, REST, ROBOT, Stage, gesturing

from speech_gesture_pkg.pipeline.states import State


def test_speech_makes_the_robot_gesture_and_the_end_is_at_rest():
    stage = gesturing()
    assert stage.states[0] is State.APPROACHING
    assert stage.pipeline.counters.late_frames == 0
    assert stage.events == []
    stage.stop()
    assert stage.speed == 0.0
    assert stage.rest_error() < 1e-3


def test_a_last_window_that_was_not_sent_is_withdrawn():
    stage = gesturing()
    sent = stage.pipeline.mover.reference.commanded(stage.now + 0.3)
    stage.pipeline.deactivate(stage.now)
    assert np.abs(stage.pipeline.mover.reference.commanded(stage.now + 0.3) - sent).max() > 1e-3
    stage.pipeline.mover.reference.withdraw()
    np.testing.assert_array_equal(stage.pipeline.mover.reference.commanded(stage.now + 0.3), sent)


def test_controllers_get_exactly_their_joints_and_what_is_not_ours_keeps_its_place():
    stage = gesturing().stop()
    assert {n: a.joints for n, a in stage.auditors.items()} == CONTROLLERS
    gripper = [s.position[:, 3] for _, s in stage.auditors["arm_controller"].sent]
    np.testing.assert_allclose(np.concatenate(gripper), 0.04, atol=1e-9)


@pytest.mark.parametrize("chunk", [0.001, 0.01, 0.02], ids=lambda c: f"{1e3 * c:g} ms")
def test_messages_of_any_length_give_the_same_motion(chunk):
    """The human motion depends on the audio, not on its packaging (messages within the latency allowance)."""
    reference = Stage().activate().silence(0.5).speak(2.0)
    stage = Stage().activate().silence(0.5).speak(2.0, chunk=chunk)
    assert stage.pipeline.counters.late_frames <= 2
    ours, theirs = dict(stage.frames), dict(reference.frames)
    begin = min(ours) + 0.5
    common = [t for t in ours if t > begin and t in theirs and t < max(theirs) - 0.5]
    assert len(common) > 10
    for t in common:
        np.testing.assert_allclose(ours[t].poses, theirs[t].poses, atol=0.05)


def test_ragged_messages_keep_the_guarantees():
    rng = np.random.default_rng(3)
    Stage().activate().speak(4.0, chunk=lambda: float(rng.choice([0.005, 0.02, 0.05, 0.3]))).stop()


def test_long_messages_are_waited_for_after_a_while():
    """Messages of 0.5 s come later than live mode allows for: the offset grows once, then nothing is late."""
    stage = Stage().activate().speak(4.0, chunk=0.5)
    late = stage.pipeline.counters.late_frames
    assert stage.pipeline.counters.realigned == 1
    stage.speak(3.0, chunk=0.5)
    assert stage.pipeline.counters.late_frames - late <= 2
    stage.stop()


def test_messages_of_a_tenth_of_a_second_are_all_played_after_a_while():
    stage = Stage().activate().silence(0.5).speak(4.0, chunk=0.1)
    late = stage.pipeline.counters.late_frames
    stage.speak(3.0, chunk=0.1)
    assert stage.pipeline.counters.late_frames == late
    assert stage.pipeline.offset < 0.6
    stage.stop()


@pytest.mark.parametrize("late", [0.03, 0.2, 0.6, 1.5])
def test_audio_that_always_comes_late_is_waited_for(late):
    stage = Stage().activate().silence(0.3).speak(6.0, late=late)
    counted = stage.pipeline.counters.late_frames
    stage.speak(2.0, late=0.0).stop()
    assert counted < 90
    assert stage.pipeline.state is State.INACTIVE


def test_style_changes_take_effect_while_running():
    stage = gesturing()
    stage.pipeline.restyle(stage.config.with_values({"style.amplitude": 0.0, "style.parts": ["body"]}))
    stage.speak(3.0)
    assert stage.generator.styles[-1].amplitude == 0.0
    assert stage.generator.styles[-1].parts == {"body"}
    assert max(abs(f.poses[:, 0]).max() for t, f in stage.frames if t > stage.now - 1.0) < 0.05
    stage.stop()


def test_nothing_happens_while_inactive():
    stage = Stage()
    assert stage.pipeline.push_audio(stage.voice(1.0), 16000, stage.now, stage.now) == []
    stage.pipeline.pause(True, stage.now)
    stage.pipeline.reset(stage.now)
    assert stage.step().windows == {}
    assert stage.pipeline.deactivate(stage.now) == {}


def test_activating_twice_changes_nothing():
    stage = gesturing()
    stage.activate().speak(1.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def motion_delay(stage: Stage, begin: float) -> float:
    """Seconds from the first loud sample to the middle of the first large frame, less the look at both sides."""
    return next(t for t, f in stage.frames if np.abs(f.poses[0, 0]).max() > 0.15) - begin


def test_stamp_mode_aims_at_the_time_when_the_sound_is_heard():
    stage = Stage({"sync.mode": "stamp"}).activate().silence(1.0)
    begin = stage.now + 0.8
    stage.speak(4.0, ahead=0.8)
    assert stage.pipeline.counters.realigned == 0
    assert stage.pipeline.offset == pytest.approx(0.0, abs=0.5 / 30 + 1e-6)
    assert abs(motion_delay(stage, begin)) < 0.3
    stage.stop()


def test_stamp_mode_with_audio_too_late_realigns():
    stage = Stage({"sync.mode": "stamp"}).activate().silence(1.0).speak(4.0)
    assert "late" in stage.codes
    assert 0.1 < stage.pipeline.offset < 0.6
    late = stage.pipeline.counters.late_frames
    stage.speak(2.0)
    assert stage.pipeline.counters.late_frames == late
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_delay_mode_tells_by_how_much_to_delay_the_sound():
    stage = Stage({"sync.mode": "delay", "sync.offset": 0.1}).activate()
    wanted = stage.pipeline.offset
    stage.silence(1.0)
    begin = stage.now
    stage.speak(3.0)
    assert stage.pipeline.offset == pytest.approx(wanted, abs=0.5 / 30 + 1e-6)
    assert abs(motion_delay(stage, begin) - stage.pipeline.offset) < 0.3
    assert stage.pipeline.counters.late_frames == 0
    stage.stop()


def test_share_of_limited_points_and_latency_are_told():
    stage = gesturing()
    assert 0.0 <= stage.pipeline.mover.reference.limited_share <= 1.0
    assert 0.0 <= stage.pipeline.latency.p50 < 0.2
    np.testing.assert_allclose(stage.pipeline.mover.reference.commanded(stage.now), stage.robot, atol=1e-6)
    assert len(REST) == 5
    assert len(ROBOT.joint_names) == 6
