"""viewer_node: what is published arrives on the page; it starts, refuses and stops as it should."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
pytest.importorskip("viser", reason="viser is not installed; install the extra `viewer`")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Quaternion, Transform, Vector3
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState, MultiDOFJointState
from std_msgs.msg import Int16MultiArray, String
from visualization_msgs.msg import Marker, MarkerArray

from speech_gesture_pkg.motion.parts import ARKIT_INDEX
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, JOINT_NAMES
from speech_gesture_pkg.outside_text import as_markdown
from speech_gesture_pkg.ros.viewer_node import ViewerNode, rotations_from


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture
def viewer() -> Iterator[tuple[ViewerNode, SingleThreadedExecutor]]:
    rclpy.init(args=["--ros-args", "-p", f"port:={free_port()}"])
    node = ViewerNode()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    yield node, executor
    node.close()
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown()


def smplx(z_angle: float, joint: str = "left_shoulder") -> MultiDOFJointState:
    msg = MultiDOFJointState(joint_names=list(JOINT_NAMES))
    msg.transforms = [Transform(rotation=Quaternion(w=1.0)) for _ in JOINT_NAMES]
    turn = msg.transforms[JOINT_INDEX[joint]].rotation
    turn.z, turn.w = float(np.sin(z_angle / 2)), float(np.cos(z_angle / 2))
    msg.transforms[0].translation = Vector3(x=0.1, y=0.2, z=0.3)
    return msg


def test_quaternions_become_rotation_matrices():
    local, root = rotations_from(smplx(0.7))
    c, s = np.cos(0.7), np.sin(0.7)
    np.testing.assert_allclose(local[JOINT_INDEX["left_shoulder"]], [[c, -s, 0], [s, c, 0], [0, 0, 1]], atol=1e-12)
    np.testing.assert_allclose(local[JOINT_INDEX["head"]], np.eye(3), atol=1e-12)
    np.testing.assert_allclose(root, [0.1, 0.2, 0.3])


def test_unusable_poses_are_left_out():
    broken = smplx(0.1)
    broken.transforms[3].rotation.x = float("nan")
    assert rotations_from(broken) is None
    broken.transforms[3].rotation = Quaternion(x=0.0, y=0.0, z=0.0, w=0.0)
    assert rotations_from(broken) is None
    assert rotations_from(MultiDOFJointState()) is None


def test_everything_published_is_shown(viewer, probe, demo_urdf):
    node, executor = viewer
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    make = probe.node.create_publisher
    make(String, "robot_description", latched).publish(String(data=demo_urdf.read_text()))
    outs = {
        make(JointState, "joint_states", 10): JointState(name=["left_elbow", "nobody"], position=[-0.9, 1.0]),
        make(MultiDOFJointState, "speech_gesture/smplx", 10): smplx(0.5),
        make(JointState, "speech_gesture/face", 10): JointState(name=["jawOpen"], position=[0.6]),
        make(MarkerArray, "speech_gesture/markers", 10): MarkerArray(
            markers=[Marker(ns="gesture_phase", text="stroke")]
        ),
        make(DiagnosticArray, "/diagnostics", 10): DiagnosticArray(
            status=[
                DiagnosticStatus(
                    name="speech_gesture", message="ACTIVE", values=[KeyValue(key="latency p50 [ms]", value="61")]
                ),
                DiagnosticStatus(name="another", message="<iframe srcdoc='<script>alert(1)</script>'></iframe>"),
            ]
        ),
        make(Int16MultiArray, "audio", 10): Int16MultiArray(data=[20000] * 320),
    }

    def publish_and_spin() -> None:
        for publisher, message in outs.items():
            publisher.publish(message)
        for _ in range(8):
            executor.spin_once(timeout_sec=0.005)

    def shown() -> bool:
        publish_and_spin()
        text = node.page._status.content
        return (
            node.page.robot is not None
            and node._pose is not None
            and node._face[ARKIT_INDEX["jawOpen"]] == 0.6
            and node._strip._phase[-1] == 2
            and node._strip._level.max() > 0.5
            and "ACTIVE" in text
            and f"| {as_markdown('latency p50 [ms]')} | 61 |" in text
            and "srcdoc" in text
            and "<" not in text
            and "waiting for" not in text
        )

    probe.wait(shown, 15.0)
    robot, drawn = node.page._robot
    hand = robot.link_names.index("left_hand")
    np.testing.assert_allclose(drawn._last[hand], robot.transforms({"left_elbow": -0.9})[hand], atol=1e-6)
    assert node.page._human is not None


def test_a_bad_description_is_not_fatal(viewer):
    node, _ = viewer
    node._on_description(String(data="<robot"))
    assert node.page.robot is None


def test_process_serves_its_page_and_ends_with_sigint(probe, start, demo_urdf):
    process = start("viewer_node", port=free_port(), urdf=demo_urdf)
    probe.wait(lambda: "live view: http://127.0.0.1:" in process.output, 20.0)
    url = process.output.split("live view: ")[1].split()[0]
    assert urllib.request.urlopen(url, timeout=5.0).status == 200
    assert process.stop() == 0


def test_wrong_parameters_are_refused_by_name(start, tmp_path):
    missing = start("viewer_node", urdf=tmp_path / "none.urdf")
    mistyped = start("viewer_node", prot=8081)
    assert missing.wait() == 5
    assert "none.urdf does not exist" in missing.output
    assert mistyped.wait() == 4
    assert "'prot'" in mistyped.output
