"""QoS that does not match: an ERROR that names the policies."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from gesture_rig import ARM, BEST_EFFORT, FakeRobot, Watch, change, one_arm, told
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import String

ROW = "QoS mismatch"
DURABILITY = "incompatible QoS durability (publisher VOLATILE, subscription TRANSIENT_LOCAL)"


def test_policies_that_do_not_match_are_named(fault, probe, start, demo_urdf):
    """The robot description by a publisher that is not latched; a controller that wants latched trajectories."""
    gesture = one_arm(start, robot__description_timeout=0.5, controllers__discovery_timeout=1.0)
    watch = Watch(probe)
    volatile = probe.node.create_publisher(String, "/robot_description", 1)
    volatile.publish(String(data=demo_urdf.read_text()))
    probe.wait(lambda: not change(probe, "configure") and DURABILITY in gesture.output)
    assert told(gesture.output, "[ERROR]", "/robot_description cannot be received from /probe", DURABILITY)
    probe.node.destroy_publisher(volatile)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL, reliability=ReliabilityPolicy.RELIABLE)
    publisher = probe.node.create_publisher(String, "/robot_description", latched)
    publisher.publish(String(data=demo_urdf.read_text()))
    probe.wait(lambda: change(probe, "configure"))

    robot = FakeRobot(probe, "my_arm", ARM, qos=latched)
    robot.publishing = True
    probe.wait(lambda: not change(probe, "activate") and told(gesture.output, "[ERROR]", "/probe cannot hear /my_arm"))
    assert told(gesture.output, "/probe cannot hear /my_arm/joint_trajectory", DURABILITY)
    probe.wait(lambda: "cannot hear" in watch.values.get("message", ""))
    assert not robot.windows
    robot.leave()
    robot.listen(BEST_EFFORT)
    probe.wait(lambda: change(probe, "activate"))
    probe.wait(lambda: robot.windows)
    assert gesture.stop() == 0
    text = "configure or activate fails with a sentence that names node, topic and policies"
    fault.note("a description that is not latched, a controller that wants it latched", text, "never starts")


def test_joint_states_of_any_reliability_are_heard(probe, start, demo_urdf):
    """Drivers often publish them as sensor data (BEST_EFFORT)."""
    gesture = one_arm(start, autostart=True, robot__urdf=demo_urdf)
    robot = FakeRobot(probe, "my_arm", ARM, state_qos=BEST_EFFORT)
    robot.publishing = True
    probe.wait(lambda: robot.windows, 20.0)
    assert gesture.stop() == 0
