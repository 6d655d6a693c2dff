"""What gesture_node refuses, in one sentence: at start, at configure, at activate."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from gesture_rig import NODE, FakeRobot, Watch, change, lifecycle, set_parameter, told
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory

from speech_gesture_pkg.nodes.sim_robot_node import DEMO_CONTROLLERS

ARM = DEMO_CONTROLLERS["right_arm_controller"]


def test_configuring_fails_with_one_sentence(start, demo_urdf, tmp_path):
    bare = tmp_path / "bare.urdf"
    bare.write_text(re.sub(r"<limit [^>]*>", "", demo_urdf.read_text()))
    no_robot = {"robot__description_timeout": 0.5}
    cases = [
        ({"robot__urdf": bare}, 5, ("bare.urdf", "limit", "shoulder")),
        ({"robot__urdf": tmp_path / "none.urdf"}, 5, ("none.urdf", "does not exist")),
        ({"robot__urdf": demo_urdf, "generator__name": "foo"}, 4, ("generator", "'foo' is unknown", "prosody")),
        ({"robot__urdf": demo_urdf, "style__amplitud": 1}, 4, ("'style.amplitud' is unknown", "style.amplitude")),
        ({"robot__urdf": demo_urdf, "style__amplitude": "big"}, 4, ("style.amplitude", "'big'", "type float")),
        ({"robot__urdf": demo_urdf, "style__amplitude": 3}, 4, ("style.amplitude is 3", "[0.0, 2.0]")),
        ({"robot__urdf": demo_urdf, "sync__mode": "fast"}, 4, ("sync.mode", "'fast' is unknown", "live, stamp, delay")),
        ({"robot__urdf": demo_urdf, "audio__sample_format": "mp3"}, 4, ("audio.sample_format", "'mp3' is unknown")),
        ({"robot__urdf": demo_urdf, "audio__message_type": "std_msgs/msg/String"}, 4, ("is unknown", "Int16Multi")),
        (no_robot, 5, ("robot.urdf is empty", "/robot_description within 0.5 s")),
        ({"autostart": "perhaps"}, 4, ("autostart", "type")),
    ]
    for first in range(0, len(cases), 4):  # a few at a time, or they all get slow
        some = cases[first : first + 4]
        processes = [start("gesture_node", **({"autostart": True} | params)) for params, _, _ in some]
        for process, (_, code, parts) in zip(processes, some, strict=True):
            assert process.wait(30.0) == code, process.output
            assert told(process.output, *parts), process.output
            assert "Traceback" not in process.output
            assert len(process.output.strip().splitlines()) == 1, process.output


def test_a_configure_that_failed_can_be_mended(probe, start, demo_urdf):
    gesture = start("gesture_node", robot__description_timeout=0.3, style__amplitude="big")
    watch = Watch(probe)
    assert not change(probe, "configure")
    assert lifecycle(probe) == "unconfigured"
    assert "style.amplitude is 'big'" in gesture.output
    probe.wait(lambda: "style.amplitude" in watch.values.get("message", ""))
    assert set_parameter(probe, "style.amplitude", 1.5) == ""
    assert not change(probe, "configure")
    assert "nothing came on /robot_description" in gesture.output
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    publisher = probe.node.create_publisher(String, "/robot_description", latched)
    publisher.publish(String(data="<robot"))
    assert not change(probe, "configure")
    publisher.publish(String(data=demo_urdf.read_text()))
    assert change(probe, "configure")
    assert set_parameter(probe, "robot.urdf", str(demo_urdf)) != ""
    assert gesture.stop() == 0
    assert "Traceback" not in gesture.output


@pytest.mark.slow
def test_waits_for_controllers_and_joint_states_and_refuses_company(probe, start, demo_urdf):
    """Nobody there; then a controller without joint states; then another commander; then all is well; then company."""
    timing = {"controllers__discovery_timeout": 0.5, "robot__strict": False}
    gesture = start(
        "gesture_node",
        autostart=True,
        robot__urdf=demo_urdf,
        controllers__names="[my_arm]",
        controllers__my_arm__joints=f"[{', '.join(ARM)}]",
        **timing,
    )
    watch = Watch(probe)
    warned = lambda *parts: told(gesture.output, "[WARN]", "staying inactive", *parts)  # noqa: E731
    probe.wait(lambda: warned("no controller listens on /my_arm/joint_trajectory"))
    assert lifecycle(probe) == "inactive"
    probe.wait(lambda: watch.values.get("lifecycle") == "inactive" and "no controller" in watch.values["message"])

    robot = FakeRobot(probe, "my_arm", ARM)
    probe.wait(lambda: warned("no joint states of right_elbow", "on /joint_states within 0.5 s"))
    other = probe.node.create_publisher(JointTrajectory, "/my_arm/joint_trajectory", 10)
    probe.wait(lambda: warned("/probe publishes on /my_arm/joint_trajectory"))
    assert not change(probe, "activate")
    probe.node.destroy_publisher(other)
    assert not robot.windows
    robot.publishing = True
    probe.wait(lambda: robot.windows, 15.0)
    assert list(robot.windows[0].joint_names) == list(ARM)
    watch.until_state("idle", "approaching", "gesturing")

    other = probe.node.create_publisher(JointTrajectory, "/my_arm/joint_trajectory", 10)
    probe.wait(lambda: told(gesture.output, "[ERROR]", "/probe publishes on /my_arm/joint_trajectory", "braking"))
    probe.wait(lambda: watch.values["level"] == "2")
    del robot.windows[:]
    count = len(watch.diagnostics)
    probe.wait(lambda: len(watch.diagnostics) > count + 1)
    assert not robot.windows, "two must not command one controller"
    probe.node.destroy_publisher(other)
    probe.wait(lambda: robot.windows)

    robot.publishing = False  # joint states stop
    probe.wait(lambda: told(gesture.output, "[ERROR]", "no complete joint state for 0.5 s: braking"))
    watch.until_state("braking")
    del robot.windows[:]
    count = len(watch.diagnostics)
    probe.wait(lambda: len(watch.diagnostics) > count + 1)
    assert not robot.windows
    robot.publishing = True
    probe.wait(lambda: robot.windows)
    assert gesture.stop() == 0
    assert "Traceback" not in gesture.output


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
