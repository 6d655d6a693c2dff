"""sim_robot_node as a real process: states, tracking, refusals, parameters."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from rcl_interfaces.srv import GetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory

from speech_gesture_pkg.ros.clock import seconds
from speech_gesture_pkg.ros.messages.trajectory import TrajectoryMessage
from speech_gesture_pkg.ros.sim_robot_node import DEMO_CONTROLLERS

ARM = ("shoulder", "elbow")
SMALL = {"controllers": "[arm_controller]", "arm_controller__joints": f"[{', '.join(ARM)}]"}


def reference(t):
    """Position, velocity, acceleration [N, 2] of a sine that starts softly (phase 0 at t = 0)."""
    t = np.asarray(t, float)[:, None]
    w = np.array([4.0, 6.0])
    return 0.3 * (1 - np.cos(w * t)), 0.3 * w * np.sin(w * t), 0.3 * w**2 * np.cos(w * t)


def follow(probe, out, states):
    """Send windows of the reference for 1.5 s: how late the latest was (they begin 60 ms ahead), times and positions
    [N], [N, 2] of the robot."""
    builder, grid = TrajectoryMessage(ARM, [0, 1]), np.arange(12) / 30
    clock = probe.node.get_clock()
    begin = clock.now().nanoseconds * 1e-9 + 0.1
    sent, late = -1, 0.0
    del states[:]

    def feed():
        nonlocal sent, late
        now = clock.now().nanoseconds * 1e-9 - begin
        step = int(now * 30)
        if step > sent:
            late = max(late, now - (sent + 1) / 30)
            sent = step
            window = step / 30 + 0.06 + grid
            out.publish(builder.fill(begin + window[0], window - window[0], *reference(window)))
        return sent >= 45

    probe.wait(feed)
    times = np.array([seconds(m.header.stamp) - begin for m in states])
    return late, times, np.array([m.position for m in states])


@pytest.mark.parametrize("distro", ["humble", "newest"])
def test_windows_are_followed(probe, start, distro):
    robot = start("sim_robot_node", distro=distro, allow_nonzero_velocity_at_trajectory_end=True, **SMALL)
    states = probe.collect(JointState, "joint_states")
    out = probe.node.create_publisher(JointTrajectory, "arm_controller/joint_trajectory", 10)
    probe.wait(lambda: states and out.get_subscription_count())
    for _ in range(3):
        late, times, position = follow(probe, out, states)
        if late < 0.04 and np.diff(times).max() < 0.05:
            break
    else:
        pytest.skip("this machine is too busy to send windows in time")
    inside = (times > 0.3) & (times < 1.4)
    assert inside.sum() > 40
    shifts = np.linspace(-0.002, 0.002, 17)
    errors = np.stack([np.abs(position - reference(times - d)[0])[inside] for d in shifts])
    assert errors.min(axis=0).max() < 1e-3
    assert states[0].name == list(ARM)
    assert robot.stop() == 0
    assert "0 not finite; refused: none" in robot.output


def test_refusals_are_logged_and_counted(probe, start):
    robot = start("sim_robot_node", distro="jazzy", **SMALL)
    states = probe.collect(JointState, "joint_states")
    out = probe.node.create_publisher(JointTrajectory, "arm_controller/joint_trajectory", 10)
    good, zero = np.array([0.1, 0.2]), np.zeros((2, 2))
    builder = TrajectoryMessage(ARM, [0, 1])
    known = [builder.fill(None, good, zero + 0.1, zero, zero)]
    said = probe.say(out, known, lambda: states and list(states[-1].position) == [0.1, 0.1])
    out.publish(builder.fill(None, good, zero, zero + 0.5))
    out.publish(builder.fill(5.0, good, zero))
    out.publish(builder.fill(None, good[::-1].copy(), zero))
    out.publish(TrajectoryMessage(ARM[:1], [0]).fill(None, good, zero))
    out.publish(builder.fill(None, good, zero + np.nan))
    out.publish(builder.fill(None, good, zero + 0.25, zero, zero))
    probe.wait(lambda: list(states[-1].position) == [0.25, 0.25])
    assert robot.stop() == 0
    accepted, late = re.search(r"(\d+) trajectories accepted, (\d+) of them late, 1 not finite", robot.output).groups()
    assert 3 <= int(accepted) <= 2 + said
    assert late == "0"
    assert "refused: 1 end_velocity, 1 joints, 1 past, 1 time" in robot.output
    assert "[arm_controller]: rejected (end_velocity): the last point's velocity of shoulder is 0.5" in robot.output


def test_controllers_answer_for_their_parameters(probe, start, demo_urdf):
    if not demo_urdf.is_file():
        pytest.skip("the demo humanoid is not in this checkout")
    robot = start("sim_robot_node", "-r", "__node:=my_robot", "-r", "__ns:=/r1", urdf=demo_urdf, distro="humble")
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    description = probe.collect(String, "/r1/robot_description", latched)
    states = probe.collect(JointState, "/r1/joint_states")
    names = ["joints", "open_loop_control", "allow_nonzero_velocity_at_trajectory_end"]
    request = GetParameters.Request(names=names)
    answer = probe.call(GetParameters, "/r1/head_controller/get_parameters", request, again=3.0)
    assert tuple(answer.values[0].string_array_value) == DEMO_CONTROLLERS["head_controller"]
    assert [v.bool_value for v in answer.values[1:]] == [True, True]
    probe.wait(lambda: states and description)
    urdf = ET.fromstring(description[0].data)
    movable = {j.get("name") for j in urdf.findall("joint") if j.get("type") != "fixed" and j.find("mimic") is None}
    assert set(states[0].name) == movable
    assert robot.stop() == 0


def test_bad_parameters(start):
    cases = [
        ({"distro": "foxy"}, "parameter distro 'foxy' is unknown; it must be one of: humble, jazzy, kilted, newest"),
        ({"controllers": "[other_controller]"}, "controller other_controller has no joints"),
        ({"controllers": "[a, b]", "a__joints": "[x]", "b__joints": "[x]"}, "joint x belongs to both a and b"),
        ({"urdf": "/no/such.urdf"}, "URDF file /no/such.urdf does not exist"),
    ]
    for process, (_, sentence) in zip([start("sim_robot_node", **p) for p, _ in cases], cases, strict=True):
        assert process.wait(30.0) in (4, 5)
        assert sentence in process.output
        assert "Traceback" not in process.output
