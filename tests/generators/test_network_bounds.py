"""ONNX files that somebody hands over: plain layers within bounds are run, everything else is one sentence."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from bounded import run_bounded

from speech_gesture_pkg.errors import ModelError
from speech_gesture_pkg.generators import network_file, onnx_session
from speech_gesture_pkg.generators.deadline import within
from speech_gesture_pkg.generators.network_file import check_network_file
from speech_gesture_pkg.generators.onnx_session import Session

onnx = pytest.importorskip("onnx", reason="onnx writes the networks")
pytest.importorskip("onnxruntime", reason="onnxruntime runs the networks")

HEAD = '<ir_version: 8, opset_import: ["": 17]>\n'
PLAIN = "g (float[1, 4] x) => (float[1, 2] y) <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}> { y = MatMul(x, w) }"


def written(path: Path, text: str, head: str = HEAD) -> Path:
    path.write_bytes(onnx.parser.parse_model(head + text).SerializeToString())
    return path


def test_plain_layers_are_run(tmp_path):
    made = Session(written(tmp_path / "n.onnx", PLAIN))(x=np.ones((1, 4), np.float32))
    np.testing.assert_array_equal(made["y"], [[16.0, 20.0]])


def test_what_this_package_ships_is_plain():
    files = sorted((Path(__file__).parents[2] / "models").rglob("*.onnx"))
    assert len(files) >= 6
    for file in files:
        check_network_file(file)


CUSTOM = '<ir_version: 8, opset_import: ["": 17, "com.example": 1]>\n'
BODY = "(int64 i, bool c, float[1] a) => (bool d, float[1] b) { d = Identity(c)\n b = Add(a, a) }"
REFUSED = {
    "operators of others": (
        CUSTOM + "g (float[1] x) => (float[1] y) { y = com.example.Foo(x) }",
        "asks for the operator 'Foo' of 'com.example'; only standard ONNX operators are used",
    ),
    "loop": (
        HEAD + f"g (int64 n, bool c, float[1] x) => (float[1] y) {{ y = Loop <body = l {BODY}> (n, c, x) }}",
        "holds control flow",
    ),
    "if": (
        HEAD + "g (bool c, float[1] x) => (float[1] y) { y = If (c) <then_branch = t () => (float[1] a) "
        "{ a = Identity(x) }, else_branch = e () => (float[1] b) { b = Neg(x) }> }",
        "holds control flow",
    ),
    "functions": (
        '<ir_version: 8, opset_import: ["": 17, "own": 1]>\n'
        "g (float[1] x) => (float[1] y) { y = own.twice(x) }\n"
        '<domain: "own", opset_import: ["": 17]>\ntwice (a) => (b) { b = Add(a, a) }',
        "asks for the operator 'twice' of 'own'|holds functions of its own",
    ),
    "a tensor of any size": (
        HEAD + "g (float[1] x) => (float[1] y) <float[9000000000, 9000000000] w = {1}> { y = Add(x, w) }",
        r"has a tensor of shape \[9000000000, 9000000000\]",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_more_than_layers_is_refused(tmp_path, kind):
    text, sentence = REFUSED[kind]
    path = written(tmp_path / "n.onnx", text, "")
    with pytest.raises(ModelError, match=f"^model file .*n.onnx ({sentence})") as caught:
        Session(path)
    assert "\n" not in str(caught.value)


def test_weights_elsewhere_and_sparse_ones_are_refused(tmp_path):
    model = onnx.parser.parse_model(HEAD + PLAIN)
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    (tmp_path / "e.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="keeps weights in other files; it must hold them itself"):
        Session(tmp_path / "e.onnx")
    model = onnx.parser.parse_model(HEAD + PLAIN)
    values = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [1], [1.0])
    places = onnx.helper.make_tensor("i", onnx.TensorProto.INT64, [1], [0])
    sparse = onnx.helper.make_sparse_tensor(values, places, [1 << 20, 1 << 20])
    model.graph.sparse_initializer.append(sparse)
    (tmp_path / "s.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="holds sparse weights"):
        Session(tmp_path / "s.onnx")
    model = onnx.parser.parse_model(HEAD + PLAIN)
    model.graph.node.append(onnx.helper.make_node("Constant", [], ["c"], sparse_value=sparse))
    (tmp_path / "c.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="holds sparse tensors"):
        Session(tmp_path / "c.onnx")


def test_files_of_any_size_or_of_countless_parts_are_refused(tmp_path, monkeypatch):
    path = written(tmp_path / "n.onnx", PLAIN)
    monkeypatch.setattr(network_file, "MOST_FIELDS", 10)
    with pytest.raises(ModelError, match=r"has more than 10 parts \(layers, tensors, names\)"):
        Session(path)
    monkeypatch.setattr(network_file, "MOST_BYTES", 10)
    with pytest.raises(ModelError, match=r"has \d+ bytes; at most 10 are read"):
        Session(path)


@pytest.mark.parametrize("data", [b"", b"no network at all", b"\x3a\xff\xff\xff\xff\x0f", b"\xff" * 40, b"\x08\x08"])
def test_no_network(tmp_path, data):
    path = tmp_path / "n.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match="cannot be loaded"):
        Session(path)


BOMBS = {
    "constant": "g (float[1] x) => (float[1] y) <int64[1] n = {800000000}> { a = ConstantOfShape(n)\n"
    " b = ReduceMax<keepdims=0>(a)\n y = Add(x, b) }",
    "expanded": "g (float[1] x) => (float[k] y) <int64[1] n = {800000000}> { y = Expand(x, n) }",
    "tiled": "g (float[1] x) => (float[k] y) <int64[1] n = {800000000}> { y = Tile(x, n) }",
    "range": "g (float[1] x) => (int64[k] y) <int64 a = {0}, int64 n = {800000000}, int64 s = {1}> "
    "{ y = Range(a, n, s) }",
    "product": "g (float[1] x) => (float[k, k] y) <int64[2] n = {40000, 1}, int64[2] m = {1, 40000}> "
    "{ a = Expand(x, n)\n b = Expand(x, m)\n y = MatMul(a, b) }",
    "noise": "g (float[1] x) => (float[k] y) { a = RandomNormal<shape = [800000000]>()\n y = Add(a, x) }",
    "padded": "g (float[1] x) => (float[k] y) <int64[2] n = {400000000, 400000000}> { y = Pad(x, n) }",
    "one hot": "g (float[1] x) => (float[k, 1] y) <int64[1] i = {0}, int64 d = {800000000}, float[2] v = {0, 1}> "
    "{ y = OneHot<axis = 0>(i, d, v) }",
}
"""Each asks for 3 to 6 GB."""


def test_networks_that_unfold_take_no_memory(tmp_path):
    paths = [str(written(tmp_path / f"{k}.onnx", text)) for k, text in enumerate(BOMBS.values())]
    imports = (
        "import numpy as np\nfrom speech_gesture_pkg.generators import onnx_session as session\n"
        "from speech_gesture_pkg.errors import ModelError\nimport onnxruntime\nsession.MOST_MEMORY = 1 << 28\n"
    )
    code = f"""
for path in {paths!r}:
    try:
        session.Session(path, threads=1)(x=np.ones(1, np.float32))
        print("taken")
    except ModelError as e:
        assert "\\n" not in str(e)
        print("refused")
"""
    assert run_bounded(imports, code, 900).splitlines() == ["refused"] * len(BOMBS)


def test_an_answer_of_any_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_session, "MOST_OUTPUT", 1000)
    network = Session(written(tmp_path / "n.onnx", "g (float[n] x) => (float[n] y) { y = Neg(x) }"))
    with pytest.raises(ModelError, match="it answers with 1004 bytes; at most 1000 are taken"):
        network(x=np.zeros(251, np.float32))
    assert network(x=np.zeros(250, np.float32))["y"].shape == (250,)


def test_a_network_that_does_not_answer_is_left(tmp_path, monkeypatch):
    """Four hundred products of large matrices; the rest of them is not computed."""
    count = 400
    steps = "\n".join(f" a{k + 1} = MatMul(a{k}, x)" for k in range(count))
    text = f"g (float[n, n] x) => (float[n, n] y) {{ a0 = Neg(x)\n{steps}\n y = Neg(a{count}) }}"
    network = Session(written(tmp_path / "n.onnx", text), threads=1)
    monkeypatch.setattr(onnx_session, "WARM_UP_S", 0.2)
    before = threading.active_count()
    began = time.monotonic()
    with pytest.raises(ModelError, match=r"model n\.onnx failed: it takes longer than 0\.2 s"):
        network(x=np.zeros((800, 800), np.float32))
    assert time.monotonic() - began < 2.0
    deadline = time.monotonic() + 10.0
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before  # it ended after the layer that it was in


def test_loading_has_a_deadline(tmp_path, monkeypatch):
    import onnxruntime

    path = written(tmp_path / "n.onnx", PLAIN)
    free = threading.Event()
    monkeypatch.setattr(onnx_session, "LOAD_S", 0.1)
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *a, **k: free.wait(10.0))
    with pytest.raises(ModelError, match=r"n\.onnx cannot be loaded: it takes longer than 0\.1 s"):
        Session(path)
    free.set()


def test_within():
    assert within(5.0, lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        within(5.0, lambda: 1 // 0)
    given_up = threading.Event()
    with pytest.raises(TimeoutError, match=r"longer than 0\.05 s"):
        within(0.05, lambda: given_up.wait(10.0), given_up.set)
    assert given_up.is_set()
