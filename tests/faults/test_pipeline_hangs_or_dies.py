"""The pipeline's thread is held up, hangs or dies: a person is told, the robot has braked, the node answers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pipeline_rig import AWAY, gesturing

from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey
from speech_gesture_pkg.pipeline.states import TRANSITIONS, State, StateLog

ROW = "pipeline held up, hangs or dies"
SCRIPT = str(Path(__file__).with_name("mischief_node.py"))


def test_after_a_step_that_was_held_up_the_robot_is_approached_anew(fault):
    stage = gesturing()
    stage.steady.now += 1.0
    stage.step()
    assert stage.codes == ["stall"]
    assert stage.pipeline.counters.stalls == 1
    assert stage.pipeline.state is State.APPROACHING
    safe = stage.until_state(State.GESTURING)
    stage.speak(2.0)
    assert stage.codes == ["stall"]
    stage.stop()
    fault.note(
        "no step for 1 s", "reported; the tail had stopped the robot; motion restarts slowly", safe, stage.windows
    )


def test_a_generator_that_hangs_for_a_while_counts_as_held_up():
    stage = gesturing()
    stage.generator.cost = 1.0
    stage.speak(0.032)
    stage.generator.cost = 0.0
    stage.speak(4.0)
    assert "stall" in stage.codes
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_a_robot_that_was_moved_meanwhile_is_approached_where_it_is():
    stage = gesturing()
    stage.steady.now += 3.0
    stage.move_by_hand(AWAY)
    speeds = []
    for _ in range(200):
        stage.silence(0.01)
        speeds.append(stage.speed)
    assert max(speeds) < 0.95  # the slow approach, and idle motion
    stage.speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def test_a_paused_pipeline_that_was_held_up_stays_paused():
    stage = gesturing()
    stage.pipeline.pause(True, stage.now)
    stage.silence(3.0)
    stage.steady.now += 1.0
    stage.silence(2.0)
    assert stage.pipeline.state is State.PAUSED
    assert stage.rest_error() < 1e-4
    stage.stop()


def test_a_pipeline_that_died_commands_nothing_until_it_is_activated_anew():
    stage = gesturing()
    stage.pipeline.supervisor.fail()
    assert stage.pipeline.state is State.FAILED
    assert not stage.pipeline.active
    assert stage.step().windows == {}
    stage.pipeline.pause(True, stage.now)
    stage.pipeline.reset(stage.now)
    stage.pipeline.supervisor.fail()
    assert stage.pipeline.deactivate(stage.now) == {}
    stage.silence(2.0)
    assert stage.activate().until_state(State.GESTURING) < 4.0  # from where it was left, slowly
    stage.stop()


def test_a_change_of_state_that_is_not_in_the_table_is_noticed():
    log = StateLog()
    log.enter(State.GESTURING)
    assert (State.INACTIVE, State.GESTURING) not in TRANSITIONS
    assert len(log.unforeseen) == 1
    log.enter(State.GESTURING)
    assert [c.after for c in log.take()] == [State.GESTURING]
    assert log.take() == []


def test_a_node_whose_generator_fails_hangs_and_dies(fault, probe, start, demo_urdf, tmp_path):
    """One run of real processes: the spare takes over and the learned one returns; a hang; the end of the thread."""
    pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
    from gesture_rig import Guarantees, Speaker, Watch, change, told

    word = tmp_path / "mischief"
    guarantees = Guarantees(probe, demo_urdf.read_text())
    start("sim_robot_node")
    params = {"generator__name": "mischief", "generator__model": tmp_path, "fallback__retry": 1.0}
    gesture = start(SCRIPT, autostart=True, robot__urdf=demo_urdf, **params)
    watch = Watch(probe)
    Speaker(probe)
    probe.wait(watch.moving, 30.0)

    word.write_text("gone")  # as a GPU that is lost: every call fails, and it cannot be loaded
    watch.until_state("degraded")
    probe.wait(
        lambda: watch.values[DiagnosticKey.FALLBACK] == "active" and "prosody" in watch.values[DiagnosticKey.GENERATOR]
    )
    assert told(gesture.output, "[ERROR]", "the prosody generator takes over", "attempt 1 of 5")
    probe.wait(
        lambda: told(gesture.output, "[ERROR]", "could not be brought back", "the device of the generator is gone")
    )
    probe.wait(lambda: watch.values["level"] == "1" and "running on prosody" in watch.values["message"])
    word.write_text("")
    probe.wait(lambda: told(gesture.output, "[INFO]", "mischief was loaded anew and keeps up"), 30.0)
    watch.until_state("gesturing")

    word.write_text("hang")
    hung = time.monotonic()
    probe.wait(lambda: watch.values["level"] == "2" and "the pipeline has made no step for" in watch.values["message"])
    assert watch.values[DiagnosticKey.STATE] == "braking"
    begin = probe.node.get_clock().now().nanoseconds * 1e-9
    probe.wait(lambda: watch.still(since=begin - 0.3))
    safe = time.monotonic() - hung
    word.write_text("")
    probe.wait(watch.moving, 30.0)
    assert int(watch.values[DiagnosticKey.STALLS]) >= 1
    windows = guarantees.kept()
    fault.note("generator hangs (real processes)", "reported; stands; motion restarts slowly", safe, windows)

    word.write_text("die")
    died = time.monotonic()
    watch.until_state("failed")
    assert watch.values["level"] == "2"
    assert "the pipeline died: SystemExit" in watch.values["message"]
    begin = probe.node.get_clock().now().nanoseconds * 1e-9
    probe.wait(lambda: watch.still(since=begin - 0.3))
    safe = time.monotonic() - died
    word.write_text("")
    assert change(probe, "deactivate")
    assert change(probe, "activate")
    probe.wait(watch.moving, 30.0)
    windows = guarantees.kept() - windows
    text = "state failed, reported; stands; the node answers; deactivate and activate start anew"
    fault.note("pipeline thread ends (real processes)", text, safe, windows)
    assert gesture.stop() == 0


def test_a_pause_during_a_hang_holds_whatever_comes_after_it(fault, probe, start, demo_urdf, tmp_path):
    """The pipeline hangs for 6 s; paused, then 150 changes of parameters: it wakes up paused. So it is with the end."""
    pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
    from gesture_rig import Guarantees, Speaker, Watch, change, rest_pose, set_parameter, told
    from std_srvs.srv import SetBool, Trigger

    def pause(on):
        return probe.call(SetBool, "/speech_gesture/pause", SetBool.Request(data=on))

    word = tmp_path / "mischief"
    guarantees = Guarantees(probe, demo_urdf.read_text())
    start("sim_robot_node")
    params = {"generator__name": "mischief", "generator__model": tmp_path}
    gesture = start(SCRIPT, autostart=True, robot__urdf=demo_urdf, **params)
    watch = Watch(probe)
    Speaker(probe)
    probe.wait(watch.moving, 30.0)

    word.write_text("hang")
    hung = time.monotonic()
    probe.wait(lambda: "the pipeline has made no step for" in watch.values["message"])
    asked = time.monotonic()
    answer = pause(True)
    assert time.monotonic() - asked < 0.5 + 4 * 0.25, "services do not wait for a pipeline that hangs"
    assert not answer.success
    assert "not yet paused: the pipeline has made no step for" in answer.message
    assert "(generator mischief)" in answer.message
    assert not probe.call(Trigger, "/speech_gesture/reset", Trigger.Request()).success
    for k in range(150):
        assert set_parameter(probe, "style.amplitude", 1.0 + 0.001 * k) == ""
    probe.wait(lambda: time.monotonic() > hung + 6.0)
    del watch.diagnostics[:]
    word.write_text("")
    watch.until_state("paused")
    began = watch.now()
    probe.wait(lambda: watch.still(since=began + 0.3))
    states = [v.value for d in watch.diagnostics for s in d.status for v in s.values if v.key == DiagnosticKey.STATE]
    while states and states[0] == "degraded":  # reports of the hang itself that were still under way
        del states[0]
    assert set(states) <= {"braking", "paused"}
    assert " -0.0 s" not in gesture.output
    assert max(abs(watch.positions()[j] - q) for j, q in rest_pose().items()) < 0.02
    assert pause(True).success, "it is paused already"
    assert pause(False).message == "running"
    probe.wait(watch.moving, 30.0)
    windows = guarantees.kept()
    text = "answered 'not yet paused' with the generator's name; when it came back: paused, at rest, no gesture"
    fault.note("hangs for 6 s; ~/pause, then 150 parameter changes", text, "never gestures on", windows)

    word.write_text("hang")
    probe.wait(lambda: "the pipeline has made no step for" in watch.values["message"])
    assert change(probe, "deactivate")
    assert told(gesture.output, "[ERROR]", "the robot stays where its braking tail ended")
    assert not change(probe, "activate")
    assert told(gesture.output, "[WARN]", "generator mischief", "clean up and configure")
    guarantees.forget()
    word.write_text("")
    probe.wait(lambda: change(probe, "activate"))
    probe.wait(watch.moving, 30.0)
    text = "sends nothing after it comes back; activation is refused while it hangs, by the generator's name"
    fault.note("hangs; deactivated, activated", text, "never gestures on", guarantees.kept())
    assert gesture.stop() == 0
    assert "Traceback" not in gesture.output
