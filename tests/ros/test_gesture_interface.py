"""gesture_node beside a simulated robot: interface, the guarantees on what was recorded, lifecycle, live parameters."""

from __future__ import annotations

import time
from itertools import pairwise
from statistics import median

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from gesture_rig import Speaker, Watch, assert_stops, change, lifecycle, rest_pose, set_parameter
from sensor_msgs.msg import JointState, MultiDOFJointState
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import MarkerArray

from speech_gesture_pkg.bags.messages import read_bag
from speech_gesture_pkg.bags.reader import Bag
from speech_gesture_pkg.motion.parts import ARKIT_NAMES
from speech_gesture_pkg.motion.skeleton import JOINT_NAMES
from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey
from speech_gesture_pkg.ros.sim_robot_node import DEMO_CONTROLLERS
from speech_gesture_pkg.verification.motion_guarantees import check_guarantees

TOPICS = {
    "/audio": "std_msgs/msg/Int16MultiArray",
    "/joint_states": "sensor_msgs/msg/JointState",
    "/speech_gesture/smplx": "sensor_msgs/msg/MultiDOFJointState",
    "/speech_gesture/face": "sensor_msgs/msg/JointState",
    "/speech_gesture/markers": "visualization_msgs/msg/MarkerArray",
    "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
} | {f"/{name}/joint_trajectory": "trajectory_msgs/msg/JointTrajectory" for name in DEMO_CONTROLLERS}
"""docs/interface.md, for the demo humanoid."""

FIGURES = (
    *("state", "lifecycle", "generator", "real-time factor", "latency p50 [ms]", "latency p99 [ms]", "limited [%]"),
    *("motion after sound [ms]", "look-ahead [ms]", "frames", "late frames", "windows", "faults", "resets"),
)


def test_interface_and_guarantees(probe, start, demo_urdf, tmp_path, pulse):
    start("sim_robot_node")
    recorder = start("recorder", out=tmp_path / "bag")
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf)
    watch, speaker = Watch(probe), Speaker(probe)
    watch.until_state("gesturing")
    probe.wait(lambda: "recording /diagnostics" in recorder.output, 20.0)
    reports = len(watch.diagnostics)
    probe.wait(lambda: float(watch.values.get(DiagnosticKey.FRAMES, 0)) > 60 and len(watch.diagnostics) > reports + 3)
    values = watch.values
    speaker.stop()
    assert gesture.stop() == 0
    probe.wait(watch.still)
    assert recorder.stop() == 0

    with Bag(tmp_path / "bag") as bag:
        assert {t.name: t.type_name for t in bag.topics}.items() >= TOPICS.items()
    report = check_guarantees(tmp_path / "bag", demo_urdf.read_text())
    assert report.kept, report.examples
    assert len(report.moving) > 12
    last = {}
    for message in read_bag(tmp_path / "bag", types=(TOPICS["/head_controller/joint_trajectory"],)):
        assert tuple(message.data.joint_names) == DEMO_CONTROLLERS[message.topic.split("/")[1]]
        last[message.topic] = message.data
    assert len(last) == len(DEMO_CONTROLLERS)
    for window in last.values():
        assert_stops(window)
    for message in read_bag(tmp_path / "bag", topics=("/speech_gesture/smplx", "/speech_gesture/face")):
        if message.topic.endswith("smplx"):
            assert set(JOINT_NAMES) <= set(message.data.joint_names)
        else:
            assert set(ARKIT_NAMES) <= set(message.data.name)

    assert set(DiagnosticKey) <= set(values)
    assert values["level"] == "0", values
    assert float(values[DiagnosticKey.REAL_TIME_FACTOR]) > 2
    assert float(values[DiagnosticKey.LATENCY_P50]) < 40 + 2e3 * pulse.stall()
    # The first report may be overdue (configuring takes longer than a second); the others keep to the beat.
    times = [m.received for m in read_bag(tmp_path / "bag", topics=("/diagnostics",))][1:]
    gaps = [after - before for before, after in pairwise(times)]
    assert median(gaps) == pytest.approx(1.0, abs=0.1 + pulse.stall())
    assert max(gaps) < 1.1 + pulse.stall()


@pytest.mark.slow
def test_lifecycle_by_services(probe, start, demo_urdf):
    start("sim_robot_node")
    gesture = start("gesture_node", robot__urdf=demo_urdf)
    watch, speaker = Watch(probe), Speaker(probe)
    windows = probe.collect(JointTrajectory, "/right_arm_controller/joint_trajectory")
    for kind, name in ((MultiDOFJointState, "smplx"), (JointState, "face"), (MarkerArray, "markers")):
        probe.collect(kind, f"/speech_gesture/{name}")
    assert lifecycle(probe) == "unconfigured"
    answer = probe.call(SetBool, "/speech_gesture/pause", SetBool.Request(data=True))
    assert (answer.success, answer.message) == (False, "nothing to pause: the node is unconfigured")
    assert change(probe, "configure")
    assert lifecycle(probe) == "inactive"
    assert "is fixed once the node is configured" in set_parameter(probe, "generator.name", "prosody")
    for _ in range(2):
        assert change(probe, "activate")
        probe.wait(watch.moving, 20.0)
        assert windows
        assert change(probe, "deactivate")
        assert lifecycle(probe) == "inactive"
        probe.wait(watch.still)
        assert_stops(windows[-1])
        assert max(abs(watch.positions()[j] - q) for j, q in rest_pose().items()) < 0.02
        del windows[:]
    end = time.monotonic() + 0.5
    probe.wait(lambda: time.monotonic() > end)
    assert not windows, "an inactive node must be silent"
    assert change(probe, "cleanup")
    assert set_parameter(probe, "generator.seed", 5) == ""
    assert change(probe, "configure")
    assert change(probe, "activate")
    probe.wait(lambda: windows)
    assert change(probe, "shutdown")
    assert lifecycle(probe) == "finalized"
    assert_stops(windows[-1])
    speaker.stop()
    assert gesture.stop() == 0
    assert "Traceback" not in gesture.output


@pytest.mark.slow
def test_pause_reset_and_style(probe, start, demo_urdf):
    start("sim_robot_node")
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf)
    watch = Watch(probe)
    Speaker(probe)
    probe.wait(watch.moving, 20.0)
    for _ in range(2):
        answer = probe.call(SetBool, "/speech_gesture/pause", SetBool.Request(data=True))
        assert (answer.success, answer.message) == (True, "paused")
    watch.until_state("paused")
    probe.wait(watch.still)
    assert max(abs(watch.positions()[j] - q) for j, q in rest_pose().items()) < 0.02
    for _ in range(2):
        answer = probe.call(SetBool, "/speech_gesture/pause", SetBool.Request(data=False))
        assert (answer.success, answer.message) == (True, "running")
    probe.wait(watch.moving, 20.0)
    for _ in range(2):
        assert probe.call(Trigger, "/speech_gesture/reset", Trigger.Request()).success
    probe.wait(lambda: watch.values.get(DiagnosticKey.RESETS) == "2")
    probe.wait(watch.moving, 20.0)

    large = watch.span(3.0)
    assert set_parameter(probe, "style.amplitude", 0.0) == ""
    still = time.monotonic() + 2.5  # the gesture under way ends first
    probe.wait(lambda: time.monotonic() > still)
    assert watch.span(3.0) < 0.5 * large
    assert "range" in set_parameter(probe, "style.amplitude", 7.0)
    assert "'feet' is unknown; it must be one of: body, hands, face" in set_parameter(probe, "style.parts", ["feet"])
    assert "is fixed once the node is configured" in set_parameter(probe, "generator.name", "other")
    assert watch.values["level"] == "0"
    assert gesture.stop() == 0
