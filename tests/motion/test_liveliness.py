"""Figures of a talker on motions whose figures are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.liveliness import kinematic_figures, wrist_velocity
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, REST_POSITIONS

FPS = 120.0
T = 1200
TIME = np.arange(T) / FPS


def _figures(**angles: tuple[int, np.ndarray]) -> dict[str, float]:
    poses = np.zeros((T, 55, 3))
    for name, (axis, values) in angles.items():
        poses[:, JOINT_INDEX[name], axis] = values
    return kinematic_figures(MotionFrames(poses, FPS))


def test_still_motion_has_no_speed():
    figures = _figures()
    for key, value in figures.items():
        assert np.isfinite(value), key
        if "speed" in key or "std" in key or "peaks" in key:
            assert value == pytest.approx(0.0, abs=1e-9), key


def test_shoulder_turning_at_constant_rate_gives_rate_times_lever():
    rate = 0.8
    figures = _figures(left_shoulder=(1, rate * TIME))
    lever = REST_POSITIONS[JOINT_INDEX["left_wrist"]] - REST_POSITIONS[JOINT_INDEX["left_shoulder"]]
    speed = rate * np.hypot(lever[0], lever[2])
    # one of two wrists moves
    assert figures["wrist_speed_mean_m_s"] == pytest.approx(speed / 2, rel=1e-3)
    assert figures["wrist_speed_p95_m_s"] == pytest.approx(speed, rel=1e-3)
    assert figures["time_moving_percent"] == pytest.approx(100.0)
    assert figures["shoulder_speed_p95_deg_s"] == pytest.approx(np.rad2deg(rate), rel=1e-3)
    assert figures["wrist_peaks_per_min_hand"] == 0.0


def test_each_half_swing_is_one_velocity_peak():
    swing, cycles_per_s = 0.5, 1.0
    figures = _figures(right_shoulder=(1, swing * np.sin(2 * np.pi * cycles_per_s * TIME + 0.7)))
    # 10 s, two peaks a second, one hand of two
    assert figures["wrist_peaks_per_min_hand"] == pytest.approx(60.0, abs=3.5)


def test_both_hands_together_correlate():
    swing = 0.4 * np.sin(2 * np.pi * 0.7 * TIME)
    figures = _figures(left_shoulder=(1, swing), right_shoulder=(1, -swing))
    assert figures["left_right_speed_correlation"] == pytest.approx(1.0, abs=0.02)


def test_arms_down_stand_a_full_arm_below_the_shoulder():
    poses = np.zeros((T, 55, 3))
    poses[:, JOINT_INDEX["left_shoulder"], 2] = -np.pi / 2
    poses[:, JOINT_INDEX["right_shoulder"], 2] = np.pi / 2
    figures = kinematic_figures(MotionFrames(poses, FPS))
    reach = REST_POSITIONS[JOINT_INDEX["left_wrist"], 0] - REST_POSITIONS[JOINT_INDEX["left_shoulder"], 0]
    other = REST_POSITIONS[JOINT_INDEX["right_shoulder"], 0] - REST_POSITIONS[JOINT_INDEX["right_wrist"], 0]
    assert figures["wrist_below_shoulder_p50_m"] == pytest.approx((reach + other) / 2, abs=0.01)


@pytest.mark.parametrize(("side", "sign"), [("left", -1.0), ("right", 1.0)])
def test_elbow_flexion_is_the_hinge_angle_and_ignores_twist(side, sign):
    hinge = sign * np.array([0, np.cos(np.deg2rad(18)), -np.sin(np.deg2rad(18))])
    line = REST_POSITIONS[JOINT_INDEX[f"{side}_wrist"]] - REST_POSITIONS[JOINT_INDEX[f"{side}_shoulder"]]
    line /= np.linalg.norm(line)
    hinge -= line * (hinge @ line)
    hinge /= np.linalg.norm(hinge)
    bend = Rotation.from_rotvec(np.deg2rad(70) * hinge) * Rotation.from_rotvec(0.6 * line)
    poses = np.zeros((T, 55, 3))
    poses[:, JOINT_INDEX[f"{side}_elbow"]] = bend.as_rotvec()
    figures = kinematic_figures(MotionFrames(poses, FPS))
    assert figures["elbow_flexion_p95_deg"] == pytest.approx(70.0, abs=1e-6)
    assert figures["elbow_flexion_p5_deg"] == pytest.approx(0.0, abs=1e-6)


def test_head_chest_jaw_angles_are_those_put_in():
    wave = np.sin(2 * np.pi * 0.5 * TIME)
    half = np.deg2rad(10.0)
    figures = _figures(head=(1, half * wave), spine2=(0, 0.5 * half * wave), jaw=(0, np.full(T, np.deg2rad(3.0))))
    assert figures["head_std_yaw_deg"] == pytest.approx(10.0 / np.sqrt(2), rel=1e-3)
    assert figures["head_std_pitch_deg"] == pytest.approx(0.0, abs=1e-9)
    assert figures["head_speed_mean_deg_s"] == pytest.approx(10.0 * 4 * 0.5, rel=0.01)
    assert figures["chest_std_pitch_deg"] == pytest.approx(5.0 / np.sqrt(2), rel=1e-3)
    assert figures["jaw_p50_deg"] == pytest.approx(3.0)


def test_finger_deviation_of_a_two_state_finger():
    poses = np.zeros((T, 55, 3))
    poses[: T // 2, 25:55, 2] = np.deg2rad(20.0)
    figures = kinematic_figures(MotionFrames(poses, FPS))
    assert figures["finger_deviation_deg"] == pytest.approx(10.0, abs=1e-6)


def test_wrist_speed_does_not_see_the_chest_move():
    poses = np.zeros((T, 55, 3))
    poses[:, 0, 1] = 0.5 * np.sin(TIME)
    motion = MotionFrames(poses, FPS, translation=np.stack([TIME, 0 * TIME, np.sin(TIME)], 1))
    assert np.abs(wrist_velocity(motion)).max() < 1e-9


def test_too_short_is_refused():
    with pytest.raises(InputError, match="at least 3"):
        kinematic_figures(MotionFrames(np.zeros((2, 55, 3)), 30.0))
