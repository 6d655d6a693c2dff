"""Several robots on one graph, distributions of ROS, simulated time."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from gesture_rig import Speaker, Watch, told
from rosgraph_msgs.msg import Clock
from trajectory_msgs.msg import JointTrajectory

from speech_gesture_pkg.evaluation.promise import check_promise
from speech_gesture_pkg.evaluation.tracking import check_tracking
from speech_gesture_pkg.nodes.clock import seconds, time_from_seconds
from speech_gesture_pkg.nodes.sim_robot_node import DEMO_CONTROLLERS
from speech_gesture_pkg.resources import DEMO_AUDIO, resource


@pytest.mark.slow
@pytest.mark.parametrize("distro", ["humble", "jazzy", "newest"])
def test_two_robots_one_voice(probe, start, demo_urdf, tmp_path, distro):
    """/robot1 as it should be, /robot2 with stamp 0: the first follows exactly, the second measurably worse."""
    bags, nodes, recorders = {}, [], []
    for name, zero in (("robot1", False), ("robot2", True)):
        ns = ("-r", f"__ns:=/{name}")
        start("sim_robot_node", *ns, distro=distro, urdf=demo_urdf)
        topics = [f"/{name}/joint_states", *(f"/{name}/{c}/joint_trajectory" for c in DEMO_CONTROLLERS)]
        bags[name] = tmp_path / name
        recorders.append(start("recorder", *ns, out=bags[name], topics=f"[{', '.join(topics)}]"))
        # the URDF comes on the robot_description topic
        stamp = {"trajectory__stamp_zero": zero, "robot__description_timeout": 10.0}
        nodes.append(start("gesture_node", *ns, "-r", "audio:=/audio", autostart=True, **stamp))
    for node in nodes:
        probe.wait(lambda n=node: "commanding" in n.output, 20.0)
        assert told(node.output, "commanding", *(f"{n} ({len(j)} joints)" for n, j in DEMO_CONTROLLERS.items()))
        assert "robot2/" not in node.output
    player = start("wav_player_node", file=resource(DEMO_AUDIO))
    end = time.monotonic() + 7.0
    probe.wait(lambda: time.monotonic() > end)
    for process in (player, *nodes, *recorders):
        assert process.stop() == 0, process.output

    report = check_promise(bags["robot1"], demo_urdf.read_text())
    assert report.kept, report.examples
    assert len(report.moving) > 12
    good = check_tracking(bags["robot1"], "/robot1/joint_states")
    worse = check_tracking(bags["robot2"], "/robot2/joint_states")
    assert good.error < 1e-3
    assert abs(good.delay) < 0.002
    assert worse.error_now > 2 * good.error_now
    assert worse.delay > good.delay + 0.002


def test_simulated_time(probe, start, demo_urdf):
    """Stamps follow /clock; nothing moves before the first /clock; a jump back (a bag that loops) starts anew."""
    params = {"use_sim_time": True, "robot__urdf": demo_urdf}
    start("sim_robot_node", use_sim_time=True)
    gesture = start("gesture_node", autostart=True, **params)
    watch = Watch(probe)
    windows = probe.collect(JointTrajectory, "/right_arm_controller/joint_trajectory")
    clock = probe.node.create_publisher(Clock, "/clock", 10)
    origin, began = 1000.0, time.monotonic()

    def tick():
        clock.publish(Clock(clock=time_from_seconds(origin + time.monotonic() - began)))

    probe.wait(lambda: clock.get_subscription_count() >= 2)
    assert not windows
    probe.node.create_timer(0.01, tick)
    Speaker(probe)
    probe.wait(watch.moving, 20.0)
    now = origin + time.monotonic() - began
    assert abs(seconds(windows[-1].header.stamp) - now) < 0.5
    origin -= 100.0
    probe.wait(lambda: told(gesture.output, "[WARN]", "clock went back by"))
    del windows[:]
    probe.wait(lambda: windows and abs(seconds(windows[-1].header.stamp) - (origin + time.monotonic() - began)) < 0.5)
    probe.wait(watch.moving, 20.0)
    assert gesture.stop() == 0
    assert "Traceback" not in gesture.output
