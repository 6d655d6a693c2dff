"""Self-collision in bags: which links touch, and when, on a robot whose answer is known by geometry."""

from __future__ import annotations

import json

import numpy as np
import pytest
from bag_writing import BagWriter, joint_state, trajectory
from robot_builder import Builder

from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.verification.bag_collision import bag_contacts

LINKS = "elbow_link - waist_link"
SECONDS, FAST = 4.0, 50.0


@pytest.fixture
def urdf(tmp_path):
    """A trunk of 0.1 m radius; a ball of 0.05 m on an arm of 0.3 m, 0.3 m beside it, that swings about x."""
    robot = Builder()
    trunk = robot.add("waist", "base_link", (0, 0, 0.5), (0, 0, 1), centre=(0, 0, 0), radius=0.1)
    upper = robot.add("shoulder", trunk, (0, 0.3, 0.3), (1, 0, 0), (-2, 2), centre=(0, 0, 0))
    robot.add("elbow", upper, (0, 0, -0.15), (1, 0, 0), (-2, 2), centre=(0, 0, -0.15), radius=0.05)
    path = tmp_path / "arm.urdf"
    path.write_text(robot.text)
    return path


def swing(t: np.ndarray) -> np.ndarray:
    """Shoulder: towards the trunk and back once in 4 s, rad."""
    return -0.35 * (1 - np.cos(2 * np.pi * t / SECONDS))


def touching(t: np.ndarray) -> np.ndarray:
    angle = -swing(t)
    hand = np.stack([0.3 - 0.3 * np.sin(angle), 0.8 - 0.3 * np.cos(angle)], 1)
    return np.linalg.norm(hand - [0.0, 0.5], axis=1) < 0.15


def write(path, commands: bool, states: bool):
    """4 s of one window and of joint states at 50 Hz, from time 100 s on; the state also names a wheel."""
    times = np.arange(0.0, SECONDS + 1e-9, 1 / FAST)
    q = np.stack([swing(times), 0 * times], 1)
    with BagWriter(path) as bag:
        if commands:
            speed = np.gradient(q, times, axis=0)
            message = trajectory(("shoulder", "elbow"), 100.0, times, q, speed, np.gradient(speed, times, axis=0))
            bag.write("/arm/joint_trajectory", message, 99.9)
        for t, row in zip(times, q, strict=True) if states else ():
            bag.write("/joint_states", joint_state(("wheel", "shoulder", "elbow"), 100 + t, [0.0, *row]), 100 + t)
            bag.write("/face", joint_state(("jawOpen",), 100 + t, [0.5]), 100 + t)
    return path


def test_pair_and_time_of_contact(urdf, tmp_path):
    dense = np.linspace(0, SECONDS, 4001)
    known = dense[touching(dense)]
    assert 0.5 < np.ptp(known) < 3.0
    found = bag_contacts(write(tmp_path / "bag", True, True), urdf, 25.0)
    assert [f.source for f in found] == ["commanded", "measured"]
    for f in found:
        assert f.shapes == "meshes"
        assert f.seconds == pytest.approx(SECONDS, abs=0.05)
        (contact,) = f.contacts
        assert contact.pair == LINKS
        assert (contact.begin, contact.end) == pytest.approx((known[0], known[-1]), abs=0.05)
        assert f.share == pytest.approx(len(known) / len(dense), abs=0.02)
        assert not f.free


def test_contacts_of_one_limb_are_told_apart(urdf, tmp_path):
    found = bag_contacts(write(tmp_path / "bag", False, True), urdf, 25.0, [("waist", "shoulder", "elbow")])
    assert [f.source for f in found] == ["measured"]
    assert found[0].free
    assert found[0].share == 0.0
    assert [c.within for c in found[0].contacts] == [True]


def test_nothing_to_look_at(urdf, tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        bag.write("/face", joint_state(("jawOpen",), 100.0, [0.5]), 100.0)
    with pytest.raises(InputError, match="neither JointTrajectory nor JointState"):
        bag_contacts(tmp_path / "bag", urdf)


def test_command(demo_urdf, tmp_path, capsys):
    """A hand driven through the chest breaks the check; without --meshes it is not looked for."""
    joints = ("left_shoulder_pitch", "left_shoulder_roll", "left_shoulder_yaw", "left_elbow")
    times = np.arange(0.0, 6.0, 0.05)
    blend = 0.5 - 0.5 * np.cos(np.pi * np.minimum(times / 5.0, 1.0))
    q = blend[:, None] * np.array([-0.6, 0.0, 1.2, 2.0])
    with BagWriter(tmp_path / "bag") as bag:
        speed = np.gradient(q, times, axis=0)
        speed[-1] = 0.0
        bag.write("/a/joint_trajectory", trajectory(joints, 100.0, times, q, speed, 0 * q), 99.9)
    code = main(f"check {tmp_path}/bag --urdf {demo_urdf} --meshes --rate 5 --json".split())
    result = json.loads(capsys.readouterr().out)
    pairs = {c["pair"] for c in result["contacts"][0]["contacts"]}
    assert code == 1
    assert any("torso" in p for p in pairs)
    assert main(f"check {tmp_path}/bag --urdf {demo_urdf} --rate 0".split()) == 4
    assert "--rate is 0; it must be in [0.1, 200]" in capsys.readouterr().err
