"""The same physical robot, described otherwise, gets the same map: frames, names, signs and order are conventions."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from robot_variants import Variant
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.robot.joint_map.auto_map import map_robot
from speech_gesture_pkg.robot.joint_map.robot_map import RobotMap
from speech_gesture_pkg.robot.model import RobotModel

RUN = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 2**32 - 1)
GIMBAL = "Gimbal lock"


@pytest.fixture(scope="module")
def plain(demo_urdf):
    return mapped(Variant(demo_urdf))


def mapped(variant: Variant) -> RobotMap:
    return map_robot(RobotModel.from_string(variant.text))


def assert_same(found: RobotMap, plain: RobotMap, turn: Rotation, flipped=frozenset(), table=None) -> None:
    """The same roles, and the same points and directions in a root frame that is turned by `turn`."""
    back = turn.inv()
    name = table or {n: n for n in plain.joints}
    np.testing.assert_allclose(found.body, back.as_matrix() @ plain.body, atol=1e-3)
    for side, arm in plain.arms.items():
        other = found.arms[side]
        assert other.joints == tuple(name[n] for n in arm.joints)
        assert other.elbow == name[arm.elbow]
        for key in ("shoulder", "elbow_point", "wrist_point"):
            np.testing.assert_allclose(getattr(other, key), back.apply(getattr(arm, key)), atol=1e-3)
        np.testing.assert_allclose(other.palm, back.as_matrix() @ arm.palm, atol=1e-2)
        for finger, rows in plain.hands[side].items():
            signs = [-1.0 if row.joint in flipped else 1.0 for row in rows]
            had = [(name[r.joint], s * r.open, s * r.closed, r.weights) for r, s in zip(rows, signs, strict=True)]
            got = [(r.joint, r.open, r.closed, r.weights) for r in found.hands[side][finger]]
            assert [r[0] for r in got] == [r[0] for r in had]
            assert [r[3] for r in got] == [r[3] for r in had]
            np.testing.assert_allclose([r[1:3] for r in got], [r[1:3] for r in had], atol=1e-3)
    assert found.head == tuple(name[n] for n in plain.head)
    assert found.torso == tuple(name[n] for n in plain.torso)


@pytest.fixture(autouse=True)
def quiet():
    """Euler angles of random rotations may be at the pole; the rotation is right all the same."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=GIMBAL)
        yield


@RUN
@given(seed=SEEDS)
def test_link_frames_axis_signs_and_dummy_links_do_not_matter(demo_urdf, plain, seed):
    rng = np.random.default_rng(seed)
    variant = Variant(demo_urdf).dummy_links(rng).twist_frames(rng)
    flipped = variant.flip_axes(rng)
    assert_same(mapped(variant), plain, Rotation.identity(), flipped)


@RUN
@given(seed=SEEDS)
def test_the_root_frame_may_look_anywhere(demo_urdf, plain, seed):
    rng = np.random.default_rng(seed)
    turn = Rotation.random(random_state=rng)
    assume(turn.inv().apply([0, 0, 1])[2] < np.cos(np.radians(5.0)))  # a root that is nearly upright counts as upright
    variant = Variant(demo_urdf).twist_frames(rng, turn)
    found = mapped(variant)
    assert_same(found, plain, turn, variant.flip_axes(np.random.default_rng(0), 0.0))
    up = turn.inv().apply([0, 0, 1])
    assert any("REP-103" in w for w in found.warnings) or up[2] > 0.5


@RUN
@given(seed=SEEDS)
def test_names_may_mean_nothing_if_the_root_stands_upright_and_looks_ahead(demo_urdf, plain, seed):
    """Arms, elbows, fingers, neck and waist by geometry alone; a face is known by its names only."""
    rng = np.random.default_rng(seed)
    variant = Variant(demo_urdf).cut("jaw").dummy_links(rng)
    for joint in ("left_eyelid", "right_eyelid", "left_brow", "right_brow"):
        variant.cut(joint)
    variant.twist_frames(rng)
    flipped = variant.flip_axes(rng)
    table = variant.meaningless(rng)
    found = mapped(variant)
    assert_same(found, plain, Rotation.identity(), flipped, table)
    assert found.missing == ("face",)


@pytest.mark.parametrize("rpy", [(90, 0, 0), (-90, 0, 0), (0, 90, 0), (180, 0, 0), (90, 0, 90)])
def test_files_with_another_axis_up(demo_urdf, plain, rpy):
    turn = Rotation.from_euler("xyz", rpy, degrees=True)
    found = mapped(Variant(demo_urdf).twist_frames(np.random.default_rng(1), turn))
    assert_same(found, plain, turn)
    assert any("REP-103 wants z" in w for w in found.warnings)


def test_mapping_any_description_takes_less_than_two_seconds(demo_urdf):
    rng = np.random.default_rng(2)
    text = Variant(demo_urdf).dummy_links(rng, 1.0).twist_frames(rng, Rotation.random(random_state=rng)).text
    began = time.process_time()
    map_robot(RobotModel.from_string(text))
    assert time.process_time() - began < 2.0  # 0.05 s on a quiet machine
