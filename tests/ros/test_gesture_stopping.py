"""How it ends: signals, death in mid-gesture."""

from __future__ import annotations

import signal

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from gesture_rig import Speaker, Watch, assert_stops, rest_pose
from rclpy.serialization import deserialize_message
from trajectory_msgs.msg import JointTrajectory

from speech_gesture_pkg.evaluation.promise import urdf_limits
from speech_gesture_pkg.nodes.clock import seconds
from speech_gesture_pkg.nodes.sim_robot_node import DEMO_CONTROLLERS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name)
def test_ended_in_mid_gesture(probe, start, demo_urdf, number):
    start("sim_robot_node")
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf)
    watch = Watch(probe)
    windows = {n: probe.collect(JointTrajectory, f"/{n}/joint_trajectory", raw=True) for n in DEMO_CONTROLLERS}
    Speaker(probe)
    probe.wait(watch.moving, 20.0)
    assert gesture.stop(number) == (-9 if number == signal.SIGKILL else 0)
    died = probe.node.get_clock().now().nanoseconds * 1e-9
    probe.wait(lambda: watch.still(since=died))
    for received in windows.values():
        assert_stops(deserialize_message(received[-1], JointTrajectory))
    # whatever was under way ended by itself, inside the limits of the URDF
    limits = urdf_limits(demo_urdf.read_text())
    lower, upper, speed = (np.array([limits[j][k] for j in watch.states[0].name]) for k in range(3))
    q = np.array([m.position for m in watch.states[1:]])
    assert ((q >= lower - 1e-6) & (q <= upper + 1e-6)).all()
    # over 30 ms: a controller bends a window that comes in the last moment (a busy machine) into the motion under way
    time = np.array([seconds(m.header.stamp) for m in watch.states[1:]])
    ratio = np.abs(q[3:] - q[:-3]) / (time[3:] - time[:-3])[:, None] / speed
    k, j = np.unravel_index(ratio.argmax(), ratio.shape)
    assert ratio.max() <= 1.05, f"{watch.states[0].name[j]} at {ratio.max():.3f} of its speed, {time[k] - died:.3f} s"
    if number == signal.SIGKILL:
        moved = [m for m, a, b in zip(watch.states[1:], q[:-1], q[1:], strict=False) if np.abs(a - b).max() > 1e-6]
        assert seconds(moved[-1].header.stamp) - died < 1.5
    else:
        assert max(abs(watch.positions()[j] - rest) for j, rest in rest_pose().items()) < 0.02
    assert "Traceback" not in gesture.output
