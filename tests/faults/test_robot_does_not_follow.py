"""A controller is switched off while it listens: send nothing, try a little, go on when it follows again."""

from __future__ import annotations

import numpy as np
import pytest
from pipeline_rig import Stage, gesturing

from speech_gesture_pkg.pipeline.mover import PROBE
from speech_gesture_pkg.pipeline.states import Severity, State
from speech_gesture_pkg.pipeline.tracking_monitor import PATIENCE

ROW = "the robot does not follow"


def tremble(stage: Stage, size: float = 1e-4) -> Stage:
    """Its encoders do."""
    rng, push = np.random.default_rng(1), stage.pipeline.push_joint_state
    stage.pipeline.push_joint_state = lambda names, q: push(names, q + rng.normal(0.0, size, len(q)))
    return stage


def switched_off(size: float = 1e-4) -> Stage:
    """A stage in mid-gesture whose arm controller is no longer active."""
    stage = tremble(Stage(), size).activate().silence(0.5).speak(3.0)
    stage.auditors["arm_controller"].switch_off(stage.now)
    return stage


@pytest.mark.parametrize("size", [1e-4, 0.0])
def test_a_controller_that_is_switched_off_and_on_again(fault, size):
    """With encoders that tremble, and with a simulated robot that repeats the same numbers."""
    stage = switched_off(size)
    safe = stage.until(lambda: stage.pipeline.state is State.BRAKING)
    assert safe > PATIENCE
    told = next(e for e in stage.events if e.code == "not_followed")
    assert told.severity is Severity.ERROR
    assert "its controller does not follow" in told.text
    assert told.text.split()[0] in stage.names
    sent = stage.windows
    stage.speak(0.3)
    assert stage.windows == sent
    stage.speak(8.0)
    assert stage.pipeline.state is State.BRAKING
    tried = (stage.windows - sent) / 2
    assert 2 <= tried <= 4  # each time after twice as long
    assert "is its controller active" in next(e.text for e in stage.events if e.code == "not_followed_yet")
    stage.auditors["arm_controller"].switch_on()
    back = stage.until_state(State.GESTURING)
    stage.speak(5.0)
    assert stage.pipeline.state is State.GESTURING
    assert stage.codes.count("not_followed") == 1
    stage.stop()
    what = "a controller is switched off in mid-gesture, and on again" + ("" if size else " (constant encoders)")
    text = f"nothing is sent; tried with {PROBE} rad after 1, 2, 4 s ...; gestured again {back:.1f} s after it was on"
    fault.note(what, text, safe, stage.windows)


def test_a_controller_that_is_switched_on_in_the_middle_of_a_trial():
    """The auditor checks that it is bridged to inside the limits, whenever that is."""
    for after in np.arange(0.5, 3.0, 0.23):
        stage = switched_off()
        stage.until_state(State.BRAKING)
        stage.speak(float(after))
        stage.auditors["arm_controller"].switch_on()
        stage.until_state(State.GESTURING)
        stage.stop()


def test_joint_states_that_no_longer_change_are_not_believed():
    """The robot follows, but its encoders, which trembled while it stood, are no longer read."""
    stage = Stage()
    push = stage.pipeline.push_joint_state
    tremble(stage).activate().speak(3.0)
    frozen, trembling = stage.robot, stage.pipeline.push_joint_state
    stage.pipeline.push_joint_state = lambda names, _: push(names, frozen)
    stage.until(lambda: "not_followed" in stage.codes)
    sent = stage.windows
    stage.speak(5.0)
    assert stage.pipeline.state is State.BRAKING
    assert stage.speed == 0.0
    assert stage.windows == sent
    assert "repeat the same number" in next(e.text for e in stage.events if e.code == "waiting")
    assert "repeat the same number" in stage.pipeline.problem
    stage.pipeline.push_joint_state = trembling
    stage.until_state(State.GESTURING)
    stage.stop()


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
