"""No controller subscribed, or none to be commanded: stay inactive, WARN, retry; one that goes stops the robot."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from gesture_rig import ARM, NODE, FakeRobot, Guarantees, Speaker, Watch, change, lifecycle, one_arm, told
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory

from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey
from speech_gesture_pkg.ros.sim_robot_node import DEMO_CONTROLLERS

ROW = "no controller subscribed"


def test_waits_for_a_controller_and_stops_when_it_goes(fault, probe, start, demo_urdf):
    """Nobody there; then a controller without joint states; then all is well; then it goes, and comes back."""
    gesture = one_arm(start, autostart=True, robot__urdf=demo_urdf, controllers__discovery_timeout=0.5)
    watch = Watch(probe)
    warned = lambda *parts: told(gesture.output, "[WARN]", "staying inactive", *parts)  # noqa: E731
    probe.wait(lambda: warned("no controller listens on /my_arm/joint_trajectory"))
    assert lifecycle(probe) == "inactive"
    probe.wait(
        lambda: watch.values.get(DiagnosticKey.LIFECYCLE) == "inactive" and "no controller" in watch.values["message"]
    )
    assert watch.values["level"] == "1"

    robot = FakeRobot(probe, "my_arm", ARM)
    guarantees = Guarantees(probe, demo_urdf.read_text(), ("my_arm",))
    probe.wait(lambda: warned("no joint states of right_elbow", "on /joint_states within 0.5 s"))
    assert not robot.windows
    robot.publishing = True
    probe.wait(lambda: robot.windows, 15.0)
    assert list(robot.windows[0].joint_names) == list(ARM)
    watch.until_state("idle", "approaching", "gesturing")

    began = watch.now()
    robot.leave()
    guarantees.leave()
    probe.wait(lambda: told(gesture.output, "[ERROR]", "no controller listens on /my_arm/joint_trajectory any more"))
    told_after = watch.now() - began
    probe.wait(lambda: watch.values["level"] == "2" and watch.values[DiagnosticKey.STATE] == "inactive")
    robot.listen()
    guarantees.forget()  # a robot in the hands of nobody: its way goes on from where it stands
    guarantees.listen()
    probe.wait(lambda: robot.windows)
    watch.until_state("idle", "approaching", "gesturing")
    assert gesture.stop() == 0
    assert "Traceback" not in gesture.output
    fault.note("no controller at the start", "stays inactive, WARN, retries until there is one", "never starts")
    fault.note(
        "the controller goes while running",
        "reported; nothing more is sent; motion restarts slowly",
        told_after,
        guarantees.kept(),
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


def listener(probe: Any, kind: type, name: str, topic: str, joints: tuple[str, ...] = ()) -> list[JointTrajectory]:
    """A node that listens to trajectories, spun with the probe; what it hears."""
    node = kind(name, context=probe.context, use_global_arguments=False)
    if joints:
        node.declare_parameter("joints", list(joints))
    heard: list[JointTrajectory] = []
    node.create_subscription(JointTrajectory, topic, heard.append, 10)
    probe._executor.add_node(node)
    probe.at_close.append(node.destroy_node)
    return heard


def test_only_controllers_that_gesture_and_drive_their_joints_are_commanded(fault, probe, start, demo_urdf):
    """A lift, a plotter, a recorder, a second controller of the right arm that is not active, and one of
    strange joints: the robot gestures, they get nothing (the recorder hears what it records), and each is named."""
    guarantees = Guarantees(probe, demo_urdf.read_text())
    nothing = [
        listener(probe, Node, "lift_controller", "/lift_controller/joint_trajectory", ("lift",)),
        listener(probe, Node, "plotter", "/plot/joint_trajectory"),
        listener(probe, Node, "odd", "/odd/joint_trajectory", ("waist_yaw", "tail")),
        listener(probe, LifecycleNode, "arm_effort", "/arm_effort/joint_trajectory", ARM),
    ]
    recorded = listener(probe, Node, "recorder", "/right_arm_controller/joint_trajectory")
    start("sim_robot_node")
    gesture = start("gesture_node", robot__urdf=demo_urdf)
    watch = Watch(probe)
    Speaker(probe)
    assert change(probe, "configure")  # it answers: it has discovered us and our listeners
    probe.wait(lambda: set(DEMO_CONTROLLERS) <= set(probe.node.get_node_names()), 20.0)
    assert change(probe, "activate")
    probe.wait(watch.moving, 30.0)
    assert told(gesture.output, "commanding", *(f"{n} ({len(j)} joints)" for n, j in DEMO_CONTROLLERS.items()))
    for sentence in (
        ("[INFO]", "controller lift_controller gets no commands"),
        ("[WARN]", "plot is left out", "/plotter listens", "controllers.names"),
        ("[WARN]", "odd is left out: the URDF has no actuated joint tail", "controllers.names"),
        ("[WARN]", "arm_effort is left out: it is not active", "controllers.names"),
    ):
        assert told(gesture.output, *sentence), gesture.output
    assert recorded
    assert not any(nothing)
    fault.note(
        "lift, plotter, inactive second controller, unknown joint",
        "the robot gestures; they get nothing; each is named",
        "starts as always",
        guarantees.kept(),
    )
    assert gesture.stop() == 0


def test_a_controller_that_comes_back_with_fewer_joints_is_not_commanded(fault, probe, start, demo_urdf):
    """The robot's driver restarts with another configuration."""
    head = DEMO_CONTROLLERS["head_controller"]
    robot = start("sim_robot_node")
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf)
    watch = Watch(probe)
    Speaker(probe)
    probe.wait(watch.moving, 30.0)
    robot.stop()
    probe.wait(lambda: told(gesture.output, "[ERROR]", "no controller listens on", "any more: braking"))
    windows = probe.collect(JointTrajectory, "/left_arm_controller/joint_trajectory")
    restarted = start("sim_robot_node", head_controller__joints=f"[{', '.join(head[:-1])}]")
    sentence = f"controller head_controller has come back without {head[-1]}"
    probe.wait(lambda: told(gesture.output, "[ERROR]", sentence, "deactivate and activate"), 20.0)
    probe.wait(lambda: watch.values["level"] == "2" and sentence in watch.values["message"])
    assert not windows
    assert "rejected" not in restarted.output
    restarted.stop()
    start("sim_robot_node")
    probe.wait(watch.moving, 30.0)
    assert gesture.stop() == 0
    assert "Traceback" not in gesture.output
    fault.note(
        "a controller restarts with fewer joints", "its joints are named, nothing is sent until they fit", "stands", 0
    )
