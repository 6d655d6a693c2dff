"""Two audio publishers: lock to the first, ERROR naming both, never mix."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
import rclpy
from gesture_rig import Guarantees, Speaker, Watch, told
from std_msgs.msg import Int16MultiArray

from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey, dropped

ROW = "two audio publishers"


def drops(watch: Watch, reason: str) -> int:
    return int(watch.values.get(dropped(reason), 0))


def test_the_first_of_two_publishers_is_heard(fault, probe, start, demo_urdf):
    guarantees = Guarantees(probe, demo_urdf.read_text())
    text = "ERROR naming both; the first one is listened to until it leaves; never mixed"
    start("sim_robot_node")
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf)
    watch = Watch(probe)
    first = Speaker(probe)
    watch.until_state("gesturing")
    other = rclpy.create_node("second_voice", context=probe.context)
    intruder = Speaker(probe, kind=Int16MultiArray, node=other)
    executor = rclpy.executors.SingleThreadedExecutor(context=probe.context)
    executor.add_node(other)

    def wait(condition, timeout=10.0):
        probe.wait(lambda: executor.spin_once(timeout_sec=0) or condition(), timeout)

    wait(lambda: told(gesture.output, "[ERROR]", "/probe", "/second_voice", "exactly one must speak"))
    wait(lambda: "only /probe is listened to" in gesture.output)
    wait(lambda: drops(watch, "second publisher") > 0 and watch.values["level"] == "2")
    before, sent = drops(watch, "second publisher"), intruder.sent
    count = len(watch.diagnostics)
    wait(lambda: len(watch.diagnostics) > count + 1)
    # every message of the second one is dropped, none of the first: they come at the same rate
    assert drops(watch, "second publisher") - before <= intruder.sent - sent + 2
    first.stop()
    wait(lambda: watch.values["level"] == "0")
    after = drops(watch, "second publisher")
    count = len(watch.diagnostics)
    wait(lambda: len(watch.diagnostics) > count + 1)
    wait(lambda: watch.values[DiagnosticKey.STATE] == "gesturing")  # the one that is left takes over
    assert drops(watch, "second publisher") == after
    fault.note("a second voice on the audio topic", text, "moves on", guarantees.kept())
    executor.shutdown()
    other.destroy_node()
    assert gesture.stop() == 0
