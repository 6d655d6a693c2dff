"""SIGINT and deactivate: the windows that brake and go to rest are sent, then exit 0."""

from __future__ import annotations

import signal

import pytest
from pipeline_rig import AWAY, Stage, gesturing

from speech_gesture_pkg.pipeline.states import State
from speech_gesture_pkg.trajectory import stop

ROW = "SIGINT, deactivate"


def test_deactivate_in_mid_gesture_and_activate_again(fault):
    stage = gesturing()
    began = stage.now
    stage.stop()
    safe = stage.now - began
    assert stage.speed == 0.0
    assert stage.rest_error() < 1e-3
    stage.silence(0.2)
    stage.activate().speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()
    fault.note("deactivate in mid-gesture", "one last window: brakes, goes to rest, ends", safe, stage.windows)


@pytest.mark.parametrize("slow", [0.2, 0.7])
def test_a_way_to_rest_that_is_long_to_plan_is_stamped_ahead_all_the_same(fault, monkeypatch, slow):
    stage, plan = gesturing(), stop.stop_trajectory
    began = stage.now

    def late(*given):
        stage.steady.now += slow
        return plan(*given)

    monkeypatch.setattr(stop, "stop_trajectory", late)
    stage.stop()  # the auditors compare every stamp with the time at which the window arrives
    assert stage.speed == 0.0
    assert stage.rest_error() < 1e-3
    text = "planned anew from further on, where the braking tail has stopped the robot; goes to rest, ends"
    fault.note(f"deactivate, the way to rest takes {slow} s to plan", text, stage.now - began, stage.windows)


def test_deactivate_before_the_first_window():
    stage = Stage(pose=AWAY).activate()
    stage.stop()
    assert stage.rest_error() < 1e-3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_signal_in_mid_gesture(fault, probe, start, demo_urdf, number):
    pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
    from gesture_rig import Guarantees, Speaker, Watch, assert_inside_limits, last_moved, rest_pose

    guarantees = Guarantees(probe, demo_urdf.read_text())
    start("sim_robot_node")
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf)
    watch = Watch(probe)
    Speaker(probe)
    probe.wait(watch.moving, 20.0)
    sent = watch.now()
    assert gesture.stop(number) == 0
    probe.wait(lambda: watch.still(since=sent))
    assert_inside_limits(watch.states[1:], demo_urdf.read_text())
    assert max(abs(watch.positions()[j] - rest) for j, rest in rest_pose().items()) < 0.02
    assert "Traceback" not in gesture.output
    safe = last_moved(watch.states) - sent
    text = "brakes, goes to rest; exit code 0"
    fault.note(f"{number.name} in mid-gesture (real processes)", text, safe, guarantees.kept())
