"""Speech on the bundled robot: the same every time, the guarantees kept, and no arm through the body.

Collisions are judged on the URDF's own collision geometry (Pinocchio and Coal), not on the capsules that the retargeter
and the composer use.
"""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import coal
import numpy as np
import pinocchio as pin
import pytest
from pipeline_auditor import Auditor

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.pipeline.build import load_robot
from speech_gesture_pkg.pipeline.offline import OfflineRun, run_offline
from speech_gesture_pkg.resources import DEMO_AUDIO, resource, robot_file
from speech_gesture_pkg.trajectory.windows import TRANSPORT
from speech_gesture_pkg.verification.motion_guarantees import urdf_limits

ARM_LINK = re.compile(r"(left|right)_.*(arm|hand|shoulder|elbow|wrist|thumb|index|middle|ring|pinky|finger|palm)")
CONFIG = GestureConfig().with_values({"robot.urdf": str(robot_file("demo"))})


@pytest.fixture(scope="module")
def robot():
    return load_robot(CONFIG)


@pytest.fixture(scope="module")
def demo_run(robot) -> OfflineRun:
    return run_offline(CONFIG, robot, read_audio(resource(DEMO_AUDIO)))


def arm_side(link: str) -> str:
    """left, right or body, by the names of the demo robot."""
    return link.split("_")[0] if ARM_LINK.match(link) else "body"


class Bodies:
    """The robot as its own collision shapes."""

    def __init__(self, path: Path, rest: dict[str, float]) -> None:
        self.model = pin.buildModelFromUrdf(str(path))
        self.data = self.model.createData()
        self.shapes = pin.buildGeomFromUrdf(self.model, str(path), pin.GeometryType.COLLISION)
        tree = ET.parse(path)
        self.mimic = {j.get("name", ""): m for j in tree.iter("joint") if (m := j.find("mimic")) is not None}
        objects = self.shapes.geometryObjects
        sides = [arm_side(self.model.frames[g.parentFrame].name) for g in objects]
        self.pairs = [
            (i, j)
            for i, j in itertools.combinations(range(len(objects)), 2)
            if sides[i] != sides[j] and not self._neighbours(objects[i], objects[j])
        ]
        assert len(self.pairs) > 200
        at_rest = set(self.colliding(rest))
        self.pairs = [p for p in self.pairs if p not in at_rest]

    def _neighbours(self, a, b) -> bool:
        """On the same link or on links next to each other: these touch by construction."""
        parents = self.model.parents
        one, two = a.parentJoint, b.parentJoint
        return one == two or parents[one] == two or parents[two] == one

    def configuration(self, joints: dict[str, float]) -> np.ndarray:
        q = pin.neutral(self.model)
        values = dict(joints)
        for name, m in self.mimic.items():
            leader = values.get(m.get("joint", ""), 0.0)
            values[name] = float(m.get("multiplier", 1)) * leader + float(m.get("offset", 0))
        for name, value in values.items():
            q[self.model.joints[self.model.getJointId(name)].idx_q] = value
        return q

    def colliding(self, joints: dict[str, float]) -> list[tuple[int, int]]:
        geometry = pin.GeometryData(self.shapes)
        pin.updateGeometryPlacements(self.model, self.data, self.shapes, geometry, self.configuration(joints))
        places = [coal.Transform3s(m.rotation, m.translation) for m in geometry.oMg]
        forms = [g.geometry for g in self.shapes.geometryObjects]
        request, found = coal.CollisionRequest(), []
        for i, j in self.pairs:
            result = coal.CollisionResult()
            if coal.collide(forms[i], places[i], forms[j], places[j], request, result):
                found.append((i, j))
        return found


@pytest.fixture(scope="module")
def bodies(robot) -> Bodies:
    rest = dict(zip(robot.retargeter.joint_names, robot.retargeter.rest, strict=True))
    return Bodies(robot_file("demo"), rest)


def assert_guarantees(run: OfflineRun) -> int:
    """Every window of every controller, by the auditor; returns how many joints move."""
    limits = urdf_limits(robot_file("demo").read_text(encoding="utf-8"))
    moving, lead = 0, CONFIG.trajectory.lead
    for windows in run.windows.values():
        names = windows[0].joint_names
        lower, upper, speed = (np.array([limits[n][k] for n in names]) for k in range(3))
        auditor = Auditor(names, lower, upper, speed, np.full(len(names), 250.0), windows[0].position[0])
        for window in windows:
            auditor.receive(window, window.send_by - lead + TRANSPORT, lead, CONFIG.trajectory.window)
        table = np.concatenate([w.position for w in windows])
        moving += int((np.ptp(table, axis=0) > 0.02).sum())
    return moving


def assert_no_contact(run: OfflineRun, bodies: Bodies, every: int) -> None:
    touching = []
    for t, row in zip(run.joints.time[::every], run.joints.position[::every], strict=True):
        pairs = bodies.colliding(dict(zip(run.joints.joint_names, row, strict=True)))
        names = [g.name for g in bodies.shapes.geometryObjects]
        touching += [f"{t:.2f}: {names[i]} with {names[j]}" for i, j in pairs]
    assert touching == []


def test_the_collision_judge_sees_a_hand_in_the_body(bodies, robot):
    """It is no judge if it never finds anything: arms folded into the chest."""
    joints = dict(zip(robot.retargeter.joint_names, robot.retargeter.rest, strict=True))
    assert bodies.colliding(joints) == []
    rng = np.random.default_rng(0)
    model = robot.model
    hits = 0
    for _ in range(20):
        q = rng.uniform(np.maximum(model.lower, -3), np.minimum(model.upper, 3))
        hits += bool(bodies.colliding(dict(zip(model.joint_names, q, strict=True))))
    assert hits >= 3


def test_the_same_speech_gives_identical_windows(demo_run, robot):
    again = run_offline(CONFIG, load_robot(CONFIG), read_audio(resource(DEMO_AUDIO)))
    assert {n: len(w) for n, w in again.windows.items()} == {n: len(w) for n, w in demo_run.windows.items()}
    for name, windows in demo_run.windows.items():
        for one, two in zip(windows, again.windows[name], strict=True):
            assert one.stamp == two.stamp
            assert one.joint_names == two.joint_names
            for key in ("time_from_start", "position", "velocity", "acceleration"):
                np.testing.assert_array_equal(getattr(one, key), getattr(two, key))


def test_the_demo_speech_keeps_the_guarantees_and_moves_the_whole_robot(demo_run):
    assert assert_guarantees(demo_run) > 12
    assert demo_run.events == []
    # all controllers send together
    stamps = [[w.stamp for w in windows] for windows in demo_run.windows.values()]
    assert all(s == stamps[0] for s in stamps)


def test_the_demo_speech_touches_nothing(demo_run, bodies):
    assert_no_contact(demo_run, bodies, every=2)


def test_other_chunks_give_nearly_the_same_motion(demo_run, robot):
    """Audio in messages of another length: the same strokes at the same times."""
    other = run_offline(CONFIG, robot, read_audio(resource(DEMO_AUDIO)), chunk_s=0.02)
    ours, theirs = demo_run.joints, other.joints
    begin, end = ours.time[0] + 1.0, min(ours.time[-1], theirs.time[-1])
    grid = np.arange(begin, end, 0.05)
    for j in range(len(ours.joint_names)):
        one = np.interp(grid, ours.time, ours.position[:, j])
        two = np.interp(grid, theirs.time, theirs.position[:, j])
        if np.ptp(one) > 0.2:
            assert np.corrcoef(one, two)[0, 1] > 0.8, ours.joint_names[j]


def test_real_speech_keeps_the_guarantees_and_touches_nothing(shared_data, robot, bodies):
    files = sorted((shared_data / "librispeech_flac").rglob("*.flac"))
    if not files:
        pytest.skip("no LibriSpeech file in ../shared/data")
    audio = read_audio(files[0])
    run = run_offline(CONFIG, robot, AudioChunk(audio.samples[: 15 * 16000], 0.0))
    assert assert_guarantees(run) > 12
    assert [e for e in run.events if e.severity.name == "ERROR"] == []
    assert_no_contact(run, bodies, every=2)
