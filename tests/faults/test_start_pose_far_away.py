"""Start pose far away, or outside the limits: a slow approach."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from pipeline_rig import AWAY, CONTROLLERS, ROBOT, Puppeteer, Stage, Talkative

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.pipeline.pipeline import Pipeline
from speech_gesture_pkg.pipeline.robot_interface import RobotInterface
from speech_gesture_pkg.pipeline.states import State
from speech_gesture_pkg.trajectory.layout import make_layout

ROW = "start pose far away"


def test_a_start_pose_far_away_is_left_slowly(fault):
    stage = Stage(pose=AWAY).activate()
    speeds = []
    for _ in range(400):
        stage.silence(0.01)
        speeds.append(stage.speed)
    # 0.8 rad/s is the peak of the approach; idle motion adds its own 0.1 rad/s at most
    assert 0.4 < max(speeds) < 0.95
    assert stage.pipeline.state is State.IDLE
    stage.stop()
    text = f"slow approach, at most {max(speeds):.2f} rad/s"
    fault.note("arm up and elbow bent at the start", text, "moves on", stage.windows)


def test_the_first_motion_after_activation_is_a_slow_blend_too():
    """The blend begins with the first live frame, not when it was ordered."""
    near = np.array([0.3, 0.5, 0.2, 0.04, 0.2, 0.0])
    stage = Stage(pose=near).activate()
    speeds = []
    for _ in range(150):
        stage.silence(0.01)
        speeds.append(stage.speed)
    assert max(speeds) < 0.95


def test_a_start_pose_outside_the_limits_gives_the_controller_time_to_come_inside():
    outside = np.array([2.4, -0.5, 0.0, 0.04, 0.0, 0.0])
    stage = Stage(pose=outside).activate().silence(8.0)
    for auditor in stage.auditors.values():
        assert auditor.bridge_speed < 0.25
    stage.speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()


def with_continuous_wrist(wrist: float) -> Stage:
    """A robot whose wrist turns without end, and stands at `wrist`, rad."""
    config = GestureConfig()
    ends = {"lower": ROBOT.lower.copy(), "upper": ROBOT.upper.copy()}
    ends["lower"][2], ends["upper"][2] = -np.inf, np.inf
    robot = SimpleNamespace(**vars(ROBOT) | ends)
    layout = make_layout(robot, Puppeteer(), CONTROLLERS, config.safety)
    limits = (layout.limits.lower, layout.limits.upper, ROBOT.velocity, layout.limits.acceleration)
    pose = np.array([0.2, 0.5, wrist, 0.05, 0.1, 0.0])
    generator, puppeteer = Talkative(), Puppeteer()
    robot = RobotInterface(layout=layout, retargeter=puppeteer)
    return Stage(pose=pose, pipeline=lambda t: Pipeline(config, generator, robot, steady=t), limits=limits)


def test_a_continuous_wrist_many_turns_from_zero_is_not_unwound(fault):
    six = 12.0 * np.pi
    took, ended, windows = {}, {}, 0
    for wrist in (0.3, six + 0.3, 40.0):
        stage = with_continuous_wrist(wrist).activate()
        took[wrist] = stage.until_state(State.GESTURING)
        stage.speak(3.0).stop()
        ended[wrist], windows = stage.robot[2], windows + stage.windows
    assert took[six + 0.3] == took[0.3]
    assert took[40.0] < 8.0  # 2.3 rad from rest; unwinding takes half a minute
    np.testing.assert_allclose(list(ended.values()), [0.0, six, six], atol=1e-3)
    near, far = took[six + 0.3], took[40.0]
    text = f"gestures at the turn where it stands, after {near:.2f} s as from 0.3 rad; from 40 rad after {far:.1f} s"
    fault.note("a continuous wrist that stands six turns from zero", text, "moves on", windows)
