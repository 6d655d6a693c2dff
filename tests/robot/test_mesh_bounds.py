"""Mesh files made to take memory, time or the process: one sentence each, and the reader goes on."""

from __future__ import annotations

import json
import struct
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from bounded import run_bounded
from test_mesh_files import FACES, OBJ, TETRAHEDRON, ascii_stl, binary_stl, mirrored

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.robot import mesh_process, meshes
from speech_gesture_pkg.robot.meshes import read_mesh
from speech_gesture_pkg.viewer.robot import RobotFigure

pytest.importorskip("trimesh")


def collada(levels: int) -> bytes:
    """One triangle in a node; each level holds the one below ten times: 10^levels instances."""
    numbers = '<float_array id="f" count="9">0 0 0 1 0 0 0 1 0</float_array>'
    source = (
        f'<source id="s">{numbers}<technique_common><accessor source="#f" count="3" stride="3">'
        '<param name="X" type="float"/><param name="Y" type="float"/><param name="Z" type="float"/>'
        "</accessor></technique_common></source>"
    )
    mesh = (
        f'<mesh>{source}<vertices id="v"><input semantic="POSITION" source="#s"/></vertices><triangles count="1">'
        '<input semantic="VERTEX" source="#v" offset="0"/><p>0 1 2</p></triangles></mesh>'
    )
    nodes = ['<node id="n0"><instance_geometry url="#g"/></node>']
    nodes += [f'<node id="n{k}">{f"""<instance_node url="#n{k - 1}"/>""" * 10}</node>' for k in range(1, levels + 1)]
    return (
        '<?xml version="1.0"?><COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">'
        f'<library_geometries><geometry id="g">{mesh}</geometry></library_geometries>'
        f"<library_nodes>{''.join(nodes)}</library_nodes><library_visual_scenes><visual_scene id='w'><node id='r'>"
        f"<instance_node url='#n{levels}'/></node></visual_scene></library_visual_scenes>"
        "<scene><instance_visual_scene url='#w'/></scene></COLLADA>"
    ).encode()


def gltf(count: int) -> bytes:
    """A mesh whose accessor has no data: `count` corners of zeros."""
    tree = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"componentType": 5126, "count": count, "type": "VEC3", "min": [0, 0, 0], "max": [0, 0, 0]}],
    }
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sII", b"glTF", 2, 20 + len(text)) + struct.pack("<I4s", len(text), b"JSON") + text


def three_mf(path: Path, megabytes: int) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("3D/3dmodel.model", "w") as out:
        out.write(
            b'<model xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"><resources><object id="1">'
        )
        block = b'<mesh><vertices><vertex x="0" y="0" z="0"/></vertices></mesh>' * 16000
        for _ in range(megabytes):
            out.write(block)


def test_collada_of_this_kind_is_read(tmp_path):
    pytest.importorskip("collada", reason="pycollada reads Collada")
    (tmp_path / "small.dae").write_bytes(collada(2))
    assert len(read_mesh(tmp_path / "small.dae").faces) == 100


@pytest.mark.parametrize("name", ["a.dae", "b.glb", "c.3mf", "d.ply"])
def test_bombs_are_refused_and_the_reader_goes_on(tmp_path, name, monkeypatch):
    if name.endswith("dae"):
        pytest.importorskip("collada", reason="pycollada reads Collada")
    monkeypatch.setattr(mesh_process, "MOST_SECONDS", 2.0)
    (tmp_path / "good.obj").write_text(OBJ)
    read_mesh(tmp_path / "good.obj")  # the reader runs
    path = tmp_path / name
    if name.endswith("3mf"):
        three_mf(path, 100)
    else:
        ply = b"ply\nformat ascii 1.0\nelement vertex 900000000\n"
        ply += b"property float x\nproperty float y\nproperty float z\nend_header\n"
        path.write_bytes({"a.dae": collada(8), "b.glb": gltf(300_000_000), "d.ply": ply}[name])
    assert path.stat().st_size < 5_000_000
    with pytest.raises(RobotError, match=rf"^mesh .*{name} (cannot be read|holds no triangles)") as caught:
        read_mesh(path)
    assert "\n" not in str(caught.value)
    (tmp_path / "again.obj").write_text(OBJ)
    np.testing.assert_allclose(read_mesh(tmp_path / "again.obj").triangles, TETRAHEDRON[FACES], atol=1e-7)


def test_long_words_in_text_take_no_memory(tmp_path):
    """numpy would make room for the longest of them in each of 9,000 places: 9 GB of 1.2 MB."""
    path = tmp_path / "long.stl"
    path.write_bytes(ascii_stl(np.zeros((1000, 3, 3))).replace(b"0.0", b"0" * 1_000_000, 1))
    imports = "from speech_gesture_pkg.robot.meshes import read_mesh\nfrom pathlib import Path"
    assert run_bounded(imports, f"print(len(read_mesh(Path({str(path)!r})).faces))", 100) == "1000\n"


def test_a_reader_that_hangs_is_ended(tmp_path, monkeypatch):
    """Ten thousand million instances: nobody waits for them."""
    pytest.importorskip("collada", reason="pycollada reads Collada")
    (tmp_path / "good.obj").write_text(OBJ)
    read_mesh(tmp_path / "good.obj")
    monkeypatch.setattr(mesh_process, "MOST_SECONDS", 0.5)
    (tmp_path / "endless.dae").write_bytes(collada(10))
    began = time.monotonic()
    with pytest.raises(RobotError, match=r"endless\.dae cannot be read: it takes longer than 0\.5 s"):
        read_mesh(tmp_path / "endless.dae")
    assert time.monotonic() - began < 5.0
    assert mesh_process._worker._process is None


def test_a_reader_that_dies_is_started_again(tmp_path):
    (tmp_path / "a.obj").write_text(OBJ)
    read_mesh(tmp_path / "a.obj")
    mesh_process._worker._process.kill()
    mesh_process._worker._process.wait()
    (tmp_path / "b.obj").write_text(OBJ)
    assert len(read_mesh(tmp_path / "b.obj").faces) == 4


def test_the_reader_ends_when_no_file_comes(tmp_path, monkeypatch):
    monkeypatch.setattr(mesh_process, "IDLE_S", 0.05)
    (tmp_path / "a.obj").write_text(OBJ)
    read_mesh(tmp_path / "a.obj")
    deadline = time.monotonic() + 10.0
    while mesh_process._worker._process is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert mesh_process._worker._process is None


def test_files_and_meshes_that_are_too_large(tmp_path, monkeypatch):
    path = tmp_path / "a.stl"
    path.write_bytes(binary_stl(TETRAHEDRON[FACES]))
    (tmp_path / "t.stl").write_bytes(ascii_stl(TETRAHEDRON[FACES]))
    (tmp_path / "a.obj").write_text(OBJ)
    monkeypatch.setattr(meshes, "MOST_CORNERS", 11)
    for name in ("a.stl", "t.stl"):
        with pytest.raises(RobotError, match="has 12 corners; at most 11 are read"):
            read_mesh(tmp_path / name)
    monkeypatch.setattr(meshes, "MOST_BYTES", 20)
    monkeypatch.setattr(mesh_process, "MOST_BYTES", 20)
    for name in ("a.stl", "t.stl", "a.obj"):
        with pytest.raises(RobotError, match="bytes; at most 20 are read"):
            read_mesh(tmp_path / name)


def test_the_drawing_refuses_it_too(tmp_path, monkeypatch):
    monkeypatch.setattr(mesh_process, "MOST_SECONDS", 2.0)
    path = mirrored(tmp_path, "1 1 1")
    (tmp_path / "part.glb").write_bytes(gltf(300_000_000))
    path.write_text(path.read_text().replace("part.stl", "part.glb"))
    (warning,) = (w for w in RobotFigure.from_file(path).warnings if "part.glb" in w)
    assert "part.glb cannot be read" in warning
    assert warning.endswith("that part of the robot is not drawn")


@pytest.mark.parametrize(
    "header",
    [
        {"pieces": [{}], "arrays": [["<f8", [10**12, 3]]]},
        {"pieces": [{}], "arrays": [["|O", [1, 3]]]},
        {"pieces": [{}], "arrays": [["<f8", [-1, 3]]]},
        {"pieces": [{}], "arrays": [["<f8", [6_000_000, 3]]] * 2},
        {"pieces": [{}], "arrays": 3},
    ],
)
def test_answers_that_make_no_sense(header):
    with pytest.raises((ValueError, TypeError)):
        mesh_process._size(header)
