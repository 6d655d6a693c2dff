"""The generator is late: only future points, skip to the newest, the tail covers; repeatedly: the spare takes over."""

from __future__ import annotations

import queue
import threading

import numpy as np
import pytest
from pipeline_rig import Stage, Talkative, Understudy, gesturing

from speech_gesture_pkg.errors import ModelError
from speech_gesture_pkg.pipeline.fallback import TRUSTED, Fallback, Spare, in_thread, rehearse, waited_for_processor
from speech_gesture_pkg.pipeline.states import State

ROW = "generator late"
RULE = {"fallback.retry": 4.0, "fallback.attempts": 3}


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


def test_one_long_message_does_not_delay_everything_after_it():
    stage = gesturing()
    before = stage.pipeline.offset
    stage.speak(0.96, chunk=0.96)
    stage.speak(3.0)
    assert stage.pipeline.offset == pytest.approx(before, abs=1 / 30)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def degraded(stage: Stage) -> float:
    """The generator cannot keep up until the spare takes over; how long that took, s."""
    stage.generator.cost = 0.05
    return stage.until_state(State.DEGRADED)


def test_late_again_and_again_leads_to_the_spare_and_back(fault):
    understudy = Understudy()
    stage = gesturing(RULE, spare=understudy)
    offset = stage.pipeline.offset
    late = degraded(stage)
    assert 2.5 < late < 10.0
    assert stage.codes.count("degraded") == 1
    assert "worked" in stage.pipeline.problem
    assert "talkative" in stage.pipeline.problem
    assert stage.pipeline.generator is understudy.talker
    assert understudy.charge == [None]
    joined = stage.until(lambda: stage.frames[-1][0] > stage.now - 0.5 and stage.speed > 0.05)
    stage.speak(2.5)
    assert stage.pipeline.state is State.DEGRADED
    assert stage.pipeline.offset == pytest.approx(offset, abs=1 / 30)  # sound and motion stay together
    stage.until_state(State.APPROACHING)  # after `retry` seconds it keeps up again
    stage.until_state(State.GESTURING)
    assert stage.codes.count("recovered") == 1
    assert understudy.loads == [0]
    assert understudy.charge[-1] is stage.pipeline.generator
    assert stage.pipeline.problem == ""
    assert stage.pipeline.offset == pytest.approx(offset, abs=1 / 30)
    stage.stop()
    text = f"the spare takes over after {late:.1f} s by a blend, the learned one is back when it keeps up"
    fault.note("generator at 0.7 of real time, for ever", text, joined, stage.windows)


def test_the_way_to_the_spare_and_back_is_as_slow_as_any_approach():
    stage = gesturing({**RULE, "style.amplitude": 0.5}, spare=Understudy())
    stage.generator.cost = 0.2
    speeds = []
    while stage.pipeline.state is not State.GESTURING or "recovered" not in stage.codes:
        stage.speak(0.032)
        if stage.pipeline.state in (State.DEGRADED, State.APPROACHING):
            speeds.append(stage.speed)
    # the gestures themselves reach 0.5 * 2 pi * 1.7 / s
    assert max(speeds) < 0.5 * 2 * np.pi * 1.7 + 0.8
    stage.stop()


def test_one_that_never_comes_back_is_given_up_and_told():
    understudy = Understudy(error=ModelError("the GPU is gone"))
    stage = gesturing(RULE, spare=understudy)
    degraded(stage)
    stage.speak(32.0, chunk=0.05)  # attempts after 4, 8 and 16 s
    assert understudy.loads == [0, 1, 2]
    told = [e.text for e in stage.events if e.code == "not_recovered"]
    assert len(told) == 3
    assert all("the GPU is gone" in text for text in told)
    assert "given up after 3 attempts" in told[-1]
    assert "given up" in stage.pipeline.problem
    assert stage.pipeline.state is State.DEGRADED
    stage.stop()


def test_one_that_fails_again_and_again_does_not_come_back_for_ever():
    understudy = Understudy()
    stage = gesturing(RULE, spare=understudy)
    while stage.pipeline.fallback.attempts < 3 or not stage.pipeline.fallback.active:
        stage.generator.mischief = "raise"
        stage.speak(0.5)
    stage.speak(40.0, chunk=0.05)
    assert understudy.loads == [0, 1, 2]
    assert "given up" in stage.pipeline.problem
    stage.stop()


def test_late_audio_is_no_fault_of_the_generator():
    values = {**RULE, "sync.mode": "stamp"}  # where stamps say when the sound is heard, and come too late for that
    stage = Stage(values, spare=Understudy()).activate().silence(0.3).speak(8.0, late=0.6)
    assert stage.pipeline.counters.late_frames > 0
    assert State.DEGRADED not in stage.states
    stage.stop()


def test_a_starved_process_is_no_fault_of_the_generator():
    """It got no processor: another generator would not help. A person is told."""
    understudy = Understudy()
    stage = gesturing(RULE, spare=understudy)
    stage.generator.cost = 0.05
    for _ in range(200):
        understudy.waited = 0.7 * stage.steady.now
        stage.speak(0.032)
    assert State.DEGRADED not in stage.states
    assert "overloaded" in stage.codes
    assert waited_for_processor() >= 0.0
    stage.stop()


def test_deactivating_breaks_off_an_attempt_and_activating_makes_it_again():
    understudy, jobs = Understudy(), []
    understudy.spawn = jobs.append  # it would run in a thread
    stage = gesturing(RULE, spare=understudy)
    degraded(stage)
    stage.until(lambda: len(jobs) == 1)
    stage.stop()
    jobs[0]()
    assert jobs[0].error == "broken off"
    stage.silence(0.1).activate().speak(0.5)
    assert len(jobs) == 2
    jobs[1]()
    stage.until_state(State.GESTURING)
    assert "recovered" in stage.codes
    stage.stop()


def test_a_process_does_not_end_while_native_code_loads_a_model():
    """It would be aborted with a core dump instead of ending with its exit code."""
    seen = queue.Queue()
    in_thread(lambda: seen.put(threading.current_thread().daemon))
    assert seen.get(timeout=30.0) is False


def test_without_a_rule_there_is_no_fall_back():
    stage = gesturing({"fallback.after": 0}, spare=Understudy())
    stage.generator.mischief = "raise"
    stage.speak(3.0)
    assert stage.pipeline.state is State.BRAKING
    stage.stop()


def test_the_longer_look_ahead_counts_from_the_start():
    """So that nothing shifts when the other one takes over."""
    plain = Stage().activate().silence(0.5)
    far = Stage(spare=Understudy(lookahead=0.4)).activate().silence(0.5)
    assert far.pipeline.offset - plain.pipeline.offset == pytest.approx(0.3, abs=1 / 30)


def test_a_long_time_without_trouble_forgets_the_attempts():
    stage = Stage(RULE)
    made = Fallback(
        Talkative(), Spare(Talkative(), lambda _: Talkative(), lambda job: job()), stage.config.fallback, stage.steady
    )
    for _ in range(3):
        made.fault("broken")
    assert made.update([]) is not None
    stage.steady.now += 4.0
    made.update([])  # loads
    assert made.update([]) is not None
    assert made.attempts == 1
    stage.steady.now += TRUSTED + 1.0
    made.update([])
    assert made.attempts == 0


@pytest.mark.parametrize(
    ("mischief", "cost", "fps", "sentence"),
    [
        ("nan", 0.0, 30.0, "not finite"),
        ("", 0.05, 30.0, "it needs"),
        ("", 0.0, 15.0, "30 frames per second instead of 15"),
        ("", 0.001, 30.0, ""),
    ],
)
def test_a_rehearsal_tells_what_is_wrong(mischief, cost, fps, sentence):
    stage = Stage()
    talker = Talkative(stage._spend)
    talker.mischief, talker.cost = mischief, cost
    told = rehearse(talker, fps, clock=stage.steady)
    assert sentence in told
    assert bool(told) is bool(sentence)
