"""The same faults with the real generator, retargeter and collision check, on the bundled robot."""

from __future__ import annotations

import numpy as np
import pytest
from pipeline_rig import Stage

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.config import GROUPS, GestureConfig
from speech_gesture_pkg.pipeline.build import load_robot, make_pipeline
from speech_gesture_pkg.pipeline.states import State
from speech_gesture_pkg.resources import DEMO_AUDIO, resource, robot_file

CONFIG = GestureConfig().with_values({"robot.urdf": str(robot_file("demo"))})


@pytest.fixture(scope="module")
def robot():
    return load_robot(CONFIG)


@pytest.fixture
def stage(robot) -> Stage:
    """The demo robot, and a talker who says the bundled clip."""
    model = robot.model
    kind = {j: g.split("_")[-1] for g, joints in robot.map.groups.items() for j in joints}
    plural = {"arm": "arms", "hand": "hands"}
    limits = {g: getattr(CONFIG.safety, f"acceleration_{g}") for g in GROUPS}
    made: list = []

    def build(steady):
        made.append(make_pipeline(CONFIG, robot, {}, steady=steady))
        return made[0]

    names = make_pipeline(CONFIG, robot, {}).layout.joint_names
    index = [model.joint_names.index(n) for n in names]
    acceleration = np.array([limits[plural.get(kind[n], kind[n])] for n in names])
    stage = Stage(pipeline=build, limits=(model.lower[index], model.upper[index], model.velocity[index], acceleration))
    clip = read_audio(resource(DEMO_AUDIO)).samples

    def say(seconds, rate=16000, level=0.3):
        first = round(stage._phase * 16000) % (len(clip) - 32000)
        stage._phase += seconds
        return clip[first : first + round(seconds * 16000)]

    stage.voice = say
    return stage


def test_a_day_in_the_life_of_the_demo_robot(stage):
    stage.activate().speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    stage.jump(-100.0)
    stage.speak(1.5)
    stage.jump(30.0)
    stage.speak(1.5)
    stage.pipeline.pause(True, stage.now)
    stage.speak(1.2)
    assert stage.pipeline.state is State.PAUSED
    stage.pipeline.pause(False, stage.now)
    stage.speak(1.0)
    stage.joints_alive = False
    stage.speak(1.2)
    assert stage.pipeline.state is State.BRAKING
    stage.joints_alive = True
    stage.speak(0.8)
    stage.pipeline.reset(stage.now)
    stage.speak(0.5)
    stage.silence(1.5).speak(2.0, chunk=0.1)
    assert stage.pipeline.state in (State.GESTURING, State.APPROACHING)
    stage.stop()
    assert stage.rest_error() < 2e-3
    stage.silence(0.1)
    stage.activate().speak(2.0).stop()


def test_far_start_poses_are_approached_without_collision(stage, robot):
    """Arms raised in front, to the side, crossed as far as they go without touching: from any pose that is free."""
    pipeline = stage.pipeline
    layout, rng = pipeline.layout, np.random.default_rng(4)
    rest = layout.rest_from(np.zeros(len(layout.joint_names)))
    columns = layout.source

    def distance(q):
        full = np.array([robot.retargeter.rest])
        full[:, columns] = q
        return float(robot.retargeter.collision.distance(full)[0])

    tried = 0
    while tried < 3:
        q = np.clip(rest + rng.normal(0, 0.7, len(rest)), layout.limits.lower, layout.limits.upper)
        if distance(q) < 0.02:
            continue
        tried += 1
        stage.move_by_hand(q)
        stage.activate()
        for _ in range(300):
            stage.silence(0.01)
            assert distance(stage.robot) > 0.0
        assert stage.pipeline.state in (State.IDLE, State.APPROACHING)
        stage.stop()
        stage.silence(0.05)
