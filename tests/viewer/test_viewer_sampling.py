"""Motion and trajectory between samples."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("PIL")

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.skeleton import REST_POSITIONS, axis_angle_to_matrix, forward_kinematics
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.viewer.sampling import MotionSampler, TrajectorySampler


def ramp(count: int = 4, fps: float = 10.0, start: float = 2.0) -> MotionFrames:
    """Joint 16 turns about z by 0.2 rad per frame."""
    poses = np.zeros((count, 55, 3))
    poses[:, 16, 2] = 0.2 * np.arange(count)
    face = np.tile(np.arange(count)[:, None] / 10, (1, 52))
    return MotionFrames(poses, fps, start, face=face, phase=np.arange(count, dtype=np.uint8))


@pytest.mark.parametrize(("time", "angle"), [(2.0, 0.0), (2.05, 0.1), (2.275, 0.55), (0.0, 0.0), (99.0, 0.6)])
def test_rotations_blend_between_frames_and_hold_at_the_ends(time: float, angle: float):
    local, face, _ = MotionSampler(ramp()).pose(time)
    np.testing.assert_allclose(local[16], axis_angle_to_matrix(np.array([0, 0, angle])), atol=2e-3)
    np.testing.assert_allclose(local @ local.transpose(0, 2, 1), np.tile(np.eye(3), (55, 1, 1)), atol=1e-12)
    assert face[0] == pytest.approx(angle / 2)


def test_phase_is_that_of_the_frame_shown():
    sampler = MotionSampler(ramp())
    assert [sampler.phase(t) for t in (1.0, 2.0, 2.09, 2.1, 2.31, 9.0)] == [0, 0, 0, 1, 3, 3]


def test_frames_that_are_not_finite_are_skipped():
    motion = ramp()
    motion.poses[1] = np.nan
    local, _, _ = MotionSampler(motion).pose(2.1)
    np.testing.assert_allclose(local[16], np.eye(3), atol=1e-12)
    motion.poses[:] = np.nan
    with pytest.raises(InputError, match="NaN"):
        MotionSampler(motion)


def test_trajectory_is_linear_between_samples_and_maps_names():
    time = np.array([1.0, 1.5, 2.0])
    q = np.array([[0.0, 1.0], [0.5, 1.0], [0.5, 3.0]])
    trajectory = RobotTrajectory(("b", "elsewhere"), time, q, q * 0, q * 0, 2.0)
    sampler = TrajectorySampler(trajectory, ("a", "b"))
    for when, value in ((0.0, 0.0), (1.25, 0.25), (1.5, 0.5), (9.0, 0.5)):
        np.testing.assert_allclose(sampler.positions(when), [0.0, value])


def test_unusable_input_is_named():
    with pytest.raises(InputError, match="no frames"):
        MotionSampler(MotionFrames(np.zeros((0, 55, 3)), 30.0))
    one = np.zeros((1, 1))
    with pytest.raises(InputError, match="do not occur in the robot"):
        TrajectorySampler(RobotTrajectory(("x",), np.zeros(1), one, one, one, 1.0), ("a",))
    none = np.zeros((0, 1))
    with pytest.raises(InputError, match="no samples"):
        TrajectorySampler(RobotTrajectory(("x",), np.zeros(0), none, none, none, 1.0), ("x",))


def test_a_single_sample_is_held():
    one = np.full((1, 1), 0.7)
    sampler = TrajectorySampler(RobotTrajectory(("x",), np.zeros(1), one, one, one, 1.0), ("x",))
    assert sampler.positions(5.0)[0] == 0.7


def test_the_first_frame_stands_on_the_floor_wherever_its_data_set_put_it():
    """BEAT2 has the floor at y = 0: pelvis_world = rest + trans with trans about 1.3 m up."""
    poses = np.zeros((3, 55, 3))
    trans = np.array([[0.4, 1.3, 2.0], [0.4, 1.35, 2.1], [0.5, 1.3, 2.0]])
    sampler = MotionSampler(MotionFrames(poses, 10.0, translation=trans))
    np.testing.assert_allclose([sampler.pose(t)[2] for t in (0.0, 0.1, 0.2)], trans - trans[0], atol=1e-12)
    poses[:, 1:3, 0], poses[:, 4:6, 0] = -0.5, 1.0  # knees bent: the feet must come down to the floor
    local, _, root = MotionSampler(MotionFrames(poses, 10.0)).pose(0.0)
    _, positions = forward_kinematics(local[None], root[None])
    assert positions[0, :, 1].min() == pytest.approx(REST_POSITIONS[:, 1].min())
