"""Another trajectory publisher: refuse to activate; running: brake and ERROR."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from action_msgs.msg import GoalStatus, GoalStatusArray
from gesture_rig import Guarantees, Speaker, Watch, last_moved, lifecycle, told
from rclpy.qos import DurabilityPolicy, QoSProfile
from trajectory_msgs.msg import JointTrajectory

ROW = "another trajectory publisher"
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
TOPIC = "/right_arm_controller/joint_trajectory"


def test_only_one_may_command_the_robot(fault, probe, start, demo_urdf):
    guarantees = Guarantees(probe, demo_urdf.read_text())
    other = probe.node.create_publisher(JointTrajectory, TOPIC, 10)
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf)
    assert lifecycle(probe) in ("unconfigured", "inactive")  # it answers: it has discovered us and our publisher
    start("sim_robot_node")
    watch = Watch(probe)
    Speaker(probe)
    probe.wait(lambda: told(gesture.output, "[WARN]", f"/probe publishes on {TOPIC}", "staying inactive"), 20.0)
    assert lifecycle(probe) == "inactive"
    assert guarantees.check.report.messages == 0
    fault.note(
        "somebody else publishes trajectories at the start", "refuses to activate, WARN, retries", "never starts"
    )
    probe.node.destroy_publisher(other)
    probe.wait(watch.moving, 30.0)

    began = watch.now()
    other = probe.node.create_publisher(JointTrajectory, TOPIC, 10)
    probe.wait(lambda: told(gesture.output, "[ERROR]", f"/probe publishes on {TOPIC}", "braking"))
    probe.wait(lambda: watch.values["level"] == "2" and "/probe" in watch.values["message"])
    probe.wait(lambda: watch.still(since=began))
    safe = last_moved(watch.states) - began
    sent, count = guarantees.kept(), len(watch.diagnostics)
    probe.wait(lambda: len(watch.diagnostics) > count + 1)
    assert guarantees.kept() == sent, "two must not command one controller"
    probe.node.destroy_publisher(other)
    probe.wait(watch.moving, 30.0)
    windows = guarantees.kept()
    assert gesture.stop() == 0
    assert "Traceback" not in gesture.output
    text = "reported within a second; brakes, sends nothing; restarts slowly when the other one is gone"
    fault.note("somebody else begins to publish in mid-gesture", text, safe, windows)


def test_an_action_goal_is_another_commander(fault, probe, start, demo_urdf):
    """Running at the start: no start. Begun in mid-gesture: brakes, and goes on when it has ended."""
    guarantees = Guarantees(probe, demo_urdf.read_text())
    publisher = probe.node.create_publisher(
        GoalStatusArray, "/left_arm_controller/follow_joint_trajectory/_action/status", LATCHED
    )

    def goal(status: int) -> None:
        publisher.publish(GoalStatusArray(status_list=[GoalStatus(status=status)]))

    goal(GoalStatus.STATUS_EXECUTING)
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf)
    assert lifecycle(probe) in ("unconfigured", "inactive")  # it answers: it has discovered us and our publisher
    start("sim_robot_node")
    watch = Watch(probe)
    Speaker(probe)
    sentence = "an action goal (follow_joint_trajectory) commands left_arm_controller"
    probe.wait(lambda: told(gesture.output, "[WARN]", sentence, "staying inactive"), 20.0)
    assert lifecycle(probe) == "inactive"
    assert guarantees.check.report.messages == 0
    goal(GoalStatus.STATUS_SUCCEEDED)
    probe.wait(watch.moving, 30.0)

    began = watch.now()
    goal(GoalStatus.STATUS_ACCEPTED)
    probe.wait(lambda: told(gesture.output, "[ERROR]", sentence, "braking"))
    probe.wait(lambda: told(gesture.output, "-> inactive", f"({sentence})"))
    probe.wait(lambda: watch.still(since=began))
    safe = last_moved(watch.states) - began
    sent = guarantees.kept()
    probe.wait(lambda: watch.values["level"] == "2" and sentence in watch.values["message"])
    assert guarantees.kept() == sent, "a message on the topic would end the goal"
    goal(GoalStatus.STATUS_CANCELED)
    probe.wait(watch.moving, 30.0)
    assert gesture.stop() == 0
    text = "at the start: refuses, WARN, retries; later: reported, brakes, sends nothing, goes on when it has ended"
    fault.note("an action goal on one controller", text, safe, guarantees.kept())
