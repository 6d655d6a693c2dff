"""Start pose far away, or outside the limits: a slow approach."""

from __future__ import annotations

import numpy as np
from pipeline_rig import AWAY, Stage

from speech_gesture_pkg.runtime.states import State

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
