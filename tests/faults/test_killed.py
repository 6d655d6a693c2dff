"""A process is killed (SIGKILL): the gesture node, the audio, the robot with its controllers and joint states."""

from __future__ import annotations

import signal

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from gesture_rig import Guarantees, Speaker, Watch, assert_inside_limits, last_moved, told
from trajectory_msgs.msg import JointTrajectory

from speech_gesture_pkg.resources import DEMO_AUDIO, resource
from speech_gesture_pkg.ros.sim_robot_node import DEMO_CONTROLLERS

ROW = "a process is killed"


def test_the_gesture_node_is_killed_in_mid_gesture(fault, probe, start, demo_urdf):
    """The controllers finish the braking tails that they have, inside the limits."""
    guarantees = Guarantees(probe, demo_urdf.read_text())
    start("sim_robot_node")
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf)
    watch = Watch(probe)
    windows = {n: probe.collect(JointTrajectory, f"/{n}/joint_trajectory") for n in DEMO_CONTROLLERS}
    Speaker(probe)
    probe.wait(watch.moving, 20.0)
    assert gesture.stop(signal.SIGKILL) == -9
    killed = watch.now()
    probe.wait(lambda: watch.still(since=killed))
    assert_inside_limits(watch.states[1:], demo_urdf.read_text())
    for received in windows.values():
        assert not any(received[-1].points[-1].velocities)
    safe = last_moved(watch.states) - killed
    assert safe < 1.5
    fault.note(
        "kill -9 of the gesture node in mid-gesture",
        "braking tails end at rest, inside limits",
        safe,
        guarantees.kept(),
    )


def test_audio_and_robot_are_killed_and_come_back(fault, probe, start, demo_urdf):
    """Without audio there is idle motion; without the robot the node brakes, and approaches it when it is back."""
    guarantees = Guarantees(probe, demo_urdf.read_text())
    robot = start("sim_robot_node")
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf)
    watch = Watch(probe)
    player = start("wav_player_node", file=resource(DEMO_AUDIO), loop=True)
    probe.wait(watch.moving, 30.0)
    robot.stop(signal.SIGKILL)
    killed = watch.now()
    probe.wait(lambda: told(gesture.output, "[ERROR]", "no complete joint state for 0.5 s: braking"))
    braked = watch.now() - killed
    watch.until_state("braking")
    assert watch.values["level"] == "2"
    sent = guarantees.kept()
    count = len(watch.diagnostics)
    probe.wait(lambda: len(watch.diagnostics) > count + 1)
    assert guarantees.kept() - sent <= 3 * len(DEMO_CONTROLLERS)  # nothing new is commanded
    fault.note("kill -9 of controllers and joint states", "reported; brakes", braked, guarantees.kept())

    del watch.states[:]
    guarantees.forget()  # the robot that comes back stands elsewhere: the node must approach it from there
    start("sim_robot_node")
    probe.wait(lambda: len(watch.states) > 300 and watch.moving(), 30.0)
    before = guarantees.kept()
    player.stop(signal.SIGKILL)
    killed = watch.now()
    watch.until_state("idle")
    idle = watch.now() - killed
    assert watch.values["level"] == "0"
    assert_inside_limits(watch.states[1:], demo_urdf.read_text())
    fault.note("kill -9 of the audio player", "idle motion", idle, guarantees.kept() - before)
    assert gesture.stop() == 0
    assert "Traceback" not in gesture.output
