"""Offsets, the clock watch, lateness and joint feedback: the small parts round the pipeline's clock."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from speech_gesture_pkg.config import SafetyConfig, SyncConfig
from speech_gesture_pkg.pipeline.joint_feedback import BEYOND, JointFeedback
from speech_gesture_pkg.pipeline.lateness import Lateness, Verdict
from speech_gesture_pkg.pipeline.offline import VirtualClock
from speech_gesture_pkg.pipeline.timing import (
    CLOCK_STEP,
    SIMULATED_STEP,
    ClockOffset,
    ClockWatch,
    on_grid,
    pipeline_latency,
    play_time,
)
from speech_gesture_pkg.trajectory.limits import MotionLimits


def test_latency_is_the_sum_of_what_a_frame_waits_for():
    assert pipeline_latency(0.15, 0.032, 0.025, 1 / 30, 0.04) == pytest.approx(0.347)


@pytest.mark.parametrize(("mode", "expected"), [("live", 10.45), ("delay", 10.45), ("stamp", 10.1)])
def test_play_time(mode, expected):
    assert play_time(10.0, SyncConfig(mode=mode, offset=0.1), 0.35) == pytest.approx(expected)


def test_on_grid_is_the_nearest_grid_time():
    for time in np.linspace(-3, 3, 61):
        found = on_grid(time, 0.01, 1 / 30)
        assert abs(found - time) <= 0.5 / 30 + 1e-12
        assert (found - 0.01) * 30 == pytest.approx(round((found - 0.01) * 30), abs=1e-9)


def test_a_clock_that_was_set_is_the_controllers_only_when_a_stamp_says_so():
    offset = ClockOffset(0.05)
    offset.forget()
    assert offset.problem(5.0) == ""  # nobody has stamped anything
    offset.see(-0.001, 5.0)
    assert offset.problem(5.0) == ""
    offset.forget()
    offset.forget()
    assert "the clock was set" in offset.problem(5.01)
    offset.see(0.6, 5.02)
    assert "0.60 s ahead of" in offset.problem(5.02)


def watch(now: float, forward: float = CLOCK_STEP) -> tuple[ClockWatch, VirtualClock]:
    steady = VirtualClock(5.0)
    clock = ClockWatch(steady, forward)
    clock.start(now)
    return clock, steady


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0, 2.0, 10.0])
def test_a_clock_that_runs_at_another_rate_has_not_jumped(rate):
    """Simulated time."""
    clock, steady = watch(100.0, SIMULATED_STEP)
    for i in range(1, 200):
        steady.now = 5.0 + 0.01 * i
        assert clock.jump(100.0 + rate * 0.01 * i) == 0.0


def test_a_process_that_stood_still_has_seen_no_jump():
    clock, steady = watch(100.0)
    steady.now += 30.0
    assert clock.jump(130.0) == 0.0


@pytest.mark.parametrize("jump", [-1e6, -3.0, -0.1, 0.7, 30.0, 1e9])
def test_jumps_are_told_once_and_by_their_length(jump):
    clock, steady = watch(100.0)
    steady.now += 0.02
    assert clock.jump(100.02 + jump) == pytest.approx(jump, rel=1e-9)
    steady.now += 0.02
    assert clock.jump(100.04 + jump) == 0.0


def test_one_hiccup_is_no_reason_to_be_late_for_ever():
    late = Lateness(1 / 30)
    for i in range(40):
        late.add(1.0 - i / 40, 10.0 + i / 1000)
    assert late.update(10.1) == (Verdict.FINE, 0.0)
    assert late.update(99.0) == (Verdict.FINE, 0.0)
    assert late.extra == 0.0


def test_what_is_late_again_and_again_is_waited_for():
    late = Lateness(0.1)
    for i in range(8):
        late.add(0.23, 10.0 + 0.08 * i)
    verdict, more = late.update(10.6)
    assert verdict is Verdict.DELAY
    assert more == pytest.approx(0.3)  # the next multiple of the grid step
    assert late.extra == pytest.approx(0.3)
    assert late.update(10.7) == (Verdict.FINE, 0.0)


def test_what_is_too_late_is_skipped():
    late = Lateness(0.1)
    for _ in range(8):
        late.add(2.5, 10.0)
    assert late.update(10.0)[0] is Verdict.SKIP
    late.extra = 1.9
    for i in range(8):
        late.add(0.3, 20.0 + 0.1 * i)
    assert late.update(20.8)[0] is Verdict.SKIP
    assert late.extra == 1.9


def test_feedback_needs_every_joint_and_forgets():
    steady = VirtualClock(0.0)
    ones = np.ones(2)
    limits = MotionLimits(("a", "b"), -ones, 2 * ones, ones, ones)
    layout = SimpleNamespace(limits=limits, continuous=np.zeros(2, bool))
    feedback = JointFeedback(layout, SafetyConfig(joint_state_timeout=0.5), steady)
    assert feedback.position is None
    feedback.push(["a", "other"], [1.0, 9.0])
    assert feedback.position is None
    feedback.push(["b"], [2.0])
    np.testing.assert_array_equal(feedback.position, [1.0, 2.0])
    for impossible in (math.nan, math.inf, 1e30, -1.0 - BEYOND - 1e-6, 2.0 + BEYOND + 1e-6):
        feedback.push(["a", "b"], [impossible])
        np.testing.assert_array_equal(feedback.position, [1.0, 2.0])
    steady.now = 0.6
    assert feedback.position is None
