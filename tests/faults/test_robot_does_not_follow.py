"""A controller is switched off while it listens: brake, and never be far from where the robot stands."""

from __future__ import annotations

import numpy as np
import pytest
from pipeline_rig import Stage, gesturing

from speech_gesture_pkg.runtime.follow_watch import NEAR, PATIENCE
from speech_gesture_pkg.runtime.states import Severity, State

ROW = "the robot does not follow"


def away(stage: Stage) -> float:
    """How far the arm is from where it is sent."""
    arm = stage.auditors["arm_controller"]
    return float(np.abs(arm.sent_to(stage.now) - arm.position(stage.now)).max())


def test_a_controller_that_is_switched_off_and_on_again(fault):
    stage = gesturing()
    stage.auditors["arm_controller"].switch_off(stage.now)
    safe = stage.until(lambda: stage.pipeline.state is State.BRAKING)
    assert safe > PATIENCE
    told = next(e for e in stage.events if e.code == "not_followed")
    assert told.severity is Severity.ERROR
    assert "its controller does not follow" in told.text
    assert told.text.split()[0] in stage.names
    stage.until(lambda: stage.speed == 0.0)
    stage.until(lambda: stage.pipeline.state is not State.BRAKING)
    farthest = 0.0
    for _ in range(200):  # six seconds: it is tried again and again
        stage.speak(0.032)
        farthest = max(farthest, away(stage))
    assert stage.codes.count("not_followed") >= 3
    assert farthest < 1.5 * NEAR  # the curve overshoots a little
    jump = stage.auditors["arm_controller"].switch_on(stage.now)
    assert jump <= farthest
    stage.until_state(State.GESTURING)
    count = stage.codes.count("not_followed")
    stage.speak(5.0)
    assert stage.pipeline.state is State.GESTURING
    assert stage.codes.count("not_followed") == count
    stage.stop()
    text = f"braked; tried again at most {farthest:.2f} rad away; gestured again when it was on"
    fault.note("a controller is switched off in mid-gesture, and on again", text, safe, stage.windows)


def test_joint_states_that_no_longer_change_are_not_believed():
    """The robot follows, but its encoders are no longer read: to begin from what they say would be a jump."""
    stage = gesturing()
    push, names, frozen = stage.pipeline.push_joint_state, list(stage.names), stage.robot
    stage.pipeline.push_joint_state = lambda *_: push(names, frozen)
    stage.until(lambda: "not_followed" in stage.codes)
    stage.speak(5.0)  # the auditors check that nothing jumps
    assert stage.pipeline.state is State.BRAKING
    assert stage.speed == 0.0
    assert stage.codes.count("not_followed") == 1
    stage.pipeline.push_joint_state = push
    stage.until_state(State.GESTURING)
    stage.stop()


def test_a_robot_that_is_told_by_the_very_same_numbers_waits_for_a_person():
    """A simulated one that is switched off, say: it goes on from there when the node is activated anew."""
    stage = gesturing()
    stage.auditors["arm_controller"].tremble = 0.0
    stage.auditors["arm_controller"].switch_off(stage.now)
    stage.until_state(State.BRAKING)
    stage.speak(5.0)
    assert stage.pipeline.state is State.BRAKING
    stage.stop()
    stage.activate()
    stage.speak(1.0)
    assert away(stage) < 0.2


def test_without_tolerance_it_is_not_watched():
    stage = gesturing({"safety.follow_tolerance": 0.0})
    stage.auditors["arm_controller"].switch_off(stage.now)
    stage.speak(3.0)
    assert "not_followed" not in stage.codes
    assert stage.pipeline.state is State.GESTURING


@pytest.mark.parametrize("lag", [0.05, 0.15])
def test_a_robot_that_lags_behind_follows(lag):
    stage = gesturing({"style.amplitude": 2.0})
    past: list[tuple[float, np.ndarray]] = []
    push, names = stage.pipeline.push_joint_state, list(stage.names)

    def late(_: list[str], positions: np.ndarray) -> None:
        past.append((stage.now, positions))
        while len(past) > 1 and past[1][0] <= stage.now - lag:
            past.pop(0)
        push(names, past[0][1])

    stage.pipeline.push_joint_state = late
    farthest = 0.0
    for _ in range(400):
        stage.speak(0.032)
        farthest = max(farthest, float(np.abs(past[0][1] - stage.robot).max()))
    assert farthest > lag  # it does lag
    assert "not_followed" not in stage.codes
    stage.stop()
