"""The pipeline under everything that speech, clocks and robots do. Every window passes the auditor of the stage."""

from __future__ import annotations

import numpy as np
import pytest
from pipeline_rig import CONTROLLERS, REST, ROBOT, Stage

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.runtime.states import Severity, State

AWAY = np.array([1.2, 1.5, -0.5, 0.04, 0.6, 0.3])


def gesturing(values=None, **kwargs) -> Stage:
    """A stage in mid-gesture."""
    stage = Stage(values, **kwargs).activate().silence(0.5).speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    assert stage.speed > 0.05
    return stage


def test_speech_makes_the_robot_gesture_and_the_end_is_at_rest():
    stage = gesturing()
    assert stage.states[0] is State.APPROACHING
    assert stage.pipeline.counters.late_frames == 0
    assert stage.events == []
    stage.stop()
    assert stage.speed == 0.0
    assert stage.rest_error() < 1e-3


def test_controllers_get_exactly_their_joints_and_what_is_not_ours_keeps_its_place():
    stage = gesturing().stop()
    assert {n: a.joints for n, a in stage.auditors.items()} == CONTROLLERS
    gripper = [s.position[:, 3] for s in stage.auditors["arm_controller"].sent]
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


def test_ragged_messages_keep_the_promise():
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


def test_one_stall_does_not_delay_everything_after_it():
    stage = gesturing()
    before = stage.pipeline.offset
    stage.speak(0.96, chunk=0.96)
    stage.speak(3.0)
    assert stage.pipeline.offset == pytest.approx(before, abs=1 / 30)
    assert stage.pipeline.state is State.GESTURING
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


def test_ten_seconds_in_one_message_do_not_block_the_loop():
    stage = Stage().activate().silence(0.5)
    reads = []
    step = stage.generator.step
    stage.generator.step = lambda audio, state, style=None: reads.append(audio.duration) or step(audio, state, style)
    stage.push(stage.voice(10.0), stage.now)
    most = 0.0
    for _ in range(1200):
        reads.clear()
        stage.silence(0.01)
        most = max(most, sum(reads))
    assert most <= 0.8
    assert stage.pipeline.state in (State.GESTURING, State.IDLE)
    moved = [w for w in stage.frames if abs(w[1].poses[0, 0, 0]) > 0.2]
    assert len(moved) > 60  # the sentence was played
    stage.stop()


def test_a_late_ten_second_message_does_not_block_the_loop_either():
    stage = gesturing()
    reads = []
    step = stage.generator.step
    stage.generator.step = lambda audio, state, style=None: reads.append(audio.duration) or step(audio, state, style)
    stage.push(stage.voice(10.0), stage.now - 9.9)
    for _ in range(100):
        reads.clear()
        stage.silence(0.01)
        assert sum(reads) <= 0.8
    stage.speak(2.0)
    assert stage.pipeline.state in (State.GESTURING, State.APPROACHING)
    stage.stop()


# --- silence, rest, pause, reset ------------------------------------------------------------------------------------


def test_long_silence_ends_in_the_rest_pose_and_speech_wakes_it():
    stage = gesturing({"safety.rest_after": 4.0})
    stage.silence(3.0)
    assert stage.pipeline.state is State.IDLE
    stage.silence(5.0)
    assert stage.pipeline.state is State.RESTING
    assert stage.speed == 0.0
    assert stage.rest_error() < 1e-4
    stage.speak(4.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_rest_after_zero_never_rests():
    stage = Stage({"safety.rest_after": 0.0}).activate().silence(60.0, tick=0.02)
    assert State.RESTING not in stage.states
    assert stage.pipeline.state is State.IDLE


def test_pause_in_mid_gesture_goes_to_rest_and_forgets_the_audio():
    stage = gesturing()
    stage.pipeline.pause(True, stage.now)
    stage.pipeline.pause(True, stage.now)
    stage.speak(3.0)
    assert stage.pipeline.state is State.PAUSED
    assert stage.speed == 0.0
    assert stage.rest_error() < 1e-4
    frames = len(stage.frames)
    stage.pipeline.pause(False, stage.now)
    stage.pipeline.pause(False, stage.now)
    stage.speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    assert len(stage.frames) > frames
    stage.stop()


def test_pause_and_resume_at_once_is_smooth():
    stage = gesturing()
    for _ in range(5):
        stage.pipeline.pause(True, stage.now)
        stage.speak(0.1)
        stage.pipeline.pause(False, stage.now)
        stage.speak(0.1)
    stage.speak(2.0).stop()


def test_reset_blends_into_what_comes_next():
    stage = gesturing()
    starts = stage.generator.starts
    stage.pipeline.reset(stage.now)
    stage.speak(0.5)
    assert stage.pipeline.state is State.APPROACHING
    assert stage.generator.starts == starts + 1
    stage.speak(2.0)
    assert stage.pipeline.state is State.GESTURING
    stage.pipeline.pause(True, stage.now)
    stage.pipeline.reset(stage.now)
    stage.speak(1.0)
    assert stage.pipeline.state is State.PAUSED
    stage.stop()


def test_style_changes_take_effect_while_running():
    stage = gesturing()
    stage.pipeline.restyle(stage.config.with_values({"style.amplitude": 0.0, "style.parts": ["body"]}))
    stage.speak(3.0)
    assert stage.generator.styles[-1].amplitude == 0.0
    assert stage.generator.styles[-1].parts == {"body"}
    assert max(abs(f.poses[:, 0]).max() for t, f in stage.frames if t > stage.now - 1.0) < 0.05
    stage.stop()


# --- start and end --------------------------------------------------------------------------------------------------


def test_a_start_pose_far_away_is_left_slowly():
    stage = Stage(pose=AWAY).activate()
    speeds = []
    for _ in range(300):
        stage.silence(0.01)
        speeds.append(stage.speed)
    # 0.8 rad/s is the peak of the approach; idle motion adds its own 0.1 rad/s at most
    assert 0.4 < max(speeds) < 0.95
    assert stage.pipeline.state is State.IDLE


def test_the_first_motion_after_activation_is_a_slow_blend_too():
    """The blend begins with the first live frame, not when it was ordered."""
    near = np.array([0.3, 0.5, 0.2, 0.04, 0.2, 0.0])
    stage = Stage(pose=near).activate()
    speeds = []
    for _ in range(150):
        stage.silence(0.01)
        speeds.append(stage.speed)
    assert max(speeds) < 0.95


def test_a_start_pose_outside_the_limits_gives_the_controller_time_to_come_inside():
    outside = np.array([2.4, -0.5, 0.0, 0.04, 0.0, 0.0])
    stage = Stage(pose=outside).activate().silence(8.0)
    for auditor in stage.auditors.values():
        assert auditor.bridge_speed < 0.25
    stage.speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_activate_needs_joint_states():
    stage = Stage()
    with pytest.raises(RuntimeError, match="joint state"):
        stage.pipeline.activate(stage.now)


def test_nothing_happens_while_inactive():
    stage = Stage()
    assert stage.pipeline.push_audio(stage.voice(1.0), 16000, stage.now, stage.now) == []
    stage.pipeline.pause(True, stage.now)
    stage.pipeline.reset(stage.now)
    assert stage.step().windows == {}
    assert stage.pipeline.deactivate(stage.now) == {}


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


def test_activating_twice_changes_nothing():
    stage = gesturing()
    stage.activate().speak(1.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


# --- clocks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [-0.3, -5.0, -900.0])
def test_a_clock_set_back_in_mid_gesture_is_continuous_for_the_robot(seconds):
    stage = gesturing()
    stage.jump(seconds)
    stage.speak(0.5)
    assert "clock_back" in stage.codes
    assert stage.pipeline.state is State.APPROACHING
    stage.speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    assert stage.pipeline.offset < 0.5
    stage.stop()


@pytest.mark.parametrize("seconds", [0.6, 2.0, 20.0, 40.0, 1.7e9])
def test_a_clock_set_forward_is_a_gap(seconds):
    stage = gesturing()
    before = stage.pipeline.offset
    stage.jump(seconds)
    stage.speak(5.0)
    assert stage.pipeline.state is State.GESTURING
    assert stage.pipeline.counters.realigned == 0
    assert stage.pipeline.offset == pytest.approx(before, abs=0.07)
    stage.stop()


@pytest.mark.parametrize("what", ["deactivate", "pause", "reset"])
@pytest.mark.parametrize("seconds", [-5.0, 5.0])
def test_a_clock_jump_is_noticed_by_whatever_comes_first(what, seconds):
    stage = gesturing()
    stage.jump(seconds)
    if what == "deactivate":
        stage.stop()
        return
    stage.pipeline.pause(True, stage.now) if what == "pause" else stage.pipeline.reset(stage.now)
    stage.speak(3.0).stop()


def test_a_paused_clock_pauses_the_motion():
    """`/clock` stands still: nothing new is sent, and it goes on afterwards without a jump."""
    stage = gesturing()
    for _ in range(300):
        stage.steady.now += 0.01
        stage.shift -= 0.01
        stage.step()
    stage.speak(3.0)
    assert "clock_back" not in stage.codes
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_a_bag_that_loops_five_times():
    stage = Stage().activate()
    for _ in range(5):
        stage.speak(2.0)
        stage.jump(-2.0)
    stage.speak(2.0)
    assert stage.pipeline.counters.resets == 5
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_unix_time_for_hours_keeps_frames_on_the_grid():
    """At 1.7e9 s a float resolves 0.2 us: adding up frame periods would drift off the grid within hours."""
    stage = Stage(start=1.7e9).activate().silence(2.0)
    stage.silence(60.0, tick=0.02)
    steps = (np.array([t for t, _ in stage.frames]) - stage.frames[0][0]) * 30
    assert len(steps) > 1800
    assert np.abs(steps - np.round(steps)).max() < 2e-5


# --- robot ----------------------------------------------------------------------------------------------------------


def test_lost_joint_states_brake_and_their_return_approaches():
    stage = gesturing()
    stage.joints_alive = False
    stage.speak(1.5)
    assert stage.pipeline.state is State.BRAKING
    assert stage.speed == 0.0
    assert [e.severity for e in stage.events if e.code == "joint_states"] == [Severity.ERROR]
    stage.joints_alive = True
    stage.speak(0.3)
    assert stage.pipeline.state is State.APPROACHING
    stage.speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_joint_states_that_return_while_braking():
    """The robot is still moving: it must brake to the end before it starts anew."""
    for gap in np.arange(0.44, 0.80, 0.02):
        stage = gesturing()
        stage.joints_alive = False
        stage.speak(float(gap), chunk=0.02)
        stage.joints_alive = True
        stage.speak(1.0).stop()


def test_a_robot_that_was_moved_is_approached_where_it_is():
    stage = gesturing()
    stage.joints_alive = False
    stage.speak(1.5)
    stage.move_by_hand(AWAY)
    stage.joints_alive = True
    speeds = []
    for _ in range(300):
        stage.silence(0.01)
        speeds.append(stage.speed)
    assert 0.4 < max(speeds) < 0.95  # 0.8 rad/s and idle motion
    stage.speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_joint_states_that_come_in_parts_are_put_together():
    """An arm and a hand with a broadcaster each: no message is complete."""
    stage = Stage()
    for names in CONTROLLERS.values():
        stage.pipeline.push_joint_state(list(names), np.full(len(names), 0.03))
    np.testing.assert_allclose(stage.pipeline.measured, 0.03)
    stage.steady.now += 0.4
    stage.pipeline.push_joint_state(list(CONTROLLERS["arm_controller"]), np.full(4, 0.05))
    assert stage.pipeline.measured is not None
    stage.steady.now += 0.2
    assert stage.pipeline.measured is None  # the head's are too old now


def test_joint_states_without_positions_or_with_nan_do_not_count():
    stage = Stage()
    stage.pipeline.push_joint_state(stage.names, np.zeros(0))
    stage.pipeline.push_joint_state(stage.names, np.full(len(stage.names), np.nan))
    stage.pipeline.push_joint_state(["unknown"], np.zeros(1))
    assert stage.pipeline.measured is None


def test_deactivate_without_joint_states_brakes_and_stays():
    """Where the robot is is not known: it stops instead of going to rest."""
    stage = gesturing()
    stage.joints_alive = False
    stage.silence(0.6)
    at = stage.robot
    stage.stop()
    assert stage.speed == 0.0
    assert np.abs(stage.robot - at).max() < 0.3


# --- generator and retargeter ---------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("cost", [0.005, 0.02, 0.05, 0.2])
def test_a_slow_generator_sends_only_future_points(cost):
    """Per frame of 33 ms; the two last ones cannot keep up."""
    stage = gesturing()
    stage.generator.cost = cost
    stage.speak(4.0)
    if cost > 1 / 30:
        assert stage.pipeline.counters.late_frames > 0
    else:
        assert stage.pipeline.state is State.GESTURING
    stage.generator.cost = 0.0
    stage.speak(8.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


# --- sync modes and stamps ------------------------------------------------------------------------------------------


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


def test_unstamped_audio_gestures_in_time_and_is_told_once():
    stage = Stage().activate().silence(0.5).speak(3.0, stamped=False)
    assert stage.codes == ["unstamped"]
    assert stage.pipeline.counters.late_frames == 0
    assert stage.pipeline.state is State.GESTURING
    stage.silence(1.0).speak(2.0, stamped=False).stop()


@pytest.mark.parametrize("offset", [-86400.0, 3600.0], ids=["yesterday", "in an hour"])
def test_stamps_of_another_clock_are_not_believed_in_live_mode(offset):
    """A bag played without /clock carries the stamps of the day it was recorded."""
    stage = Stage(start=2e5).activate().silence(0.5)
    stage.speak(3.0, ahead=offset)
    assert stage.pipeline.state is State.GESTURING
    assert stage.codes.count("foreign_stamps") >= 1
    stage.stop()


def test_gaps_short_and_long():
    stage = Stage().activate().speak(2.0)
    for seconds in (0.06, 0.2, 0.24, 0.4, 0.7, 3.0):
        stage.silence(seconds).speak(1.0)
    stage.speak(1.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


@pytest.mark.parametrize("samples", [np.full(512, np.nan), np.zeros((4, 4)), np.full(512, np.inf)])
def test_unusable_audio_is_refused_by_an_input_error_and_harms_nothing(samples):
    stage = gesturing()
    with pytest.raises(InputError):
        stage.push(samples.astype(np.float32), stage.now)
    with pytest.raises(InputError):
        stage.push(np.zeros(160, np.float32), stage.now, rate=0)
    with pytest.raises(InputError):
        stage.push(np.zeros(160, np.float32), np.nan)
    stage.push(np.zeros(0, np.float32), stage.now)
    stage.speak(2.0).stop()


def test_share_of_limited_points_and_latency_are_told():
    stage = gesturing()
    assert 0.0 <= stage.pipeline.limited_share <= 1.0
    assert 0.0 <= stage.pipeline.latency.p50 < 0.2
    np.testing.assert_allclose(stage.pipeline.commanded(stage.now), stage.robot, atol=1e-6)
    assert len(REST) == 5
    assert len(ROBOT.joint_names) == 6
