"""What is kept about a robot's shapes between runs: the same as made anew, never out of date, harmless when damaged."""

from __future__ import annotations

import os

import numpy as np
import pytest
from test_mesh_files import FACES, TETRAHEDRON, binary_stl, mirrored

from speech_gesture_pkg.retarget import capsules, kept_shapes
from speech_gesture_pkg.retarget.capsules import fit_capsules
from speech_gesture_pkg.retarget.robot import RobotModel


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "speech_gesture_pkg"


@pytest.fixture
def made(monkeypatch):
    """How often capsules were really fitted."""
    count, fitted = [], capsules._fitted
    monkeypatch.setattr(capsules, "_fitted", lambda robot: count.append(1) or fitted(robot))
    return count


def same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert (a.link, a.joint, a.radius, a.skin) == (b.link, b.joint, b.radius, b.skin)
        np.testing.assert_array_equal(a.start, b.start)
        np.testing.assert_array_equal(a.end, b.end)
        assert (a.corners is None) == (b.corners is None)
        if a.corners is not None:
            np.testing.assert_array_equal(a.corners, b.corners)


def test_the_second_time_is_equal_to_the_bit(tmp_path, place, made):
    robot = RobotModel.from_file(mirrored(tmp_path, "1 -1 1"))
    first, told = fit_capsules(robot)
    again, told_again = fit_capsules(robot)
    assert len(made) == 1
    same(first, again)
    assert told == told_again
    assert [p.suffix for p in place.iterdir()] == [".npz"]


def test_warnings_are_kept_too(tmp_path, place, made):
    path = mirrored(tmp_path, "1 1 1")
    (tmp_path / "part.stl").write_bytes(b"nonsense")
    (_, told), (_, again) = (fit_capsules(RobotModel.from_file(path)) for _ in range(2))
    assert len(made) == 1
    assert told == again
    assert "part.stl is cut off" in told[0]


@pytest.mark.parametrize("change", ["mesh", "urdf"])
def test_another_mesh_or_urdf_is_looked_at_anew(tmp_path, place, made, change):
    path = mirrored(tmp_path, "1 1 1")
    fit_capsules(RobotModel.from_file(path))
    if change == "mesh":
        (tmp_path / "part.stl").write_bytes(binary_stl(2 * TETRAHEDRON[FACES]))
    else:
        path.write_text(path.read_text().replace('scale="1 1 1"', 'scale="2 2 2"'))
    found, _ = fit_capsules(RobotModel.from_file(path))
    assert len(made) == 2
    held = np.concatenate([c.corners for c in found if c.corners is not None])
    np.testing.assert_allclose(held.max(0), 2 * TETRAHEDRON.max(0), rtol=1e-6)


def damaged(path, how):
    data = bytearray(path.read_bytes())
    if how == "cut":
        return bytes(data[: len(data) // 2])
    if how == "bits":
        for k in range(60, len(data), 97):
            data[k] ^= 0xFF
        return bytes(data)
    if how == "other arrays":
        with open(path, "wb") as out:
            np.savez(out, link=np.zeros(3))
        return path.read_bytes()
    if how == "pickle":
        with open(path, "wb") as out:
            np.savez(out, link=np.array([{"a": 1}], dtype=object))
        return path.read_bytes()
    return b"" if how == "empty" else b"\0" * 500


@pytest.mark.parametrize("how", ["cut", "bits", "other arrays", "pickle", "empty", "zeros"])
def test_a_damaged_file_is_made_again(tmp_path, place, made, how):
    robot = RobotModel.from_file(mirrored(tmp_path, "1 1 1"))
    first, _ = fit_capsules(robot)
    (path,) = place.iterdir()
    path.write_bytes(damaged(path, how))
    again, _ = fit_capsules(robot)
    assert len(made) == 2
    same(first, again)
    fit_capsules(robot)
    assert len(made) == 2  # it has been mended


def test_nothing_is_kept_where_nothing_can_be_written(tmp_path, monkeypatch, made):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    robot = RobotModel.from_file(mirrored(tmp_path, "1 1 1"))
    one, other = (fit_capsules(robot)[0] for _ in range(2))
    assert len(made) == 2
    same(one, other)


def test_only_the_latest_are_kept(place, monkeypatch):
    monkeypatch.setattr(kept_shapes, "_MOST", 3)
    for k in range(5):
        kept_shapes.keep(f"x-{k}", {"a": np.zeros(2)})
        os.utime(place / f"x-{k}.npz", (k, k))
    assert sorted(p.name for p in place.iterdir()) == ["x-2.npz", "x-3.npz", "x-4.npz"]


def test_robots_without_meshes_need_nothing(demo_urdf, place):
    fit_capsules(RobotModel.from_file(demo_urdf))
    assert not place.exists()


def test_where_it_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert kept_shapes.folder() == tmp_path / "speech_gesture_pkg"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, says the specification
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kept_shapes.folder() == tmp_path / ".cache" / "speech_gesture_pkg"
