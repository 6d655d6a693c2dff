"""What is kept about a robot's shapes between runs: the same as made anew, never out of date, harmless when damaged."""

from __future__ import annotations

import os

import numpy as np
import pytest
from test_mesh_files import FACES, TETRAHEDRON, binary_stl, mirrored

from speech_gesture_pkg.robot.collision import capsules, shape_cache
from speech_gesture_pkg.robot.collision.capsules import fit_capsules
from speech_gesture_pkg.robot.model import RobotModel


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
    monkeypatch.setattr(shape_cache, "_MOST", 3)
    for k in range(5):
        shape_cache.keep(f"x-{k}", {"a": np.zeros(2)})
        os.utime(place / f"x-{k}.npz", (k, k))
    assert sorted(p.name for p in place.iterdir()) == ["x-2.npz", "x-3.npz", "x-4.npz"]


def test_robots_without_meshes_need_nothing(demo_urdf, place):
    fit_capsules(RobotModel.from_file(demo_urdf))
    assert not place.exists()


def test_where_it_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert shape_cache.folder() == tmp_path / "speech_gesture_pkg"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, says the specification
    monkeypatch.setenv("HOME", str(tmp_path))
    assert shape_cache.folder() == tmp_path / ".cache" / "speech_gesture_pkg"


def trusted(tmp_path, made, caplog) -> bool:
    """Whether what is kept is used; if not, it is not written either, and a warning says why."""
    caplog.clear()
    robot = RobotModel.from_file(mirrored(tmp_path, "1 1 1"))
    before = len(made)
    kept = {p: p.read_bytes() for p in (tmp_path / "cache" / "speech_gesture_pkg").glob("*")}
    fit_capsules(robot)
    if len(made) == before:
        return True
    assert "is not trusted" in caplog.text
    assert {p: p.read_bytes() for p in (tmp_path / "cache" / "speech_gesture_pkg").glob("*")} == kept
    return False


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o707, 0o1777])
def test_a_folder_that_others_may_write_is_not_trusted(tmp_path, place, made, mode, caplog):
    place.mkdir(parents=True)
    place.chmod(mode)
    for _ in range(2):
        assert not trusted(tmp_path, made, caplog)
    place.chmod(0o700)
    fit_capsules(RobotModel.from_file(mirrored(tmp_path, "1 1 1")))
    assert trusted(tmp_path, made, caplog)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_trusted(tmp_path, place, made, mode, caplog):
    robot = RobotModel.from_file(mirrored(tmp_path, "1 1 1"))
    fit_capsules(robot)
    (path,) = place.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(mode)
    fit_capsules(robot)
    assert len(made) == 2
    assert "others may write it" in caplog.text
    assert path.stat().st_mode & 0o777 == 0o600  # a new one in its place
    assert trusted(tmp_path, made, caplog)


def test_a_folder_above_that_everybody_may_write_is_not_trusted(tmp_path, place, made, caplog):
    place.mkdir(parents=True, mode=0o700)
    place.parent.chmod(0o777)
    assert not trusted(tmp_path, made, caplog)
    assert f"everybody may write {place.parent}" in caplog.text
    place.parent.chmod(0o1777)  # as /tmp: others cannot put another folder there
    fit_capsules(RobotModel.from_file(mirrored(tmp_path, "1 1 1")))
    assert trusted(tmp_path, made, caplog)


def test_links_are_not_trusted(tmp_path, place, made, caplog):
    robot = RobotModel.from_file(mirrored(tmp_path, "1 1 1"))
    fit_capsules(robot)
    (path,) = place.iterdir()
    path.rename(tmp_path / "elsewhere.npz")
    path.symlink_to(tmp_path / "elsewhere.npz")
    fit_capsules(robot)
    assert len(made) == 2
    place.rename(tmp_path / "other")
    place.symlink_to(tmp_path / "other")
    assert not trusted(tmp_path, made, caplog)


def test_what_another_user_owns_is_not_trusted(tmp_path, place, made, monkeypatch, caplog):
    """Without root nobody can give files away: instead it is us who become another one."""
    fit_capsules(RobotModel.from_file(mirrored(tmp_path, "1 1 1")))
    (path,) = place.iterdir()
    if os.geteuid() == 0:
        os.chown(path, 1234, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 1234)
    fit_capsules(RobotModel.from_file(mirrored(tmp_path, "1 1 1")))
    assert len(made) == 2
    assert "owns it" in caplog.text


def test_a_bomb_in_the_cache_takes_no_memory(tmp_path, place):
    shape_cache.keep("x", {"a": np.zeros(2)})
    with open(place / "x.npz", "wb") as out:
        np.savez_compressed(out, a=np.zeros(40 << 20))
    assert (place / "x.npz").stat().st_size < shape_cache._LARGEST
    assert shape_cache.recall("x") is None
