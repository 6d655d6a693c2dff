"""Mesh files of a robot: STL by our own reader, other formats by trimesh in its process."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from mutation import spoilt_bytes, spoilt_text

from speech_gesture_pkg.robot import meshes
from speech_gesture_pkg.robot.mesh_process import read_pieces
from speech_gesture_pkg.robot.meshes import read_mesh

CORNERS = np.array([[0.0, 0, 0], [0.3, 0, 0], [0, 0.2, 0], [0, 0, 0.1]])
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def binary_stl() -> bytes:
    rows = [bytes(12) + t.astype("<f4").tobytes() + b"\0\0" for t in CORNERS[FACES]]
    return b"fuzz".ljust(80) + len(rows).to_bytes(4, "little") + b"".join(rows)


def text_stl() -> str:
    rows = ("".join(f"vertex {x} {y} {z}\n" for x, y, z in t) for t in CORNERS[FACES])
    return (
        "solid s\n"
        + "".join(f"facet normal 0 0 1\nouter loop\n{r}endloop\nendfacet\n" for r in rows)
        + ("endsolid s\n")
    )


OBJ = "mtllib x.mtl\nusemtl a\n" + "".join(f"v {x} {y} {z}\n" for x, y, z in CORNERS)
OBJ += "".join(f"f {a + 1}//{a + 1} {b + 1} {c + 1}\n" for a, b, c in FACES)
PLY = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\nelement face 4\n"
PLY += "property list uchar int vertex_indices\nend_header\n" + "".join(f"{x} {y} {z}\n" for x, y, z in CORNERS)
PLY += "".join(f"3 {a} {b} {c}\n" for a, b, c in FACES)
OFF = (
    "OFF\n4 4 0\n" + "".join(f"{x} {y} {z}\n" for x, y, z in CORNERS) + "".join(f"3 {a} {b} {c}\n" for a, b, c in FACES)
)
DAE = (
    '<?xml version="1.0"?><COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1"><asset>'
    '<unit name="m" meter="0.1"/><up_axis>Z_UP</up_axis></asset><library_geometries><geometry id="g"><mesh>'
    '<source id="s">'
    '<float_array id="f" count="9">0 0 0 1 0 0 0 1 0</float_array><technique_common><accessor source="#f" count="3" '
    'stride="3"><param name="X" type="float"/><param name="Y" type="float"/><param name="Z" type="float"/></accessor>'
    '</technique_common></source><vertices id="v"><input semantic="POSITION" source="#s"/></vertices>'
    '<triangles count="1">'
    '<input semantic="VERTEX" source="#v" offset="0"/><p>0 1 2</p></triangles></mesh></geometry></library_geometries>'
    '<library_visual_scenes><visual_scene id="w"><node id="n"><translate>1 0 0</translate><instance_geometry url="#g"/>'
    '</node></visual_scene></library_visual_scenes><scene><instance_visual_scene url="#w"/></scene></COLLADA>'
)
TOKENS = (
    "999999999",
    "-1",
    "1e308",
    "#g",
    "#n",
    "<instance_node url='#n'/>",
    "f 1 2 3 4 5 6 7 8",
    "usemtl b",
    "list",
    "double",
)


def glb() -> bytes:
    body = CORNERS.astype("<f4").tobytes() + FACES.astype("<u2").tobytes()
    text = (
        b'{"asset":{"version":"2.0"},"scene":0,"scenes":[{"nodes":[0]}],"nodes":[{"mesh":0}],"meshes":[{"primitives":[{'
        b'"attributes":{"POSITION":0},"indices":1}]}],"accessors":[{"bufferView":0,"componentType":5126,"count":4,"type":'
        b'"VEC3","min":[0,0,0],"max":[1,1,1]},{"bufferView":1,"componentType":5123,"count":12,"type":"SCALAR"}],'
        b'"bufferViews":[{"buffer":0,"byteOffset":0,"byteLength":48},{"buffer":0,"byteOffset":48,"byteLength":24}],'
        b'"buffers":[{"byteLength":72}]}'
    )
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(body), b"BIN\0") + body
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def test_stl(fuzz):
    path = fuzz.folder / "part.stl"

    def make(rng: random.Random) -> bytes:
        if rng.random() < 0.5:
            return spoilt_bytes(rng, [binary_stl()])
        return spoilt_text(rng, text_stl(), ("vertex", "endsolid", "solid")).encode("utf-8", "replace")

    def use(data: bytes) -> None:
        path.write_bytes(data)
        meshes._read.cache_clear()
        mesh = read_mesh(path)
        assert np.isfinite(mesh.triangles).all()

    fuzz.run("stl", make, use)


def test_other_formats(fuzz):
    pytest.importorskip("trimesh")
    texts = {"obj": OBJ, "ply": PLY, "off": OFF, "dae": DAE}

    def make(rng: random.Random) -> tuple[str, bytes]:
        kind = rng.choice((*texts, "glb"))
        if kind == "glb":
            return kind, spoilt_bytes(rng, [glb()])
        return kind, spoilt_text(rng, texts[kind], TOKENS).encode("utf-8", "replace")

    def use(given: tuple[str, bytes]) -> None:
        kind, data = given
        path = fuzz.folder / f"part.{kind}"
        path.write_bytes(data)
        meshes._read.cache_clear()
        assert np.isfinite(read_mesh(path).triangles).all()
        for piece in read_pieces(path, scene=True):
            assert piece.corners.shape[1:] == piece.faces.shape[1:] == (3,)

    fuzz.run("meshes", make, use)
