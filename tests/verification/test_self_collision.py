"""The independent checker of self-collision and limits, on robots whose answer is known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from robot_builder import Builder

from benchmarks.limits import limit_violations
from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.verification.self_collision import SelfCollision


@pytest.fixture
def two_arms(tmp_path):
    """A trunk of 0.1 m radius and two hanging arms 0.3 m long, 0.3 m out, that turn about x at their shoulders."""
    robot = Builder()
    trunk = robot.add("waist", "base_link", (0, 0, 0.5), (0, 0, 1), centre=(0, 0, 0), radius=0.1)
    for side, sign in (("left", 1), ("right", -1)):
        upper = robot.add(f"{side}_shoulder", trunk, (0, 0.3 * sign, 0.3), (1, 0, 0), (-2, 2), centre=(0, 0, 0))
        robot.add(f"{side}_elbow", upper, (0, 0, -0.15), (1, 0, 0), (-2, 2), centre=(0, 0, -0.15), radius=0.05)
    path = tmp_path / "two_arms.urdf"
    path.write_text(robot.text)
    return path


ARMS = (("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow"))
NAMES = ("waist", *ARMS[0], *ARMS[1])


def test_contact_begins_where_spheres_touch(two_arms):
    """A hand of 0.05 m swings towards the trunk's middle 0.3 m away and 0.3 m below: the gap is known by geometry."""
    checker = SelfCollision(two_arms, NAMES, ARMS)
    assert checker.shapes == "meshes"
    angles = np.linspace(0.0, 1.4, 141)  # about x: a positive turn carries the left hand to +y, a negative one inwards
    q = np.zeros((len(angles), 5))
    q[:, 1] = -angles
    hand = np.stack([0.3 - 0.3 * np.sin(angles), 0.8 - 0.3 * np.cos(angles)], 1)
    touching = np.linalg.norm(hand - [0.0, 0.5], axis=1) < 0.15
    assert 20 < touching.sum() < 120
    found = checker.report(NAMES, q)
    assert found.frames == 141
    assert abs(found.colliding - touching.sum()) <= 1
    assert found.percent == pytest.approx(100 * found.colliding / 141)
    assert found.within == 0
    assert list(found.worst) == ["left_elbow_link - waist_link"]


def test_a_limb_that_touches_itself_is_told_apart(two_arms):
    """An elbow cannot be bent into its own shoulder here, but arms of one limb can: call both arms one limb."""
    q = np.zeros((1, 5))
    q[0, [1, 3]] = -np.pi / 2, np.pi / 2  # both forearms point inwards and meet in the middle
    apart, one = (SelfCollision(two_arms, NAMES, limbs).report(NAMES, q) for limbs in (ARMS, ((*ARMS[0], *ARMS[1]),)))
    assert (apart.colliding, apart.within) == (1, 0)
    assert (one.colliding, one.within) == (0, 1)


def test_pairs_that_do_not_move_or_touch_at_neutral_are_left_out(two_arms, tmp_path):
    assert SelfCollision(two_arms, (), ARMS).pairs == []
    wide = tmp_path / "wide.urdf"
    wide.write_text(two_arms.read_text().replace('radius="0.1"', 'radius="0.5"'))
    kept = SelfCollision(wide, NAMES, ARMS)
    assert not any("waist" in kept.names[i] + kept.names[j] for i, j in kept.pairs)


def test_fingers_of_one_hand_may_meet(tmp_path):
    robot = Builder()
    hand = robot.add("wrist", "base_link", (0, 0, 1), radius=0.03)
    for name, y in (("thumb", 0.05), ("index", -0.05)):
        robot.add(name, hand, (0, y, 0), (1, 0, 0), centre=(0, 0, -0.06), radius=0.02)
    path = tmp_path / "hand.urdf"
    path.write_text(robot.text)
    q = np.array([[0.0, -1.0, 1.0]])
    names = ("wrist", "thumb", "index")
    assert SelfCollision(path, names).report(names, q).colliding == 1
    assert SelfCollision(path, names, (), [names[1:]]).report(names, q).colliding == 0


def test_links_without_readable_meshes_are_ellipsoids_of_their_inertia(tmp_path):
    """A solid sphere of water: its ellipsoid is itself, so that two 0.3 m apart with radius 0.14 do not touch."""
    radius = 0.14
    mass = 4 / 3 * np.pi * radius**3 * 1000
    moment = 0.4 * mass * radius**2

    def link(name):
        inertia = " ".join(f'i{k}="{moment if k[0] == k[1] else 0}"' for k in ("xx", "yy", "zz", "xy", "xz", "yz"))
        shape = '<collision><geometry><mesh filename="nowhere.stl"/></geometry></collision>'
        return f'<link name="{name}"><inertial><mass value="{mass}"/><inertia {inertia}/></inertial>{shape}</link>'

    def joint(name, parent, child, y):
        return (
            f'<joint name="{name}" type="prismatic"><parent link="{parent}"/><child link="{child}"/>'
            f'<origin xyz="0 {y} 0"/><axis xyz="0 1 0"/><limit lower="-1" upper="1" velocity="1" effort="1"/></joint>'
        )

    text = "".join(link(n) for n in ("base", "a", "b")) + joint("ja", "base", "a", 1) + joint("jb", "base", "b", 1.3)
    path = tmp_path / "balls.urdf"
    path.write_text(f'<robot name="balls">{text}</robot>')
    checker = SelfCollision(path, ("ja", "jb"))
    assert checker.shapes == "inertia ellipsoids"
    found = checker.report(("ja", "jb"), np.array([[0, 0], [0.03, 0], [0.019, 0]]))
    assert (found.frames, found.colliding) == (3, 1)


def test_limits_by_divided_differences(two_arms):
    """Range 1.5 rad, 3 rad/s, 9 rad/s^2: a sine of amplitude 1 and 3 rad/s has velocity 3 and acceleration 9."""
    text, names = two_arms.read_text(), ("waist",)
    times = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.03, 400))
    within = limit_violations(text, names, times, np.sin(3 * times)[:, None], np.array([9.0]))
    assert within == {"position": 0, "velocity": 0, "acceleration": 0}
    found = limit_violations(text, names, times, 1.6 * np.sin(2.5 * times)[:, None], np.array([9.0]))
    assert all(count > 0 for count in found.values())
    assert found["position"] == (np.abs(1.6 * np.sin(2.5 * times)) > 1.5).sum()


def test_a_file_that_is_no_robot_is_refused(tmp_path):
    (tmp_path / "x.urdf").write_text("<robot")
    with pytest.raises(RobotError, match=r"Pinocchio cannot read URDF .*x\.urdf"):
        SelfCollision(tmp_path / "x.urdf", ())
