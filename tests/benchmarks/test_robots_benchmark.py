"""`python -m benchmarks robots` and `robot check`: tables and pictures of any robot, without files of other robots."""

from __future__ import annotations

import json

import numpy as np
import pytest
from robot_builder import Builder
from stewart_robot import stewart

from benchmarks.__main__ import main as benchmark
from benchmarks.pink import need_pink
from benchmarks.tracking import Tally, motors_of, whole_poses
from speech_gesture_pkg.cli import robot
from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.cli.robot import capsule_places, grouped, look_at
from speech_gesture_pkg.cli.robot_poses import GESTURES, POSES, check_poses, pose_motion
from speech_gesture_pkg.errors import ConfigError, MissingDependencyError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.npz import save_motion
from speech_gesture_pkg.resources import ROBOTS, resource, robot_file, robot_path
from speech_gesture_pkg.retargeting.targets import human_targets
from speech_gesture_pkg.robot.joint_map.robot_map import limbs_and_hands
from speech_gesture_pkg.verification.self_collision import SelfCollision


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Two arms of four and five joints and a head on a trunk without any shape."""
    made = Builder()
    for side in ("left", "right"):
        made.arm("base_link", side, 1.2, wrists=1 if side == "left" else 2)
    made.head("base_link", 1.4)
    path = tmp_path_factory.mktemp("robot") / "built.urdf"
    path.write_text(made.text)
    return path


@pytest.fixture(scope="module")
def motion(tmp_path_factory):
    """Two seconds from the offer to the stop gesture."""
    ends = [pose_motion(label).poses[0] for label in ("offer", "stop")]
    share = (0.5 - 0.5 * np.cos(np.linspace(0, np.pi, 60)))[:, None, None]
    path = tmp_path_factory.mktemp("motion") / "motion.npz"
    save_motion(path, MotionFrames((1 - share) * ends[0] + share * ends[1], 30.0))
    return path


def test_poses_show_what_they_are_called():
    """Body frame of the targets: x forward, y left, z up; checked on joint positions, not on the angles given."""
    targets = {label: human_targets(pose_motion(label)) for label in POSES}
    for label in ("offer", "shrug", "list"):
        assert targets[label].palms[0, 0, 2, 1] > 0.8, f"{label}: the left palm is up"
    assert targets["offer"].palms[0, 1, 2, 1] > 0.8
    assert targets["point"].fore[0, 1, 0] > 0.95  # forward
    assert targets["stop"].fore[0, 1, 2] > 0.7  # upright
    assert targets["stop"].palms[0, 1, 0, 1] > 0.7  # palm forward
    for side, sign in ((0, 1), (1, -1)):
        assert targets["shrug"].fore[0, side, 2] > 0.3
        assert targets["shrug"].fore[0, side, 1] * sign > 0.5
        assert targets["T-pose"].upper[0, side, 1] * sign > 0.9
    fingers = targets["point"].drives[0]
    assert np.abs(fingers).max() > 1.0


def test_the_table_of_robots(built, motion, capsys):
    assert benchmark(["robots", "demo", str(built), "--motion", str(motion), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["frames"] == 60
    assert list(result["robots"]) == ["demo", str(built)]
    for figures in (r["tracking"] for r in result["robots"].values()):
        assert figures["violations"] == 0
        assert figures["colliding"] == 0
        assert 0 < figures["p50_ms"] <= figures["p99_ms"]
        assert figures["forearm_p95"] < 25
    demo = result["robots"]["demo"]["tracking"]
    assert demo["joints"] == 20
    assert demo["upper_arm_mean"] < 5


def test_the_table_with_speech_and_a_robot_that_is_refused(built, motion, tmp_path, capsys):
    bare = tmp_path / "bare.urdf"
    bare.write_text('<robot name="bare"><link name="base"/></robot>')
    speech = str(resource("models/audio/demo_speech.wav"))
    line = f"robots {built} {bare} --motion {motion} --speech {speech} --minutes 0.05".split()
    assert benchmark(line) == 0
    out = capsys.readouterr().out
    assert f"| {bare} | refused: " in out
    spoken = next(row for row in out.splitlines() if row.startswith(f"| {built} | 0.1 |"))
    assert "0.00" in spoken
    assert "| 0 / 0 / 0 |" in spoken


def test_against_pink(built, motion, capsys):
    pytest.importorskip("pink", reason="the reference solver is not installed (pip install pin-pink)")
    assert benchmark(["robots", str(built), "--motion", str(motion), "--against", "pink", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["robots"][str(built)]
    assert figures["pink"]["upper_arm_mean"] < 10
    assert figures["pink"]["p50_ms"] > 0
    assert set(figures["pink"]) == set(figures["tracking"])


def test_pink_is_named_where_it_is_missing(monkeypatch, built, motion, capsys):
    monkeypatch.setitem(__import__("sys").modules, "pink", None)
    with pytest.raises(MissingDependencyError, match="pip install pin-pink"):
        need_pink()
    assert benchmark(["robots", str(built), "--motion", str(motion), "--against", "pink"]) == 7


def test_names_of_robots(monkeypatch):
    assert robot_path("demo") == robot_file("demo")
    assert str(robot_path("some/where.urdf")) == "some/where.urdf"
    with pytest.raises(ConfigError, match="'robby' is unknown; it must be one of: demo, g1"):
        robot_path("robby")

    def absent(name):
        from importlib.metadata import PackageNotFoundError

        raise PackageNotFoundError(name)

    monkeypatch.setattr("speech_gesture_pkg.resources.distribution", absent)
    for name in ROBOTS[1:]:
        with pytest.raises(MissingDependencyError, match=f"'{name}' comes with the Python package .*pip install"):
            robot_file(name)
    assert robot_file("demo").is_file()


def test_motors_under_a_head_are_held_against_their_positions_and_shapes(tmp_path):
    """The table's checker poses the whole platform, and counts motors that are sent beyond their limits."""
    path = tmp_path / "desk.urdf"
    path.write_text(stewart(np.random.default_rng(1)))
    checked = look_at(str(path))
    retargeter = checked.retargeter
    motors = motors_of(retargeter)
    assert len(motors) == 6
    names, poses = whole_poses(retargeter, np.repeat(retargeter.rest[None], 2, 0))
    passive = [n for n in checked.model.joint_names if n.startswith("passive")]
    assert set(names) >= {*motors, *passive}
    assert poses.shape == (2, len(names))
    tally = Tally(retargeter, SelfCollision(path, names, *limbs_and_hands(checked.map)))
    motion = pose_motion("list", 10)
    q, _ = retargeter.step(motion, retargeter.start())
    tally.spent.append(1e-3)
    tally.add(motion, q)
    assert tally.figures(np.zeros(0, int))["violations"] == 0
    beyond = q.copy()
    beyond[3, retargeter.joint_names.index(motors[2])] = 0.95  # its limit is 0.9
    tally = Tally(retargeter, SelfCollision(path, names, *limbs_and_hands(checked.map)))
    tally.spent.append(1e-3)
    tally.add(motion, beyond)
    assert tally.figures(np.zeros(0, int))["violations"] == 1


def test_a_sheet_with_capsules_and_a_sheet_of_robots(built, tmp_path, capsys):
    from PIL import Image

    assert main(["robot", "check", str(built), "--png", str(tmp_path / "a.png")]) == 0
    assert main(["robot", "check", str(built), "--capsules", "--png", str(tmp_path / "b.png")]) == 0
    assert main(["robot", "check", "demo", str(built), "--png", str(tmp_path / "c.png")]) == 0
    plain, covered, many = (np.asarray(Image.open(tmp_path / f"{n}.png").convert("RGB"), int) for n in "abc")

    def orange(picture):
        return ((picture[..., 0] - picture[..., 2] > 60) & (picture[..., 1] - picture[..., 2] > 10)).sum()

    assert orange(covered) > orange(plain) + 2000
    width, height = robot._SMALL
    assert many.shape[:2] == (len(GESTURES) * (height + 3) - 3, 3 * (width + 3) - 3)
    assert capsys.readouterr().out.count("left_shoulder_pitch") >= 4
    assert main(["robot", "check", "demo", str(built), "--yaml", str(tmp_path / "m.yaml")]) == 4


def test_capsules_are_drawn_where_the_links_are(built):
    """The builder's forearm sphere: 0.12 m below the elbow, radius 0.035 m."""
    checked = look_at(str(built))
    q = dict(check_poses(checked.retargeter))["point"]
    model = checked.model
    full = model.neutral()
    for name, value in q.items():
        full[model.joint_index[name]] = value
    pose = model.link_transforms(full)["right_elbow_link"]
    places = [
        (a + b) / 2
        for (a, b, radius), c in zip(
            capsule_places(checked, q), robot.inner_collision(checked.retargeter).capsules, strict=True
        )
        if c.link == "right_elbow_link" and radius < 0.04
    ]
    np.testing.assert_allclose(places, [(pose @ [0, 0, -0.12, 1])[:3]], atol=1e-6)


def test_sentences_that_differ_only_in_the_joint_are_told_once():
    said = ["joint 'a': too fast", "joint 'b': too fast", "the robot looks back", "x: other"]
    assert grouped(said) == ["joint 'a', joint 'b': too fast", "the robot looks back", "x: other"]
    assert grouped([f"{k}: much" for k in range(9)], keep=2) == ["0, 1 and 7 more: much"]
