"""Whatever keeps the robot from gesturing stands in the log and in the diagnostics within two seconds."""

from __future__ import annotations

import math
import re

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from gesture_rig import ARM, FakeRobot, Watch, one_arm, told

from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey

SOON = 2.0


def stamp(output: str, *parts: str) -> float:
    """When the first line with all these parts was logged, s."""
    line = next(line for line in output.splitlines() if all(p in line for p in parts))
    found = re.search(r"\[(\d+\.\d+)\]", line)
    assert found is not None
    return float(found[1])


def test_each_thing_that_is_missing_is_named_in_its_turn(probe, start, demo_urdf, pulse):
    gesture = one_arm(start, autostart=True, robot__urdf=demo_urdf, controllers__discovery_timeout=3.0)
    watch = Watch(probe)

    def seen(*parts: str) -> bool:
        return told(gesture.output, *parts)

    probe.wait(lambda: seen("waiting for controllers: none listens on /my_arm/joint_trajectory"), 20.0)
    assert stamp(gesture.output, "none listens") - stamp(gesture.output, "robot demo") < SOON + pulse.stall()

    robot = FakeRobot(probe, "my_arm", ARM)
    probe.wait(lambda: seen("waiting for joint states of right_elbow", "on /joint_states"), 20.0)
    robot._message.position[ARM.index("right_elbow")] = math.nan
    robot.publishing = True
    probe.wait(lambda: seen("[WARN]", "joint states give nan for right_elbow", "(/joint_states)"), 20.0)
    began = stamp(gesture.output, "commanding my_arm")
    assert stamp(gesture.output, "give nan for right_elbow") - began < SOON + pulse.stall()
    probe.wait(lambda: "give nan for right_elbow" in watch.values["message"])
    assert watch.values["level"] == "1"
    assert not robot.windows

    robot._message.position[ARM.index("right_elbow")] = -0.3
    probe.wait(lambda: robot.windows)
    probe.wait(lambda: seen("[WARN]", "nobody publishes on /audio"))
    began = stamp(gesture.output, "inactive -> approaching")
    assert stamp(gesture.output, "nobody publishes on /audio") - began < SOON + pulse.stall()
    probe.wait(lambda: "nobody publishes on /audio" in watch.values["message"])

    robot.publishing = False
    probe.wait(lambda: seen("[WARN]", "the robot is stopped: no joint states of", "right_elbow"))
    assert gesture.stop() == 0
    assert "Traceback" not in gesture.output


def test_a_clock_that_does_not_come_is_named(probe, start, demo_urdf, pulse):
    robot = FakeRobot(probe, "my_arm", ARM)
    robot.publishing = True
    gesture = one_arm(start, autostart=True, use_sim_time=True, robot__urdf=demo_urdf)
    probe.wait(
        lambda: told(gesture.output, "[WARN]", "use_sim_time is true and no time has come on /clock (no publ"), 20.0
    )
    assert not robot.windows
    assert gesture.stop() == 0


def test_two_robots_have_two_names_and_a_node_that_waits_for_a_manager_says_so(probe, start, demo_urdf):
    first = start("gesture_node", "-r", "__ns:=/robot1", robot__urdf=demo_urdf)
    start("gesture_node", "-r", "__ns:=/robot2", robot__urdf=demo_urdf)
    watches = [Watch(probe, f"/robot{k}") for k in (1, 2)]
    probe.wait(lambda: all(w.values.get(DiagnosticKey.LIFECYCLE) == "unconfigured" for w in watches), 20.0)
    names = {s.name for w in watches for d in w.diagnostics for s in d.status}
    assert names == {"/robot1/speech_gesture: pipeline", "/robot2/speech_gesture: pipeline"}
    probe.wait(lambda: told(first.output, "[INFO]", "the node is unconfigured: it waits for the transition configure"))
