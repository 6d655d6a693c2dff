"""No controller subscribed: stay inactive, WARN, retry; one that goes while running stops the robot."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from gesture_rig import ARM, NODE, FakeRobot, Promise, Watch, change, lifecycle, one_arm, told
from trajectory_msgs.msg import JointTrajectory

ROW = "no controller subscribed"


def test_waits_for_a_controller_and_stops_when_it_goes(fault, probe, start, demo_urdf):
    """Nobody there; then a controller without joint states; then all is well; then it goes, and comes back."""
    gesture = one_arm(start, autostart=True, robot__urdf=demo_urdf, controllers__discovery_timeout=0.5)
    watch = Watch(probe)
    warned = lambda *parts: told(gesture.output, "[WARN]", "staying inactive", *parts)  # noqa: E731
    probe.wait(lambda: warned("no controller listens on /my_arm/joint_trajectory"))
    assert lifecycle(probe) == "inactive"
    probe.wait(lambda: watch.values.get("lifecycle") == "inactive" and "no controller" in watch.values["message"])
    assert watch.values["level"] == "1"

    robot = FakeRobot(probe, "my_arm", ARM)
    promise = Promise(probe, demo_urdf.read_text(), ("my_arm",))
    probe.wait(lambda: warned("no joint states of right_elbow", "on /joint_states within 0.5 s"))
    assert not robot.windows
    robot.publishing = True
    probe.wait(lambda: robot.windows, 15.0)
    assert list(robot.windows[0].joint_names) == list(ARM)
    watch.until_state("idle", "approaching", "gesturing")

    began = watch.now()
    robot.leave()
    promise.leave()
    probe.wait(lambda: told(gesture.output, "[ERROR]", "no controller listens on /my_arm/joint_trajectory any more"))
    told_after = watch.now() - began
    probe.wait(lambda: watch.values["level"] == "2" and watch.values["state"] == "inactive")
    robot.listen()
    promise.forget()  # a robot in the hands of nobody: its way goes on from where it stands
    promise.listen()
    probe.wait(lambda: robot.windows)
    watch.until_state("idle", "approaching", "gesturing")
    assert gesture.stop() == 0
    assert "Traceback" not in gesture.output
    fault.note("no controller at the start", "stays inactive, WARN, retries until there is one", "never starts")
    fault.note(
        "the controller goes while running", "told; nothing more is sent; approached anew", told_after, promise.kept()
    )


def test_no_controller_anywhere(probe, start, demo_urdf):
    """Without names, every controller of the node's own namespace counts; those of other robots are told."""
    gesture = start("gesture_node", "-r", "__ns:=/robot1", robot__urdf=demo_urdf, controllers__discovery_timeout=0.5)
    probe.node.create_subscription(JointTrajectory, "/robot2/arm/joint_trajectory", lambda _: None, 10)
    node = f"/robot1{NODE}"
    assert change(probe, "configure", node)
    assert not change(probe, "activate", node)
    probe.wait(lambda: told(gesture.output, "[WARN]", "no trajectory controller found in namespace /robot1"))
    probe.wait(lambda: not change(probe, "activate", node) and "/robot2/arm" in gesture.output, 15.0)
    assert gesture.stop() == 0
