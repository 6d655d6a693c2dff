"""JointFeedback: which joint states are believed, and why others are not."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from speech_gesture_pkg.config import SafetyConfig
from speech_gesture_pkg.pipeline.joint_feedback import BEYOND, FORGOTTEN, LONG_STILL, STILL, JointFeedback
from speech_gesture_pkg.pipeline.offline import VirtualClock
from speech_gesture_pkg.trajectory.limits import MotionLimits

NAMES = ("a", "b", "c")


class Rig:
    """Feedback of three joints with limits of +-1 rad (c: continuous) and 2 rad/s, told 100 times a second."""

    def __init__(self) -> None:
        self.steady, ones = VirtualClock(10.0), np.ones(3)
        limits = MotionLimits(NAMES, -ones, np.array([1.0, 1.0, 1e4]), 2 * ones, ones)
        layout = SimpleNamespace(limits=limits, continuous=np.array([False, False, True]))
        self.feedback = JointFeedback(layout, SafetyConfig(), self.steady)
        self._drift = 0.0

    def hear(self, seconds: float, *q, names=NAMES, drift=1e-9, **about) -> str:
        """The doubt after joint states of `q` (numbers or functions of the time) for so long.

        `drift`: by so much each number differs from the one before it.
        """
        for _ in range(round(100 * seconds)):
            self.steady.now += 0.01
            self._drift += drift
            values = [x(self.steady.now) if callable(x) else x + self._drift for x in q]
            self.feedback.push(names, values, **about)
        return self.feedback.doubt


@pytest.fixture
def rig():
    return Rig()


def test_what_was_heard_for_a_while_of_a_robot_that_stands_is_believed(rig):
    assert rig.feedback.doubt == "no joint states of a, b, c"
    assert rig.hear(STILL - 0.02, 0.1, 0.2, 0.3) == "waiting until the robot stands; last to move: a, b, c"
    assert rig.hear(0.04, 0.1, 0.2, 0.3) == ""
    np.testing.assert_allclose(rig.feedback.position, [0.1, 0.2, 0.3], atol=1e-6)
    rig.steady.now += 0.3
    assert rig.feedback.doubt == "no joint state for 0.3 s of a, b, c"


def test_numbers_that_never_change_are_believed_a_little_later(rig):
    """A driver that has stopped looks like this, and so does a simulated robot that stands."""
    assert rig.hear(LONG_STILL - 0.02, 0.1, 0.2, 0.3, drift=0.0).startswith("waiting a little longer")
    assert rig.hear(0.05, 0.1, 0.2, 0.3, drift=0.0) == ""


def test_a_driver_that_falls_silent_does_not_make_the_robot_stand(rig):
    rig.hear(0.3, 0.1, 0.2, 0.3)
    rig.steady.now += 0.2
    assert "waiting until the robot stands" in rig.feedback.doubt


def test_a_few_messages_are_not_enough_however_long_they_take(rig):
    for _ in range(2):
        rig.hear(0.01, 0.1, 0.2, 0.3)
        rig.steady.now += 0.3
    rig.steady.now -= 0.2
    assert "waiting until the robot stands" in rig.feedback.doubt


def test_joints_that_are_absent_or_nowhere_are_named(rig):
    assert rig.hear(1.0, 0.1, names=("a",)) == "no joint states of b, c"
    assert rig.hear(1.0, 0.1, math.nan, 0.0) == "joint states give nan for b, where no joint can be"
    far = -1.0 - BEYOND - 0.1
    assert rig.hear(1.0, far, 0.0, 0.0) == f"joint states give {far:g} for a, where no joint can be"


def test_a_joint_that_moves_is_waited_for(rig):
    rig.hear(1.0, 0.1, 0.2, 0.3)
    assert rig.hear(0.5, lambda t: 0.5 * math.sin(2 * t), 0.2, 0.3).endswith("last to move: a")
    assert rig.hear(STILL + 0.02, 0.3, 0.2, 0.3) == ""


def test_a_driver_that_tells_zeros_at_first_is_not_believed(rig):
    """0.3 s long, as drivers do; then the joint seems to leap faster than it can move."""
    assert rig.hear(0.3, 0.0, 0.0, 0.0) != ""
    assert "b leaps from 0.00 to -1.00, faster than it can move" in rig.hear(0.1, 0.0, -1.0, 0.0)
    assert rig.hear(STILL, 0.0, -1.0, 0.0) == ""


def test_a_second_publisher_is_never_believed_and_both_are_known(rig):
    for k in range(200):
        rig.hear(0.01, -0.9, 0.2, 0.3, source="robot")
        if k % 10 == 9:
            rig.hear(0.01, 0.0, 0.0, 0.0, source="forgotten")
        assert rig.feedback.doubt != ""
    assert rig.feedback.two_sources[1:] in (("robot", "forgotten"), ("forgotten", "robot"))
    assert rig.hear(2.0, -0.9, 0.2, 0.3, source="robot") == ""
    assert rig.feedback.two_sources is None


def test_a_robot_that_moves_goes_on_after_one_leap_but_not_after_many(rig):
    rig.hear(1.0, 0.1, 0.2, 0.3)
    for k in range(4):
        rig.hear(0.01, 0.9, 0.2, 0.3)
        rig.hear(0.09, 0.1, 0.2, 0.3)
        assert ("leaps" in rig.feedback.unreliable) is (k >= 1)  # each time there and back
    assert rig.hear(1.1, 0.1, 0.2, 0.3) == rig.feedback.unreliable == ""


def test_two_publishers_that_agree_are_two_all_the_same(rig):
    """A joint_state_publisher that repeats what it hears."""
    for _ in range(200):
        rig.hear(0.01, 0.1, 0.2, 0.3, source=1)
        rig.hear(0.01, 0.1, 0.2, 0.3, source=2)
    assert "come from two publishers" in rig.feedback.doubt


def test_publishers_with_joints_of_their_own_are_put_together(rig):
    for _ in range(100):
        rig.hear(0.005, 0.1, 0.2, names=("a", "b"), source=1)
        rig.feedback.push(("a", "b"), [0.1, 0.2], source=1)
        rig.hear(0.01, 0.3, names=("c",), source=2)
    assert rig.feedback.doubt == ""


def test_joint_states_that_drop_out_again_and_again_are_not_believed(rig):
    rig.hear(1.0, 0.1, 0.2, 0.3)
    for _ in range(20):
        rig.steady.now += 0.55
        assert rig.hear(0.1, 0.1, 0.2, 0.3) != ""


def test_an_encoder_that_trembled_and_repeats_one_number_has_stopped(rig):
    rng = np.random.default_rng(0)
    shaky = lambda _: 0.1 + rng.normal(0.0, 1e-4)  # noqa: E731
    assert rig.hear(2.0, shaky, 0.2, 0.3) == ""
    said = "joint states repeat the same number though the encoder trembled before: a"
    assert rig.hear(STILL + 0.05, lambda _: 0.1, 0.2, 0.3) == said
    assert rig.hear(FORGOTTEN, lambda _: 0.1, 0.2, 0.3) == ""  # not for ever: a simulation may be like this


def test_a_slow_motion_is_no_trembling(rig):
    rig.hear(2.0, lambda t: 0.005 * math.sin(t), 0.2, 0.3)
    assert rig.hear(1.0, 0.0, 0.2, 0.3) == ""


def test_a_continuous_joint_that_wraps_round_does_not_leap(rig):
    wrapped = lambda t: math.remainder(1.5 * t, 2 * math.pi)  # noqa: E731
    for _ in range(50):
        rig.hear(0.1, 0.1, 0.2, wrapped)
        assert "leaps" not in rig.feedback.doubt
    begin = rig.feedback.position[2]
    rig.hear(1.0, 0.1, 0.2, wrapped)
    assert rig.feedback.position[2] - begin == pytest.approx(1.5)


@pytest.mark.parametrize(("ahead", "said"), [(0.6, "0.60 s ahead of"), (-0.7, "0.70 s behind"), (1.7e9, "s ahead of")])
def test_stamps_of_another_clock_are_not_believed(rig, ahead, said):
    assert rig.hear(1.0, 0.1, 0.2, 0.3, ahead=-0.002) == ""
    assert said in rig.hear(1.2, 0.1, 0.2, 0.3, ahead=ahead)
    assert "synchronise them" in rig.feedback.unreliable
    assert rig.hear(1.2, 0.1, 0.2, 0.3, ahead=-0.002) == ""


def test_one_late_message_is_no_other_clock(rig):
    for _ in range(20):
        rig.hear(0.1, 0.1, 0.2, 0.3, ahead=-0.4)
        rig.hear(0.01, 0.1, 0.2, 0.3, ahead=-0.005)
        assert rig.feedback.unreliable == ""
