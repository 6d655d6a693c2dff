"""URDF drawing: kinematics against closed forms and yourdfpy, meshes, bad files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL")

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.robot.meshes import find_mesh
from speech_gesture_pkg.viewer.robot import RobotFigure
from speech_gesture_pkg.viewer.scene import Stage, View
from speech_gesture_pkg.viewer.shapes import simplify


def link(name: str, geometry: str = "", origin: str = "0 0 0") -> str:
    visual = f'<visual><origin xyz="{origin}"/><geometry>{geometry}</geometry></visual>' if geometry else ""
    return f'<link name="{name}">{visual}</link>'


def joint(name: str, parent: str, child: str, kind: str = "revolute", extra: str = "", xyz: str = "0 0 0") -> str:
    return (
        f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>'
        f'<origin xyz="{xyz}"/>{extra}</joint>'
    )


def urdf(*parts: str) -> str:
    return f'<robot name="r">{"".join(parts)}</robot>'


Z = '<axis xyz="0 0 1"/>'
PLANAR = urdf(
    link("a", '<box size="0.1 0.1 0.1"/>'), link("b"), link("c"), link("d"), link("e"),
    joint("j1", "a", "b", extra=Z), joint("j2", "b", "c", extra=Z, xyz="1 0 0"),
    joint("tip", "c", "d", "fixed", xyz="0.5 0 0"),
    joint("slide", "d", "e", "prismatic", '<axis xyz="0 2 0"/>'),
)  # fmt: skip


def test_planar_arm_matches_its_closed_form():
    robot = RobotFigure(PLANAR)
    assert robot.joint_names == ("j1", "j2", "slide")
    a, b, s = 0.4, -1.1, 0.2
    poses = dict(zip(robot.link_names, robot.transforms({"j1": a, "j2": b, "slide": s, "other": 9.0}), strict=True))
    tip = np.array([np.cos(a) + 0.5 * np.cos(a + b), np.sin(a) + 0.5 * np.sin(a + b), 0])
    np.testing.assert_allclose(poses["d"][:3, 3], tip, atol=1e-12)
    np.testing.assert_allclose(poses["e"][:3, 3], tip + s * np.array([-np.sin(a + b), np.cos(a + b), 0]), atol=1e-12)


def test_mimic_joints_follow_multiplier_and_offset_through_a_chain():
    robot = RobotFigure(
        urdf(
            link("a"), link("b"), link("c"), link("d"),
            joint("m2", "a", "c", extra=Z + '<mimic joint="m1" multiplier="-3" offset="0.5"/>'),
            joint("m1", "a", "b", extra=Z + '<mimic joint="j" multiplier="2" offset="0.1"/>'),
            joint("j", "a", "d", extra=Z),
        )
    )  # fmt: skip
    assert robot.joint_names == ("j",)
    poses = dict(zip(robot.link_names, robot.transforms({"j": 0.2}), strict=True))
    angles = {k: np.arctan2(poses[k][1, 0], poses[k][0, 0]) for k in "bcd"}
    assert angles == pytest.approx({"d": 0.2, "b": 2 * 0.2 + 0.1, "c": -3 * (2 * 0.2 + 0.1) + 0.5})


def test_kinematics_of_the_demo_humanoid_match_yourdfpy(demo_urdf: Path):
    yourdfpy = pytest.importorskip("yourdfpy")
    robot = RobotFigure.from_file(demo_urdf)
    reference = yourdfpy.URDF.load(str(demo_urdf), load_meshes=False)
    rng = np.random.default_rng(0)
    q = {name: float(rng.uniform(-1, 1)) for name in robot.joint_names}
    reference.update_cfg(q)
    assert set(reference.actuated_joint_names) == set(robot.joint_names)
    for name, pose in zip(robot.link_names, robot.transforms(q), strict=True):
        np.testing.assert_allclose(pose, reference.get_transform(name, robot.link_names[0]), atol=1e-9)


def test_silhouette_of_a_box_robot_lies_where_its_corners_project():
    figure = RobotFigure(urdf(link("a", '<box size="0.2 0.6 1.0"/>', "0 0 0.5")))
    stage = Stage(figure, 200, 200, View("full", elevation_deg=0.0, supersample=1))
    with_robot = stage.draw(figure.transforms({})).astype(int)
    gone = np.eye(4)
    gone[2, 3] = 100.0
    rows, columns = np.nonzero(np.abs(with_robot - stage.draw(gone[None])).sum(2) > 60)
    corners = np.array([[x, y, z] for x in (-0.1, 0.1) for y in (-0.3, 0.3) for z in (0.0, 1.0)])
    pixels, _ = stage.camera.project(corners)
    assert columns.min() == pytest.approx(pixels[:, 0].min(), abs=2)
    assert columns.max() == pytest.approx(pixels[:, 0].max(), abs=2)
    assert rows.min() == pytest.approx(pixels[:, 1].min(), abs=2)


def test_mesh_files_are_found_scaled_coloured_and_simplified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    trimesh = pytest.importorskip("trimesh")
    folder = tmp_path / "share" / "my_robot" / "meshes"
    folder.mkdir(parents=True)
    trimesh.creation.icosphere(subdivisions=5, radius=1.0).export(folder / "ball.stl")
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    mesh = '<mesh filename="package://my_robot/meshes/ball.stl" scale="0.1 0.2 0.3"/>'
    material = '<material name="m"><color rgba="1 0 0 1"/></material>'
    figure = RobotFigure(
        f'<robot name="r"><link name="a"><visual><geometry>{mesh}</geometry>{material}</visual></link></robot>'
    )
    assert figure.warnings == []
    assert 200 < len(figure.mesh.faces) <= 1500
    np.testing.assert_allclose(np.abs(figure.mesh.vertices).max(0), [0.1, 0.2, 0.3], rtol=0.06)
    np.testing.assert_allclose(figure.mesh.colours, [[1, 0, 0]])
    outward = (figure.mesh.normals * figure.mesh.vertices / np.array([0.01, 0.04, 0.09])).sum(1)
    assert (outward > 0).mean() > 0.99


def test_mesh_paths(tmp_path: Path):
    (tmp_path / "robot" / "urdf").mkdir(parents=True)
    (tmp_path / "robot" / "meshes").mkdir()
    mesh = tmp_path / "robot" / "meshes" / "a.obj"
    mesh.write_text("")
    base = tmp_path / "robot" / "urdf"
    assert find_mesh("package://robot/meshes/a.obj", base) == mesh
    assert find_mesh("package://other/meshes/a.obj", base) == mesh
    assert find_mesh("../meshes/a.obj", base) is not None
    assert find_mesh(f"file://{mesh}", None) == mesh
    assert find_mesh(str(mesh), None) == mesh
    assert find_mesh("b.obj", base) is None


def test_missing_mesh_is_a_warning_and_a_robot_without_geometry_is_drawn_as_sticks():
    parts = (link("a", '<mesh filename="package://nowhere/x.stl"/>'), link("b"), joint("j", "a", "b", xyz="0 0 1"))
    figure = RobotFigure(urdf(*parts))
    assert "package://nowhere/x.stl" in figure.warnings[0]
    assert "sticks" in figure.warnings[1]
    assert figure.mesh.vertices[:, 2].max() == pytest.approx(1.0, abs=0.05)


def test_simplify_keeps_the_extent():
    trimesh = pytest.importorskip("trimesh")
    ball = trimesh.creation.icosphere(subdivisions=5)
    vertices, faces = simplify(ball.vertices, ball.faces, 800)
    assert 200 < len(faces) <= 800
    np.testing.assert_allclose(np.ptp(vertices, axis=0), np.ptp(ball.vertices, axis=0), rtol=0.08)


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        ("<robot", "not well-formed XML"),
        ("<sdf/>", "<sdf>"),
        ("<robot name='r'/>", "no links"),
        (urdf(link("a"), joint("j", "a", "b")), "'b'"),
        (urdf(link("a"), link("b"), joint("j", "a", "b"), joint("k", "b", "a")), "form a loop"),
        (urdf(link("a", '<sphere radius="big"/>')), "'big'"),
        (urdf(link("a", '<box size="1 2"/>')), "'1 2'"),
        (urdf(link("a", '<sphere radius="nan"/>')), "'nan'"),
    ],
)
def test_bad_descriptions_are_refused_by_name(xml: str, words: str):
    with pytest.raises(RobotError, match=words):
        RobotFigure(xml)


def test_bad_files_are_named(tmp_path: Path):
    with pytest.raises(RobotError, match=r"nothing\.urdf does not exist"):
        RobotFigure.from_file(tmp_path / "nothing.urdf")
    (tmp_path / "bad.urdf").write_text("<robot")
    with pytest.raises(RobotError, match=r"bad\.urdf: .*not well-formed XML"):
        RobotFigure.from_file(tmp_path / "bad.urdf")
