"""docs/extending/robot.md: the map file of the example holds on the demo humanoid."""

from __future__ import annotations

from pathlib import Path

from speech_gesture_pkg import GestureConfig, load_robot, read_audio, run_offline
from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.pipeline.build import calmed
from speech_gesture_pkg.resources import DEMO_AUDIO, resource

MAP = Path(__file__).resolve().parents[2] / "examples" / "own_robot_map.yaml"


def test_the_left_arm_the_waist_and_a_neck_joint_rest_and_the_rest_is_calm(demo_urdf):
    config = GestureConfig().with_values({"robot.urdf": str(demo_urdf), "robot.map_file": str(MAP)})
    robot = load_robot(config)
    assert calmed(config, robot.map.profile).safety.acceleration_arms == 12.0
    run = run_offline(config, robot, AudioChunk(read_audio(resource(DEMO_AUDIO)).samples[: 4 * 16000]))
    joints = run.joints
    assert joints is not None
    moving = {n for n, q in zip(joints.joint_names, joints.position.T, strict=True) if q.max() - q.min() > 0.02}
    assert any("right" in n for n in moving)
    assert not [n for n in joints.joint_names if "left" in n and ("arm" in n or "elbow" in n or "shoulder" in n)]
    assert not robot.retargeter.groups.get("torso")
    assert "neck_roll" not in joints.joint_names
    assert "neck_yaw" in joints.joint_names
