"""Human targets against the skeleton's own kinematics."""

from __future__ import annotations

import numpy as np
import pytest
from retarget_poses import DOWN, TO_SMPLX, mirror, posed

from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import ARKIT_INDEX
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, axis_angle_to_matrix, forward_kinematics
from speech_gesture_pkg.retargeting.targets import CURLS, drive_index, human_targets, rotations


def random_motion(count: int, seed: int = 0, size: float = 1.0) -> MotionFrames:
    random = np.random.default_rng(seed)
    return MotionFrames(size * random.normal(size=(count, 55, 3)), 30.0)


def test_rotations_match_scipy():
    vectors = np.random.default_rng(0).normal(size=(50, 3)) * 3
    vectors[0] = 0
    vectors[1] = [1e-9, 0, 0]
    np.testing.assert_allclose(rotations(vectors), axis_angle_to_matrix(vectors), atol=1e-9)


def test_directions_are_those_of_joint_positions():
    motion = random_motion(20)
    world, places = forward_kinematics(motion.matrices())
    chest = world[:, JOINT_INDEX["spine3"]]
    targets = human_targets(motion)
    for i, side in enumerate(("left", "right")):
        for found, a, b in ((targets.upper, "shoulder", "elbow"), (targets.fore, "elbow", "wrist")):
            bone = places[:, JOINT_INDEX[f"{side}_{b}"]] - places[:, JOINT_INDEX[f"{side}_{a}"]]
            bone /= np.linalg.norm(bone, axis=1)[:, None]
            expected = np.einsum("tba,tb->ta", chest, bone) @ TO_SMPLX
            np.testing.assert_allclose(found[:, i], expected, atol=1e-9)


def test_head_is_relative_to_the_chest():
    motion = random_motion(5)
    world, _ = forward_kinematics(motion.matrices())
    relative = world[:, JOINT_INDEX["spine3"]].transpose(0, 2, 1) @ world[:, JOINT_INDEX["head"]]
    np.testing.assert_allclose(human_targets(motion).head, TO_SMPLX.T @ relative @ TO_SMPLX, atol=1e-9)


def test_heading_of_the_pelvis_is_removed_and_tilt_is_kept():
    turn, bow = np.array([0, 1.1, 0]), np.array([0.3, 0, 0])
    poses = np.zeros((2, 55, 3))
    poses[:, JOINT_INDEX["pelvis"]] = [turn, bow]
    poses[0, JOINT_INDEX["spine2"]] = bow
    chest = human_targets(MotionFrames(poses, 30.0)).chest
    # Bow of 0.3 about the left axis (SMPL-X x = body y) in both frames.
    c, s = np.cos(0.3), np.sin(0.3)
    expected = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    np.testing.assert_allclose(chest, [expected, expected], atol=1e-9)


def test_palms_show_what_was_asked():
    up = ((0.3, 0.2, -1), (1, 0.3, 0), (1, 0.3, 0), (0, 0, 1))
    targets = human_targets(posed({"left": up, "right": mirror(DOWN)}))
    np.testing.assert_allclose(targets.palms[0, 0, :, 1], [0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(targets.palms[0, 1, :, 0], np.array([0.3, -0.1, -1]) / np.sqrt(1.1), atol=1e-9)
    assert targets.palms[0, 1, 1, 1] > 0.95


@pytest.mark.parametrize("side", ["left", "right"])
def test_fingers_that_bend_into_the_palm_have_positive_curl(side):
    """Bend one joint by its flexion; the fingertip must move to the palm's side (down in the T-pose)."""
    i = 0 if side == "left" else 1
    for finger in ("index", "middle", "ring", "pinky"):
        joint = JOINT_INDEX[f"{side}_{finger}1"]
        for axis in np.eye(3):
            poses = np.zeros((1, 55, 3))
            poses[0, joint] = 0.2 * axis
            motion = MotionFrames(poses, 30.0)
            curl = human_targets(motion).drives[0, drive_index(i, finger, 0)]
            _, places = forward_kinematics(motion.matrices())
            _, rest = forward_kinematics(0 * motion.matrices() + np.eye(3))
            tip = JOINT_INDEX[f"{side}_{finger}3"]
            drop = (rest - places)[0, tip, 1]
            if abs(drop) > 2e-3:
                assert np.sign(curl) == np.sign(drop)


def test_face_weights_and_jaw_pose():
    poses = np.zeros((3, 55, 3))
    poses[1, JOINT_INDEX["jaw"], 0] = 0.175
    face = np.zeros((3, 52))
    face[2, ARKIT_INDEX["jawOpen"]] = 0.8
    face[2, ARKIT_INDEX["eyeBlinkLeft"]] = 1.0
    drives = human_targets(MotionFrames(poses, 30.0, face=face)).drives[:, CURLS:]
    np.testing.assert_allclose(drives[:, ARKIT_INDEX["jawOpen"]], [0, 0.5, 0.8])
    assert drives[2, ARKIT_INDEX["eyeBlinkLeft"]] == 1.0
