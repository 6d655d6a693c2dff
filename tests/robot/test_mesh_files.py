"""Meshes of a URDF: mirrored where the file says so, and broken ones told in one sentence."""

from __future__ import annotations

import numpy as np
import pytest
from robot_builder import Builder
from robot_variants import Variant

from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.robot.collision.capsules import fit_capsules
from speech_gesture_pkg.robot.meshes import read_mesh
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.viewer.robot import RobotFigure

TETRAHEDRON = np.array([[0.0, 0, 0], [0.3, 0, 0], [0, 0.2, 0], [0, 0, 0.1]])
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def binary_stl(triangles: np.ndarray) -> bytes:
    """80 bytes of text, the number of triangles, and for each a normal, three corners (float32) and two bytes."""
    rows = [b"\0" * 12 + t.astype("<f4").tobytes() + b"\0\0" for t in triangles]
    return b"made by a test".ljust(80) + len(rows).to_bytes(4, "little") + b"".join(rows)


def ascii_stl(triangles: np.ndarray) -> bytes:
    facets = [
        "facet normal 0 0 0\nouter loop\n" + "".join(f"vertex {x} {y} {z}\n" for x, y, z in t) + "endloop\nendfacet\n"
        for t in triangles
    ]
    return ("solid test\n" + "".join(facets) + "endsolid test\n").encode()


OBJ = "".join(f"v {x} {y} {z}\n" for x, y, z in TETRAHEDRON) + "".join(
    f"f {a + 1} {b + 1} {c + 1}\n" for a, b, c in FACES
)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.stl", binary_stl(TETRAHEDRON[FACES])),
        ("a.STL", b"solid" + binary_stl(TETRAHEDRON[FACES])[5:]),  # some exporters begin binary files with "solid"
        ("b.stl", ascii_stl(TETRAHEDRON[FACES])),
        ("c.obj", OBJ.encode()),
    ],
)
def test_triangles_are_those_of_the_file(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    found = read_mesh(path).triangles
    np.testing.assert_allclose(found, TETRAHEDRON[FACES], atol=1e-7)


NOISE = np.random.default_rng(0).bytes(900)
BROKEN = {
    "garbage.stl": NOISE,
    "empty.stl": b"",
    "short.stl": b"solid",
    "cut.stl": binary_stl(TETRAHEDRON[FACES])[:-60],
    "cut_text.stl": ascii_stl(TETRAHEDRON[FACES])[:-200],
    "words.stl": b"solid x\nfacet normal 0 0 1\nouter loop\nvertex a b c\nendloop\nendfacet\nendsolid x\n",
    "nan.stl": binary_stl(np.full((1, 3, 3), np.nan)),
    "huge.stl": binary_stl(1e30 * TETRAHEDRON[FACES]),
    "garbage.dae": NOISE,
    "cut.dae": b"<?xml version='1.0'?><COLLADA version='1.4.1'><library_geometries><geometry id='a'>",
    "empty.dae": b"<?xml version='1.0'?><COLLADA version='1.4.1' xmlns='http://www.collada.org/2005/11/COLLADASchema'/>",
    "garbage.obj": NOISE,
    "corners_missing.obj": b"v 0 0 0\nf 1 7 9\n",
    "cut.obj": OBJ.encode()[:40],
    "words.obj": b"v a b c\nv 0 0 1\nv 0 1 0\nf 1 2 3\n",
    "unknown.xyzzy": NOISE,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_sentence(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(BROKEN[name])
    with pytest.raises(RobotError, match=f"^mesh .*{name}") as caught:
        read_mesh(path)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(RobotError, match=r"none.stl cannot be read: No such file"):
        read_mesh(tmp_path / "none.stl")


@pytest.mark.parametrize("name", ["garbage.stl", "cut.dae", "garbage.obj"])
def test_a_robot_with_a_broken_mesh_is_served_with_a_warning(demo_urdf, tmp_path, name, capsys):
    variant = Variant(demo_urdf)
    for tag in ("visual", "collision"):
        geometry = variant.root.find(f"link[@name='head']/{tag}/geometry")
        geometry.clear()
        geometry.append(geometry.makeelement("mesh", {"filename": name}))
    (tmp_path / name).write_bytes(BROKEN[name])
    path = tmp_path / "robot.urdf"
    path.write_text(variant.text)
    assert main(["robot", "check", str(path)]) == 0
    told = capsys.readouterr()
    warnings = [line for line in told.out.splitlines() if name in line]
    assert len(warnings) == 1
    assert warnings[0].startswith("warning: meshes of 1 links (head")
    assert "Traceback" not in told.out + told.err
    figure = RobotFigure.from_file(path)
    assert [w for w in figure.warnings if name in w and "not drawn" in w]


def mirrored(tmp_path, scale: str):
    """A trunk with one mesh, mirrored by its scale."""
    built = Builder()
    built.arm("base_link", "left", 1.2)
    built.arm("base_link", "right", 1.2)
    link = built.root.find("link[@name='base_link']")
    for tag in ("visual", "collision"):
        geometry = link.makeelement("geometry", {})
        geometry.append(geometry.makeelement("mesh", {"filename": "part.stl", "scale": scale}))
        shape = link.makeelement(tag, {})
        shape.append(geometry)
        link.append(shape)
    (tmp_path / "part.stl").write_bytes(binary_stl(TETRAHEDRON[FACES]))
    path = tmp_path / "mirrored.urdf"
    path.write_text(built.text)
    return path


@pytest.mark.parametrize("scale", [(1, 1, 1), (1, -1, 1), (-2, 1, 0.5), (-1, -1, -1)])
def test_meshes_are_mirrored_as_the_file_says(tmp_path, scale):
    """The tetrahedron reaches from the origin along +x, +y and +z; signs of the scale turn that round."""
    path = mirrored(tmp_path, " ".join(map(str, scale)))
    robot = RobotModel.from_file(path)
    assert robot.links["base_link"].collisions[0].size == tuple(map(float, scale))
    corners = TETRAHEDRON * scale
    own = [c for c in fit_capsules(robot)[0] if c.link == "base_link"]
    held = np.concatenate([c.corners for c in own])
    np.testing.assert_allclose(held.min(0), corners.min(0), atol=1e-6)
    np.testing.assert_allclose(held.max(0), corners.max(0), atol=1e-6)
    figure = RobotFigure.from_file(path)
    drawn = figure.mesh.vertices[figure.mesh.link == figure.link_names.index("base_link")]
    np.testing.assert_allclose(drawn.min(0), corners.min(0), atol=1e-6)
    np.testing.assert_allclose(drawn.max(0), corners.max(0), atol=1e-6)
    # Seen from outside, triangles still turn counter-clockwise: their normals lead away from the middle.
    triangles = figure.mesh.vertices[figure.mesh.faces]
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    owned = figure.mesh.link[figure.mesh.faces[:, 0]] == figure.link_names.index("base_link")
    assert ((normal * (triangles.mean(1) - corners.mean(0))).sum(1)[owned] > 0).all()
