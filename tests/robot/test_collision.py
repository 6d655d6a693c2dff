"""Capsules and the collision model against independent computations."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from robot_variants import Variant

from speech_gesture_pkg.robot.collision.capsules import fit_capsules, segment_distances
from speech_gesture_pkg.robot.collision.model import CollisionModel
from speech_gesture_pkg.robot.joint_map.auto_map import map_robot
from speech_gesture_pkg.robot.meshes import find_mesh
from speech_gesture_pkg.robot.model import RobotModel


@pytest.fixture(scope="module")
def robot(demo_urdf):
    return RobotModel.from_file(demo_urdf)


@pytest.fixture(scope="module")
def model(robot):
    return CollisionModel(robot, map_robot(robot))


def sampled_distance(p0, p1, q0, q1, count=400) -> float:
    """Smallest distance between densely sampled points of two segments: an upper bound that converges."""
    s = np.linspace(0, 1, count)[:, None]
    a, b = p0 + s * (p1 - p0), q0 + s * (q1 - q0)
    return float(np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1)).min())


def test_segment_distance_against_dense_sampling():
    random = np.random.default_rng(2)
    ends = random.normal(size=(60, 4, 3))
    ends[:10, 1] = ends[:10, 0]  # points instead of segments
    ends[5:15, 3] = ends[5:15, 2]
    ends[15:25, 3] = ends[15:25, 2] + 2 * (ends[15:25, 1] - ends[15:25, 0])  # parallel
    ends[25:30] *= [[[1], [1], [0.01], [0.01]]]
    squared, s, t = segment_distances(*(ends[:, k] for k in range(4)))
    for k, (p0, p1, q0, q1) in enumerate(ends):
        found = math.sqrt(squared[k])
        sampled = sampled_distance(p0, p1, q0, q1)
        assert found <= sampled + 1e-9
        assert found >= sampled - 0.02
        # The witness points lie on the segments and are that far apart.
        apart = np.linalg.norm(p0 + s[k] * (p1 - p0) - q0 - t[k] * (q1 - q0))
        assert apart == pytest.approx(found, abs=1e-9)
    assert ((s >= 0) & (s <= 1) & (t >= 0) & (t <= 1)).all()


def surface_points(shape, random: np.random.Generator, count: int = 400) -> np.ndarray:
    """Random points of a shape's surface or inside, in its own frame."""
    if shape.kind == "box":
        return random.uniform(-0.5, 0.5, (count, 3)) * shape.size
    if shape.kind == "sphere":
        v = random.normal(size=(count, 3))
        return v / np.linalg.norm(v, axis=1)[:, None] * shape.size[0]
    angle = random.uniform(0, 2 * math.pi, count)
    radius, length = shape.size
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), random.uniform(-0.5, 0.5, count) * length], 1)


def test_capsules_cover_the_collision_shapes(robot):
    random = np.random.default_rng(3)
    capsules, warnings = fit_capsules(robot)
    assert warnings == []
    for name, link in robot.links.items():
        own = [c for c in capsules if c.link == name]
        _, local = robot.link_frames[name]
        for shape in link.collisions:
            points = surface_points(shape, random)
            frame = local @ shape.origin
            points = points @ frame[:3, :3].T + frame[:3, 3]
            gaps = []
            for c in own:
                span = c.end - c.start
                t = np.clip((points - c.start) @ span / max(span @ span, 1e-12), 0, 1)
                gaps.append(np.linalg.norm(points - c.start - t[:, None] * span, axis=1) - c.radius)
            assert np.min(gaps, 0).max() < 1e-9, name


def test_pairs_are_arms_against_the_rest(model):
    def part(link: str) -> str:
        return link.split("_")[0] if link.startswith(("left", "right")) and "thigh" not in link else "body"

    links = [(model.capsules[a].link, model.capsules[b].link) for a, b in model.pairs]
    assert ("left_hand", "right_hand") in links or ("right_hand", "left_hand") in links
    assert not [p for p in links if "shin" not in p[0] + p[1] and part(p[0]) == part(p[1])]
    assert ("torso", "left_forearm") in links
    assert ("head", "right_hand") in links
    assert model.warnings == []


def test_distance_against_dense_sampling(robot, model):
    random = np.random.default_rng(4)
    q = random.uniform(robot.lower, robot.upper, (6, len(robot.joint_names)))
    distances = model.distance(q)
    for k in range(len(q)):
        poses = robot.link_transforms(q[k])
        placed = []
        for c in model.capsules:
            # Independent placement: the link's pose, with the capsule taken back into the link's own frame.
            _, local = robot.link_frames[c.link]
            pose = poses[c.link] @ np.linalg.inv(local)
            placed.append([pose[:3, :3] @ p + pose[:3, 3] for p in (c.start, c.end)])
        best = math.inf
        for (a, b), extra in zip(model.pairs, model.allowance, strict=True):
            radius = model.capsules[a].radius + model.capsules[b].radius - extra
            middle = np.linalg.norm(np.mean(placed[a], 0) - np.mean(placed[b], 0))
            half = sum(np.linalg.norm(np.subtract(*placed[i])) / 2 for i in (a, b))
            if middle - half - radius < best:
                best = min(best, sampled_distance(*placed[a], *placed[b], 60) - radius)
        assert distances[k] <= best + 1e-9
        assert distances[k] > best - 0.01


def test_known_poses(robot, model):
    def q_of(**positions):
        q = np.zeros(len(robot.joint_names))
        for name, value in positions.items():
            q[robot.joint_index[name]] = value
        return q

    spread = q_of(left_shoulder_roll=1.5, right_shoulder_roll=-1.5)
    into_chest = q_of(left_shoulder_pitch=-0.6, left_shoulder_yaw=-1.5, left_elbow=-2.2)
    hands_meet = q_of(
        left_shoulder_pitch=-1.2, right_shoulder_pitch=-1.2, left_shoulder_roll=-0.45, right_shoulder_roll=0.45
    )
    free = model.is_free(np.stack([np.zeros_like(spread), spread, into_chest, hands_meet]))
    assert free.tolist() == [True, True, False, False]
    assert not model.is_free(np.zeros((1, len(spread))), margin=0.2)[0]


def test_nearest_pair(robot, model):
    random = np.random.default_rng(5)
    q = random.uniform(robot.lower, robot.upper)
    gap, one, two, p, w = model.nearest(q)
    assert gap == pytest.approx(model.distance(q[None])[0])
    extra = gap - (np.linalg.norm(p - w) - one.radius - two.radius)
    assert min(abs(extra - a) for a in {0.0, *model.allowance}) == pytest.approx(0.0, abs=1e-9)


def test_pairs_that_are_close_at_rest_count_from_there(robot, model):
    """Arms pressed a little against the body at rest: still checked, and free there."""
    rest = np.zeros((2, len(robot.joint_names)))
    for name, value in {"left_shoulder_roll": -0.06, "right_shoulder_roll": 0.06}.items():
        rest[:, robot.joint_index[name]] = value
    pressed = CollisionModel(robot, map_robot(robot), rest[0])
    assert model.distance(rest)[0] < pressed.distance(rest)[0]
    assert 0.015 < pressed.distance(rest)[0] < 0.03
    assert (pressed.allowance >= 0).all()
    assert pressed.allowance.max() <= 0.04


def test_the_calmest_of_several_rest_poses_that_is_free(robot):
    poses = np.zeros((3, len(robot.joint_names)))
    for row, roll in enumerate((-0.2, 0.3, 0.6)):
        poses[row, robot.joint_index["left_shoulder_roll"]] = roll
        poses[row, robot.joint_index["right_shoulder_roll"]] = -roll
    assert CollisionModel(robot, map_robot(robot), poses).chosen == 1


def test_subset_of_joints(robot, model):
    names = ("right_elbow", "left_elbow")
    part = CollisionModel(robot, map_robot(robot), joint_names=names)
    q = np.zeros((1, len(robot.joint_names)))
    q[0, robot.joint_index["left_elbow"]] = -1.0
    np.testing.assert_allclose(part.distance(np.array([[0.0, -1.0]])), model.distance(q))


def test_robots_without_arms_never_collide(demo_urdf):
    robot = RobotModel.from_string(Variant(demo_urdf).cut("left_shoulder_pitch").cut("right_shoulder_pitch").text)
    model = CollisionModel(robot, map_robot(robot))
    assert model.distance(np.zeros((2, len(robot.joint_names)))).tolist() == [math.inf, math.inf]


def test_missing_meshes_are_warned_about(demo_urdf, tmp_path):
    variant = Variant(demo_urdf)
    geometry = variant.root.find("link[@name='head']/collision/geometry")
    geometry.clear()
    geometry.append(geometry.makeelement("mesh", {"filename": "package://robot/head.stl"}))
    robot = RobotModel.from_string(variant.text)
    capsules, warnings = fit_capsules(robot)
    assert len(warnings) == 1
    assert "meshes of 1 links (head" in warnings[0]
    assert "inertias" in warnings[0]
    # The bundled robot's inertias are those of its shapes: the estimate covers about the same place.
    own = [c for c in capsules if c.link == "head"]
    before = [c for c in fit_capsules(RobotModel.from_file(demo_urdf))[0] if c.link == "head"]
    centres = [np.mean([(c.start + c.end) / 2 for c in cs], 0) for cs in (own, before)]
    np.testing.assert_allclose(*centres, atol=0.05)
    assert find_mesh("package://robot/head.stl", robot.folder) is None


def test_meshes_are_covered_by_their_extents(demo_urdf, tmp_path):
    import trimesh

    trimesh.creation.box((0.2, 0.3, 0.4)).export(tmp_path / "head.stl")
    variant = Variant(demo_urdf)
    geometry = variant.root.find("link[@name='head']/collision/geometry")
    geometry.clear()
    geometry.append(geometry.makeelement("mesh", {"filename": "head.stl", "scale": "1 1 0.5"}))
    path = tmp_path / "robot.urdf"
    path.write_text(variant.text)
    capsules, warnings = fit_capsules(RobotModel.from_file(path))
    assert warnings == []
    own = [c for c in capsules if c.link == "head"]
    reach = max(max(abs(c.start[1]), abs(c.end[1])) + c.radius for c in own)
    assert 0.15 <= reach < 0.27


def test_batches_are_quick(robot, model):
    random = np.random.default_rng(6)
    q = random.uniform(robot.lower, robot.upper, (64, len(robot.joint_names)))
    model.distance(q)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        model.distance(q)
        times.append((time.perf_counter() - start) / len(q))
    assert min(times) < 1e-3  # 0.1 ms on a quiet machine
