"""What gesture_node refuses, in one sentence: at start and at configure (at activate: tests/faults)."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from gesture_rig import Watch, change, lifecycle, set_parameter, told
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String


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
