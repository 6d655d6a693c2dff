"""Joint states absent or stale: do not start; while running: brake."""

from __future__ import annotations

import numpy as np
import pytest
from pipeline_rig import AWAY, CONTROLLERS, Stage, gesturing

from speech_gesture_pkg.pipeline.states import Severity, State

ROW = "joint_states absent or stale"


def test_activate_needs_joint_states():
    stage = Stage()
    with pytest.raises(RuntimeError, match="joint state"):
        stage.pipeline.activate(stage.now)


def test_lost_joint_states_brake_and_their_return_approaches(fault):
    stage = gesturing()
    stage.joints_alive = False
    safe = stage.until(lambda: stage.pipeline.state is State.BRAKING and stage.speed == 0.0)
    stage.speak(0.5)
    assert stage.pipeline.state is State.BRAKING
    assert stage.speed == 0.0
    assert [e.severity for e in stage.events if e.code == "joint_states"] == [Severity.ERROR]
    stage.joints_alive = True
    stage.speak(0.8)
    assert stage.pipeline.state is State.BRAKING  # numbers that never change are believed after 0.9 s
    stage.speak(0.3)
    assert stage.pipeline.state is State.APPROACHING
    stage.speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()
    text = "braked 0.5 s after the last one; approached again when they came back"
    fault.note("no joint states any more", text, safe, stage.windows)


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
    np.testing.assert_allclose(stage.pipeline.feedback.position, 0.03)
    stage.steady.now += 0.4
    stage.pipeline.push_joint_state(list(CONTROLLERS["arm_controller"]), np.full(4, 0.05))
    assert stage.pipeline.feedback.position is not None
    stage.steady.now += 0.2
    assert stage.pipeline.feedback.position is None  # the head's are too old now


def test_joint_states_without_positions_or_with_nan_do_not_count():
    stage = Stage()
    stage.pipeline.push_joint_state(stage.names, np.zeros(0))
    stage.pipeline.push_joint_state(stage.names, np.full(len(stage.names), np.nan))
    stage.pipeline.push_joint_state(["unknown"], np.zeros(1))
    assert stage.pipeline.feedback.position is None


def test_deactivate_without_joint_states_brakes_and_stays():
    """Where the robot is is not known: it stops instead of going to rest."""
    stage = gesturing()
    stage.joints_alive = False
    stage.silence(0.6)
    at = stage.robot
    stage.stop()
    assert stage.speed == 0.0
    assert np.abs(stage.robot - at).max() < 0.3


def test_a_robot_that_is_still_being_moved_is_waited_for():
    """Or one that is behind its own commands: motion does not restart from a place where it will not be."""
    stage = gesturing()
    stage.joints_alive = False
    stage.speak(1.5)
    start, way = stage.robot, AWAY - stage.robot
    for k in range(30, 100):  # somebody moves the arm
        stage.move_by_hand(start + way * k / 100)
        stage.joints_alive = True
        stage.silence(0.01)
        assert stage.pipeline.state is State.BRAKING
    stage.move_by_hand(AWAY)
    stage.silence(1.1)
    assert stage.pipeline.state is State.APPROACHING
    stage.speak(5.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()
