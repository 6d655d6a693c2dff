"""ControllerStates: which controllers are active, and what they hold."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from speech_gesture_pkg.pipeline.controller_states import SETTLED, SILENT, ControllerStates
from speech_gesture_pkg.pipeline.offline import VirtualClock

CONTROLLERS = {"arm": np.array([0, 1]), "head": np.array([2])}
LAYOUT = SimpleNamespace(controllers=CONTROLLERS, joint_names=("a", "b", "c"))


@pytest.fixture
def steady():
    return VirtualClock(10.0)


@pytest.fixture
def states(steady):
    return ControllerStates(LAYOUT, steady)


def hear(states, steady, seconds, rate=50.0, arm=(0.1, 0.2), head=(0.3,)):
    for _ in range(round(rate * seconds)):
        steady.now += 1.0 / rate
        if arm is not None:
            states.push("arm", ("a", "b"), arm)
        if head is not None:
            states.push("head", ("c",), head)


def test_controllers_that_never_said_anything_are_not_known(states):
    assert states.inactive == []
    assert states.desired is None
    assert not states.moving


def test_a_controller_that_falls_silent_is_switched_off(states, steady):
    hear(states, steady, 1.0)
    assert states.inactive == []
    np.testing.assert_array_equal(states.desired, [0.1, 0.2, 0.3])
    hear(states, steady, SILENT + 0.02, arm=None)
    assert states.inactive == ["arm"]
    assert states.desired is None
    hear(states, steady, 0.02)
    assert states.inactive == []


@pytest.mark.parametrize("rate", [10.0, 50.0, 200.0])
def test_the_usual_pause_between_messages_is_no_silence(states, steady, rate):
    hear(states, steady, 2.0, rate)
    steady.now += 2.0 / rate
    assert states.inactive == []
    steady.now += SILENT + 2.0 / rate
    assert states.inactive == ["arm", "head"]


def test_one_that_should_tell_and_does_not_is_switched_off(states, steady):
    states.expect("head")
    assert states.inactive == []
    steady.now += 0.5
    assert states.inactive == ["head"]


def test_a_reference_that_moves_is_a_trajectory_under_way(states, steady):
    hear(states, steady, 1.0)
    assert not states.moving
    hear(states, steady, 0.02, arm=(0.1, 0.21))
    assert states.moving
    hear(states, steady, SETTLED + 0.02, arm=(0.1, 0.21))
    assert not states.moving


def test_what_is_no_joint_of_ours_is_passed_over(states, steady):
    states.push("arm", ("a", "stranger", "b"), (1.0, 2.0, 3.0))
    states.push("head", ("c",), (4.0,))
    np.testing.assert_array_equal(states.desired, [1.0, 3.0, 4.0])
