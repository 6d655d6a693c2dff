"""Building blocks of the prosody generator: segments, arm kinematics, accents, drift, hand shapes, stroke library."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.generators.prosody import channels as ch
from speech_gesture_pkg.generators.prosody import face, hands, idle, random_streams, strokes
from speech_gesture_pkg.generators.prosody.arms import ARM_JOINTS, PALM, POSITION, arm_rotations, solve_arm
from speech_gesture_pkg.generators.prosody.segments import PEAK_ACCELERATION, Segments
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.liveliness import elbow_flexion
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, forward_kinematics

SIDES = ("left", "right")


def _body(left: np.ndarray, right: np.ndarray) -> MotionFrames:
    """One frame with both hands at given poses in gesture space."""
    x = np.zeros((1, ch.NUM_CHANNELS))
    x[0, ch.LEFT], x[0, ch.RIGHT] = solve_arm(left, 0), solve_arm(right, 1)
    poses = ch.linear_pose(x[0]).reshape(1, 55, 3)
    poses[:, ARM_JOINTS] = arm_rotations(x)
    return MotionFrames(poses, 30.0)


def test_segment_from_rest_is_minimum_jerk():
    segments = Segments.at_rest(np.zeros(2))
    segments.plan(0, slice(0, 2), np.array([1.0, -2.0]), 10)
    s = np.linspace(0, 1, 11)
    wanted = 10 * s**3 - 15 * s**4 + 6 * s**5
    got = np.array([segments.evaluate(f) for f in range(11)])
    np.testing.assert_allclose(got[:, 0], wanted, atol=1e-12)
    np.testing.assert_allclose(got[:, 1], -2 * wanted, atol=1e-12)
    np.testing.assert_allclose(segments.evaluate(50), [1.0, -2.0], atol=1e-12)
    # the extreme of s'' = 60 s - 180 s^2 + 120 s^3 is at s = (3 - sqrt 3) / 6
    at = (3 - np.sqrt(3)) / 6
    assert pytest.approx(60 * at - 180 * at**2 + 120 * at**3, abs=1e-3) == PEAK_ACCELERATION


@given(st.lists(st.tuples(st.floats(-1, 1), st.integers(3, 30), st.integers(1, 30)), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_replanning_keeps_position_velocity_and_acceleration(moves):
    segments, where, now = Segments.at_rest(np.zeros(1)), slice(0, 1), 0
    for target, frames, after in moves:
        before = segments.state(now, where)
        segments.plan(now, where, np.array([target]), frames)
        for old, new in zip(before, segments.state(now, where), strict=True):
            np.testing.assert_allclose(new, old, atol=1e-9)
        now += after


@given(
    st.tuples(st.floats(-0.05, 0.28), st.floats(-0.40, -0.05), st.floats(0.12, 0.40)),
    st.floats(-0.2, 0.5),
    st.floats(-0.2, 0.3),
    st.integers(0, 1),
)
@settings(max_examples=60, deadline=None)
def test_arm_reaches_its_target_and_bends_the_right_way(position, swivel, lift, side):
    reach = np.linalg.norm(position)
    if not 0.2 < reach < 0.49:
        return
    pose = strokes.pose(position, (-1.0, 0.0, 0.0), hands.RELAXED, swivel=swivel, lift=lift)
    body = _body(pose, pose)
    _, places = forward_kinematics(body.matrices())
    shoulder, elbow, wrist = (places[0, JOINT_INDEX[f"{SIDES[side]}_{n}"]] for n in ("shoulder", "elbow", "wrist"))
    outward = np.array([1.0 if side == 0 else -1.0, 1.0, 1.0])
    got = (wrist - shoulder) * outward
    # the gesture space is that of an arm of 0.52 m; the two arms measure 0.521 and 0.524
    np.testing.assert_allclose(got, position, atol=0.006)
    assert (elbow - shoulder)[1] < 0.0 or position[1] > -0.15
    assert elbow_flexion(body)[0, side] > np.deg2rad(5)
    # never behind the back: the elbow opens forward
    assert wrist[2] > elbow[2] - 0.02


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("palm", [(-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (-0.6, 0.8, 0.0), (-0.3, 0.9, 0.3)])
def test_palm_faces_where_it_should(palm, side):
    pose = strokes.pose((0.05, -0.30, 0.26), palm, hands.FLAT, swivel=0.1)
    body = _body(pose, pose)
    rotations, places = forward_kinematics(body.matrices())
    name = SIDES[side]
    facing = rotations[0, JOINT_INDEX[f"{name}_wrist"]] @ np.array([0.0, -1.0, 0.0])
    forearm = places[0, JOINT_INDEX[f"{name}_wrist"]] - places[0, JOINT_INDEX[f"{name}_elbow"]]
    forearm /= np.linalg.norm(forearm)
    wanted = pose[PALM] * np.array([1.0 if side == 0 else -1.0, 1.0, 1.0])
    # a palm can only face across its forearm
    wanted = wanted - (wanted @ forearm) * forearm
    assert np.rad2deg(np.arccos(np.clip(facing @ wanted / np.linalg.norm(wanted), -1, 1))) < 20.0


def test_forearm_twist_is_shared_between_elbow_and_wrist():
    pose = strokes.pose((0.05, -0.30, 0.26), (-0.3, 0.9, 0.0), hands.FLAT)
    channels = solve_arm(pose, 0)
    x = np.zeros((1, ch.NUM_CHANNELS))
    x[0, ch.LEFT] = channels
    wrist = Rotation.from_rotvec(arm_rotations(x)[0, 0, 2])
    assert np.rad2deg(wrist.magnitude()) == pytest.approx(abs(np.rad2deg(channels[ch.PRONATION])) / 2, abs=0.1)


def test_mirror_image_poses_give_mirror_image_arms():
    pose = strokes.pose((0.05, -0.28, 0.27), (-0.8, 0.2, 0.1), hands.OPEN, swivel=0.2)
    x = np.zeros((1, ch.NUM_CHANNELS))
    x[0, ch.LEFT] = x[0, ch.RIGHT] = solve_arm(pose, 0)
    both = arm_rotations(x)[0]
    # shoulders only: the two forearms' rest axes differ by a few degrees
    np.testing.assert_allclose(both[1, 0], both[0, 0] * [1, -1, -1], atol=1e-12)


def test_fingers_close_towards_the_palm():
    for side in (0, 1):
        x = np.zeros((1, ch.NUM_CHANNELS))
        x[0, side * ch.ARM_SIZE :][ch.CURL] = 1.0
        poses = ch.linear_pose(x[0]).reshape(1, 55, 3)
        _, places = forward_kinematics(MotionFrames(poses, 30.0).matrices())
        for finger in ("index", "middle", "ring", "pinky"):
            base, tip = (places[0, JOINT_INDEX[f"{SIDES[side]}_{finger}{n}"]] for n in (1, 3))
            # T-pose: the palm faces down
            assert tip[1] < base[1] - 0.02


@pytest.mark.parametrize("stroke", strokes.LIBRARY, ids=lambda s: s.name)
def test_library_poses_are_in_front_of_the_body_and_reachable(stroke):
    for pose in (stroke.prepare, stroke.strike):
        if pose is None:
            assert stroke.lift.any()
            assert stroke.hit.any()
            continue
        assert 0.2 < np.linalg.norm(pose[POSITION]) < 0.50
        _, places = forward_kinematics(_body(pose, pose).matrices())
        chest = places[0, JOINT_INDEX["spine3"]]
        for name in SIDES:
            assert places[0, JOINT_INDEX[f"{name}_wrist"], 2] - chest[2] > 0.14


def test_names_ask_for_palms():
    def palm(name: str) -> np.ndarray:
        pose = strokes.LIBRARY[strokes.INDEX[name]].strike
        rotations, _ = forward_kinematics(_body(pose, pose).matrices())
        return rotations[0, JOINT_INDEX["left_wrist"]] @ np.array([0.0, -1.0, 0.0])

    for name in ("offer", "open_palms", "shrug", "other_open"):
        assert palm(name)[1] > 0.6, name
    # sideways, to the middle
    assert palm("chop")[0] < -0.8
    # back to the own chest
    assert palm("self")[2] < -0.6


def test_counting_extends_one_finger_after_another():
    bent = [(hands.counted(n)[:4] > 0.5).sum() for n in range(5)]
    assert bent == [4, 3, 2, 1, 0]


def test_chance_depends_on_seed_stream_and_counter_only():
    a = random_streams.uniform(3, random_streams.HEAD, 7, 4)
    np.testing.assert_array_equal(a, random_streams.uniform(3, random_streams.HEAD, 7, 4))
    for other in ((4, random_streams.HEAD, 7), (3, random_streams.FACE, 7), (3, random_streams.HEAD, 8)):
        assert not np.array_equal(a, random_streams.uniform(*other, 4))
    assert np.isfinite(random_streams.normal(-1, 2**40, 2**50, 3)).all()


def test_drift_is_smooth_and_of_about_unit_size():
    drift = idle.Drift(5)
    slow, fast = (np.array(a) for a in zip(*(drift.sample(f, 5) for f in range(3000)), strict=True))
    assert 0.6 < slow.std() < 1.1
    assert 0.6 < fast.std() < 1.1
    # a cubic B-spline's second difference is at most that of its control polygon
    for values, knot in ((slow, idle.SLOW_FRAMES), (fast, idle.FAST_FRAMES)):
        assert np.abs(np.diff(values, 2, axis=0)).max() < 1.45 * 4 * 2.2 / knot**2 * 1.01


def test_breath_is_continuous():
    rise = np.array([idle.breath(p) for p in np.linspace(0, 1, 1001)])
    assert rise.min() == pytest.approx(0.0, abs=1e-6)
    assert rise.max() == pytest.approx(1.0, abs=1e-6)
    assert np.abs(np.diff(rise)).max() < 0.005


def test_blinks_come_at_a_human_rate_and_length():
    mouth = face.Mouth(1)
    lids = []
    for frame in range(30 * 600):
        mouth.maybe_blink(frame, 30.0, 1)
        lids.append(mouth.lids(frame))
    closed = np.array(lids) > 0.02
    starts = np.flatnonzero(np.diff(closed.astype(int)) == 1)
    assert 13 <= len(starts) / 10 <= 20
    lengths = np.diff(np.flatnonzero(np.diff(np.r_[0, closed.astype(int), 0])))[::2] / 30
    assert lengths.min() > 0.12
    assert lengths.max() < 0.34
