"""Heads on six legs: the platform is read off the URDF, and its loops stay closed for every pose."""

from __future__ import annotations

import sysconfig
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from robot_variants import Variant
from scipy.spatial.transform import Rotation
from stewart_robot import stewart

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, NUM_JOINTS
from speech_gesture_pkg.retargeting.stewart_neck_retargeter import MOST_TURN, StewartNeckRetargeter, make_retargeter
from speech_gesture_pkg.robot.joint_map.auto_map import map_robot
from speech_gesture_pkg.robot.joint_map.kinematic_tree import Anatomy
from speech_gesture_pkg.robot.joint_map.report import mapping_table
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.robot.stewart_neck import clearance
from speech_gesture_pkg.robot.stewart_neck.forward_kinematics import passive_positions, plate_pose
from speech_gesture_pkg.robot.stewart_neck.platform import Platform, find_platform, turned
from speech_gesture_pkg.verification.self_collision import SelfCollision

RUN = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
REACHY_MINI = Path(sysconfig.get_paths()["purelib"]) / "reachy_mini/descriptions/reachy_mini/urdf/robot.urdf"


def rod_errors(text: str, platform: Platform, q: np.ndarray, rotations: np.ndarray) -> np.ndarray:
    """Rod lengths less their neutral ones, by the URDF's own kinematics: horns from the tree, the plate as a body."""
    robot = RobotModel.from_string(text)
    tree = Anatomy(robot)
    neutral = robot.neutral()
    slots = [robot.joint_index[n] for n in platform.joints]
    tips = [next(c for c in tree.children[tree.robot.full_names.index(n) + 1]) for n in platform.joints]
    balls = platform.balls + platform.centre - platform.height * platform.normal
    rods = np.linalg.norm(balls - [tree.poses[t][:3, 3] for t in tips], axis=1)
    errors = []
    for angles, rotation in zip(q, rotations, strict=True):
        full = neutral.copy()
        full[slots] = angles
        horns = robot.joint_transforms(full[None])[tips, 0, :3, 3]
        plate = platform.centre + platform.balls @ rotation.T
        errors.append(np.linalg.norm(plate - horns, axis=1) - rods)
    return np.array(errors)


def turns(rng: np.random.Generator, count: int, most: float) -> np.ndarray:
    axes = rng.normal(size=(count, 3))
    axes *= (rng.uniform(0, most, count) / np.linalg.norm(axes, axis=1))[:, None]
    return Rotation.from_rotvec(axes).as_matrix()


def found_in(text: str) -> Platform:
    platform = find_platform(Anatomy(RobotModel.from_string(text)))
    assert platform is not None
    return platform


@RUN
@given(seed=st.integers(0, 2**32 - 1))
def test_loops_stay_closed_and_motors_inside_their_limits(seed):
    rng = np.random.default_rng(seed)
    text = stewart(rng)
    platform = found_in(text)
    q, reached = platform.reach(turns(rng, 50, 2.5))
    assert (q >= platform.lower).all()
    assert (q <= platform.upper).all()
    assert np.abs(rod_errors(text, platform, q, reached)).max() < 1e-6
    assert np.abs(platform.leg_lengths(q, reached) - platform.lengths).max() < 1e-6


def assert_closed(robot: RobotModel, positions: dict[str, float], pairs: list[tuple[str, str]]) -> dict:
    """Frames that mark one point of a loop are at one place, by the URDF's own tree. Returns the link poses."""
    full = robot.neutral()
    for name, value in positions.items():
        full[robot.joint_index[name]] = value
    poses = robot.link_transforms(full)
    for one, two in pairs:
        np.testing.assert_allclose(poses[one][:3, 3], poses[two][:3, 3], atol=1e-6)
    return poses


@RUN
@given(seed=st.integers(0, 2**32 - 1))
def test_the_tree_with_its_passive_joints_is_closed_and_shows_the_head(seed):
    rng = np.random.default_rng(seed)
    robot = RobotModel.from_string(stewart(rng))
    retargeter = make_retargeter(robot, map_robot(robot))
    assert isinstance(retargeter, StewartNeckRetargeter)
    human = Rotation.from_rotvec(rng.normal(0, 0.12, 3))
    q, _ = retargeter.step(head_motion(Rotation.from_rotvec([human.as_rotvec()])), retargeter.start())
    q[0, retargeter.joint_names.index("body_yaw")] = 0.0
    pairs = [(f"end_{k}_a_link", f"end_{k}_b_link") for k in range(5)]
    poses = assert_closed(robot, retargeter.shown(q[0]), pairs)
    # (x, y, z) of the human (left, up, forward) are (y, z, x) of the robot.
    x, y, z = human.as_rotvec()
    turned = Rotation.from_rotvec([z, x, y]).as_matrix()
    np.testing.assert_allclose(poses["passive_6_z_link"][:3, :3], turned, atol=1e-6)


def test_motor_angles_that_no_pose_fits_are_named():
    platform = found_in(stewart(np.random.default_rng(0)))
    short = replace(platform, lengths=0.2 * platform.lengths)
    with pytest.raises(RobotError, match="no pose of the head fits"):
        plate_pose(short, np.array([0.8, -0.8, 0.8, -0.8, 0.8, -0.8]))


@RUN
@given(seed=st.integers(0, 2**32 - 1))
def test_what_can_be_reached_is_reached_and_the_rest_turns_about_the_same_axis(seed):
    rng = np.random.default_rng(seed)
    platform = found_in(stewart(rng))
    wanted = turns(rng, 40, 2.5)
    _, reached = platform.reach(wanted, 0.02)
    want, got = (Rotation.from_matrix(r).as_rotvec() for r in (wanted, reached))
    share = np.linalg.norm(got, axis=1) / np.linalg.norm(want, axis=1)
    np.testing.assert_allclose(got, share[:, None] * want, atol=1e-9)
    assert (share <= 1 + 1e-9).all()
    # A little farther than what was reached, a motor has no room left.
    short = share < 1 - 1e-6
    _, room = platform.motors(Rotation.from_rotvec((share + 0.01)[:, None] * want).as_matrix())
    assert (room[short] < 0.02).all()


def test_the_neutral_pose_has_the_neutral_angles_and_the_head_rests_where_motors_are_mid_range():
    text = stewart(np.random.default_rng(0))
    platform = found_in(text)
    q, _ = platform.motors(np.eye(3)[None], -platform.height * platform.normal)
    np.testing.assert_allclose(q, 0.0, atol=1e-9)
    # Motors from -0.9 to 0.9 are in the middle at 0; those from -0.4 to 1.4 and from -1.4 to 0.4 at 0.5 and -0.5.
    assert abs(platform.height) < 1e-3
    variant = Variant.of(text)
    for k in range(6):
        low, high = ("-0.4", "1.4") if k % 2 else ("-1.4", "0.4")
        variant.limit(f"motor_{k}").set("lower", low)
        variant.limit(f"motor_{k}").set("upper", high)
    other = found_in(variant.text)
    q, _ = other.motors(np.eye(3)[None])
    np.testing.assert_allclose(np.abs(q), 0.5, atol=0.03)
    assert abs(other.height) > 0.01


def test_a_smooth_head_motion_makes_smooth_motor_motion():
    """Also where the motors reach no farther: no jumps from one solution to the other."""
    platform = found_in(stewart(np.random.default_rng(3)))
    steps = []
    for count in (241, 961):
        t = np.linspace(0, 4, count)[:, None]
        path = Rotation.from_rotvec(0.5 * np.sin(np.array([2.0, 3.1, 1.3]) * t)).as_matrix()
        q, _ = platform.reach(path, 0.02, most=MOST_TURN)
        steps.append(np.abs(np.diff(q, axis=0)).max())
    assert steps[0] < 0.1
    assert steps[1] < 0.35 * steps[0]  # a jump would be as large however finely it is looked at


def head_motion(rotations: Rotation) -> MotionFrames:
    """SMPL-X frames of a head alone (axis-angle; x left, y up, z forward)."""
    poses = np.zeros((len(rotations), NUM_JOINTS, 3))
    poses[:, JOINT_INDEX["head"]] = rotations.as_rotvec()
    return MotionFrames(poses, 30.0)


@pytest.mark.parametrize("names", [None, ["a", "b", "c", "d", "e", "f"]])
def test_a_desk_robot_nods_shakes_and_tilts_its_head(names):
    robot = RobotModel.from_string(stewart(np.random.default_rng(1), names))
    found = map_robot(robot)
    assert found.platform is not None
    assert found.torso == ("body_yaw",)
    assert [f.joint for f in found.face] == ["left_antenna", "right_antenna"]
    assert found.missing == ("left_arm", "right_arm", "left_hand", "right_hand")
    assert any("platform of 6 motors" in w for w in found.warnings)
    assert {r.joint for r in mapping_table(robot, found)} == {*found.platform.joints, *found.joints}
    retargeter = make_retargeter(robot, found)
    assert isinstance(retargeter, StewartNeckRetargeter)
    assert set(retargeter.groups["head"]) == set(found.platform.joints)
    # A nod of 0.3 rad about the human's x (left) is one about the robot's y; and so on round the axes.
    for human, axis in (([1, 0, 0], 1), ([0, 1, 0], 2), ([0, 0, 1], 0)):
        q, _ = retargeter.step(head_motion(Rotation.from_rotvec([0.3 * np.array(human)])), retargeter.start())
        turn = Rotation.from_rotvec(0.3 * np.eye(3)[axis]).as_matrix()
        motors = q[0, [retargeter.joint_names.index(n) for n in found.platform.joints]]
        assert np.abs(found.platform.leg_lengths(motors[None], turn[None]) - found.platform.lengths).max() < 1e-6


def test_no_head_turns_farther_than_ball_joints_do():
    robot = RobotModel.from_string(stewart(np.random.default_rng(1)))
    retargeter = make_retargeter(robot, map_robot(robot))
    assert isinstance(retargeter, StewartNeckRetargeter)
    far, near = (retargeter.motors(head_motion(Rotation.from_rotvec([[0, a, 0]]))) for a in (1.5, MOST_TURN))
    np.testing.assert_allclose(far, near, atol=1e-9)


def test_other_frames_and_signs_give_the_same_motion():
    text = stewart(np.random.default_rng(5))
    rng = np.random.default_rng(6)
    variant = Variant.of(text).twist_frames(rng)
    flipped = variant.flip_axes(rng)
    plain, other = found_in(text), found_in(variant.text)
    rotations = turns(rng, 20, 0.4)
    q, p = plain.motors(rotations)[0], other.motors(rotations)[0]
    signs = np.array([-1.0 if n in flipped else 1.0 for n in plain.joints])
    assert plain.joints == other.joints
    np.testing.assert_allclose(p, q * signs, atol=1e-6)


def test_loops_that_are_open_in_the_neutral_pose_are_refused_or_left_alone():
    robot = RobotModel.from_string(stewart(np.random.default_rng(1), closed=False))
    with pytest.raises(RobotError, match="closed chain") as caught:
        map_robot(robot)
    assert "robot.strict" in str(caught.value)
    found = map_robot(robot, strict=False)
    assert found.platform is None
    assert set(found.groups) == {"torso", "face"}
    assert any("left alone" in w for w in found.warnings)
    retargeter = make_retargeter(robot, found)
    q, _ = retargeter.step(head_motion(Rotation.from_rotvec([[0.1, 0, 0]])), retargeter.start())
    assert np.isfinite(q).all()


def test_reachy_mini():
    if not REACHY_MINI.is_file():
        pytest.skip("pip package reachy-mini is not installed")
    text = REACHY_MINI.read_text(encoding="utf-8")
    platform = found_in(text)
    assert platform.joints == tuple(f"stewart_{k}" for k in range(1, 7))
    np.testing.assert_allclose(platform.lengths, 0.085, atol=1e-4)
    q, reached = platform.reach(turns(np.random.default_rng(1), 200, MOST_TURN))
    assert np.abs(rod_errors(text, platform, q, reached)).max() < 1e-6
    robot = RobotModel.from_string(text)
    for angles in q[:20]:
        positions = dict(zip(platform.joints, angles, strict=True)) | passive_positions(
            Anatomy(robot), platform, angles
        )
        assert_closed(robot, positions, [(f"closing_{k}_1", f"closing_{k}_2") for k in range(1, 6)])
    # Nods, tilts and turns of 0.6 rad are within its reach.
    size = [Rotation.from_matrix(r).magnitude() for r in reached]
    assert max(size) > 0.59
    found = map_robot(RobotModel.from_string(text))
    assert found.torso == ("yaw_body",)
    assert {f.joint for f in found.face} == {"left_antenna", "right_antenna"}


def test_head_stops_before_the_body(monkeypatch):
    """A flat head over a ball of 3 cm: tilted about a level axis, its plane nears the ball's centre as the cosine."""
    from trimesh import creation

    text = stewart(np.random.default_rng(0))
    tree = Anatomy(RobotModel.from_string(text))
    platform = find_platform(tree)
    middle = platform.centre - platform.height * platform.normal
    ball, plate = creation.icosphere(4, 0.03), creation.box((0.1, 0.1, 0.001))
    below = middle - [0.0, 0.0, 0.035]
    shapes = [np.asarray(m.vertices)[m.faces] + place for m, place in ((plate, middle), (ball, below))]
    monkeypatch.setattr(clearance, "_triangles", lambda _, bodies: shapes[0 if platform.plate in bodies else 1])
    monkeypatch.setattr(clearance, "_raises", lambda _: np.zeros(1))
    monkeypatch.setattr(clearance, "_GRAIN", 1e-4)
    found = clearance.with_room(tree, replace(platform, centre=middle, height=0.0))
    contact = np.arccos((0.03 + 0.0005) / 0.035)
    angle = np.linspace(0, 2 * np.pi, 20)
    level = np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
    free = found.room.most(level)
    assert (free < contact).all()
    assert (free > contact - clearance._STEP - clearance._MARGIN - 0.02).all()
    assert found.room.most(np.array([[0.0, 0.0, 1.0]]))[0] > contact + 0.1  # about the vertical nothing comes nearer
    _, reached = found.reach(turned(level, np.full(20, 0.6)))
    cosine = (np.trace(reached, axis1=1, axis2=2) - 1) / 2
    assert (np.arccos(cosine) < contact).all()


@pytest.mark.skipif(not REACHY_MINI.is_file(), reason="pip install --no-deps reachy-mini")
def test_head_of_reachy_mini_stays_clear_of_its_body():
    """By the independent checker, on the URDF's meshes; rods may touch the plate that they carry."""
    robot = RobotModel.from_file(REACHY_MINI)
    retargeter = make_retargeter(robot, map_robot(robot))
    wanted = turns(np.random.default_rng(2), 60, 1.0)
    motors, reached = retargeter.platform.reach(wanted, 0.03, most=MOST_TURN)
    poses = []
    for q in motors:
        full = retargeter.rest.copy()
        full[-6:] = q
        poses.append(retargeter.shown(full))
    names = list(poses[0])
    checker = SelfCollision(REACHY_MINI, names, [retargeter.platform.joints])
    found = checker.report(names, np.array([[pose[n] for n in names] for pose in poses]))
    assert found.shapes == "meshes"
    assert found.colliding == 0, found.worst
    cosine = (np.trace(reached, axis1=1, axis2=2) - 1) / 2
    assert np.degrees(np.arccos(cosine)).mean() > 15.0
