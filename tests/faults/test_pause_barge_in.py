"""Pause, barge-in: brake, discard the queue."""

from __future__ import annotations

import numpy as np
import pytest
from pipeline_rig import Stage, gesturing

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import SpeechGestureError
from speech_gesture_pkg.pipeline.build import layout_of, load_robot, make_pipeline
from speech_gesture_pkg.pipeline.states import State
from speech_gesture_pkg.resources import DEMO_AUDIO, resource, robot_file

ROW = "pause, barge-in"


def worst_bound(pipeline) -> float:
    """From the limits alone: the lead, three spline steps, and the slowest joint from its top speed to zero, s."""
    limits = pipeline.layout.limits
    braking = float((limits.velocity / limits.acceleration).max())
    return pipeline.config.trajectory.lead + 5 * pipeline.dt + braking


def time_to_stop(stage) -> float:
    """How long after now the robot first stands still by the windows it has, s."""
    times = stage.now + np.arange(0.0, 2.0, 0.002)
    return next(t - stage.now for t in times if max(a.speed(t) for a in stage.auditors.values()) < 1e-6)


@pytest.mark.parametrize("name", ["demo", "g1", "talos"])
def test_a_pause_stops_within_the_braking_distance(fault, name):
    """At default limits, paused again and again in the bundled speech."""
    try:
        urdf = robot_file(name)
    except SpeechGestureError as e:
        pytest.skip(str(e))
    config = GestureConfig().with_values({"robot.urdf": str(urdf)})
    robot = load_robot(config)
    layout = layout_of(robot, {}, config)
    bounds = layout.limits  # those of the URDF are judged elsewhere: here it is about time
    limits = (bounds.lower, bounds.upper, bounds.velocity, bounds.acceleration)
    stage = Stage(pipeline=lambda steady: make_pipeline(config, robot, {}, steady=steady), limits=limits)
    clip = read_audio(resource(DEMO_AUDIO)).samples

    def say(seconds, rate=16000, level=0.3):
        first = round((stage.now - 1000.0) * 16000) % (len(clip) - 32000)
        return clip[first : first + round(seconds * 16000)]

    stage.voice = say
    pipeline = stage.pipeline
    stage.activate().silence(1.0)
    stops = []
    for _ in range(8):
        stage.until(lambda: stage.speed > 0.8)
        pipeline.pause(True, stage.now)
        stage.step()
        stops.append(time_to_stop(stage))
        pipeline.pause(False, stage.now)
    bound = worst_bound(pipeline)
    assert min(stops) > pipeline.config.trajectory.lead
    assert max(stops) <= pipeline.mover.braking_time <= bound
    pipeline.pause(True, stage.now)
    stage.until(lambda: stage.speed == 0.0 and stage.rest_error() < 1e-3, speaking=False)
    stage.stop()
    text = f"stands still within {1e3 * max(stops):.0f} ms (the limits allow {1e3 * bound:.0f} ms), then goes to rest"
    fault.note(f"pause in mid-gesture, {name}", text, max(stops), stage.windows)


def test_pause_in_mid_gesture_goes_to_rest_and_forgets_the_audio():
    stage = gesturing()
    stage.pipeline.pause(True, stage.now)
    stage.pipeline.pause(True, stage.now)
    stage.speak(3.0)
    assert stage.pipeline.state is State.PAUSED
    assert stage.speed == 0.0
    assert stage.rest_error() < 1e-4
    frames = len(stage.frames)
    stage.pipeline.pause(False, stage.now)
    stage.pipeline.pause(False, stage.now)
    stage.speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    assert len(stage.frames) > frames
    stage.stop()


def test_pause_and_resume_at_once_is_smooth():
    stage = gesturing()
    for _ in range(5):
        stage.pipeline.pause(True, stage.now)
        stage.speak(0.1)
        stage.pipeline.pause(False, stage.now)
        stage.speak(0.1)
    stage.speak(2.0).stop()


def test_reset_blends_into_what_comes_next():
    stage = gesturing()
    starts = stage.generator.starts
    stage.pipeline.reset(stage.now)
    stage.speak(0.5)
    assert stage.pipeline.state is State.APPROACHING
    assert stage.generator.starts == starts + 1
    stage.speak(2.0)
    assert stage.pipeline.state is State.GESTURING
    stage.pipeline.pause(True, stage.now)
    stage.pipeline.reset(stage.now)
    stage.speak(1.0)
    assert stage.pipeline.state is State.PAUSED
    stage.stop()


def test_pauses_at_any_moment_of_a_step_keep_the_motion_continuous(probe, start, demo_urdf):
    """What a step planned before the pause came is withdrawn: the next window goes on from what was sent."""
    pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
    from gesture_rig import Guarantees, Speaker, Watch
    from std_srvs.srv import SetBool

    guarantees = Guarantees(probe, demo_urdf.read_text())
    start("sim_robot_node")
    gesture = start("gesture_node", autostart=True, robot__urdf=demo_urdf)
    watch = Watch(probe)
    Speaker(probe)
    probe.wait(watch.moving, 30.0)
    client = probe.node.create_client(SetBool, "/speech_gesture/pause")
    probe.wait(client.service_is_ready)
    for k in range(60):
        asked = [client.call_async(SetBool.Request(data=on)) for on in (True, False, k % 2 == 0)]
        probe.wait(lambda a=asked: all(f.done() for f in a))
        assert all(f.result().success for f in asked)
    probe.wait(watch.moving, 30.0)
    assert guarantees.kept() > 50
    assert gesture.stop() == 0
