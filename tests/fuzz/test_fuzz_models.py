"""What learned generators are loaded from: ONNX networks, the cards and lists beside them, safetensors."""

from __future__ import annotations

import json
import random
import re
import shutil
import struct
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from mutation import spoilt_bytes, spoilt_text, spoilt_tree

from speech_gesture_pkg.errors import ModelError
from speech_gesture_pkg.generators import model_bundle
from speech_gesture_pkg.generators.model_bundle import sha256_of, verify
from speech_gesture_pkg.generators.onnx_session import Session
from speech_gesture_pkg.generators.speechcat import bundle as speechcat
from speech_gesture_pkg.lab.metrics.autoencoder.encoder import load_latents


def tiny() -> Path:
    """A SpeechCAT bundle of a few thousand weights; made once."""
    pytest.importorskip("torch", reason="torch makes the network that is spoilt here")
    from speechcat_tiny import tiny_bundle

    return tiny_bundle()


SMALL_NETWORK = """
<ir_version: 8, opset_import: ["": 17]>
small (int64[1, frames] tokens) => (float[1, channels, length] motion, float[1, frames, 3] chances)
<float[3, 4] table = {0.1, 0.2, 0.3, 0.4, -0.1, -0.2, -0.3, -0.4, 1, 2, 3, 4}, float[4] one = {1, 1, 1, 1},
 float[4] nil = {0, 0, 0, 0}, float[2, 4, 1] kernel = {1, 0, 0, 0, 0, 1, 0, 0}, int64[3] shape = {1, -1, 2},
 float[4, 3] mix = {1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1}>
{
  vectors = Gather<axis = 0>(table, tokens)
  normal = LayerNormalization<axis = -1>(vectors, one, nil)
  upright = Transpose<perm = [0, 2, 1]>(normal)
  bent = Conv<pads = [1, 1]>(upright, kernel)
  lively = Tanh(bent)
  both = Concat<axis = 1>(lively, bent)
  motion = Reshape(both, shape)
  mixed = MatMul(normal, mix)
  chances = Softmax<axis = -1>(mixed)
}
"""
"""The kinds of layers that the real networks have, in a file that loads in a millisecond."""


OTHERS = "-9 -1 0 1 2 3 5 7 100000 2147483648 4611686018427387904 int64 float double string bool"
LAYERS = (
    "Gather LayerNormalization Transpose Conv Tanh Concat Reshape MatMul Softmax Slice Expand Tile Resize Split TopK"
)


def other_network(rng: random.Random) -> str:
    """The small network with some sizes, names or kinds of layers exchanged."""
    text = SMALL_NETWORK
    for _ in range(rng.randint(1, 3)):
        word = rng.choice(list(re.finditer(r"-?\d+|\w+", text)))
        near = rng.choice((OTHERS.split(), LAYERS.split(), re.findall(r"[a-z]\w+", text)))
        text = text[: word.start()] + rng.choice(near) + text[word.end() :]
    return text


def _run_network(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    session = Session(path, threads=1)
    for outputs in session(**_zeros(session)).values():
        assert isinstance(outputs, np.ndarray)


def test_onnx(fuzz):
    """Files that pass for networks: whatever is in them, they load and answer, or are refused."""
    onnx = pytest.importorskip("onnx", reason="the package onnx makes the network that is spoilt here")
    whole = onnx.parser.parse_model(SMALL_NETWORK).SerializeToString()

    def make(rng: random.Random) -> bytes:
        if rng.random() < 0.5:
            for _ in range(5):
                try:
                    return onnx.parser.parse_model(other_network(rng)).SerializeToString()
                except (onnx.parser.ParseError, RuntimeError):
                    continue
        return spoilt_bytes(rng, [whole], 4)

    fuzz.run("onnx", make, lambda data: _run_network(fuzz.folder / "network.onnx", data))


def test_onnx_exported(fuzz):
    """The same for what the export writes."""
    whole = (tiny() / speechcat.DECODERS).read_bytes()
    parts, path = [whole, whole[:4000]], fuzz.folder / "network.onnx"
    fuzz.run("onnx_exported", lambda rng: spoilt_bytes(rng, parts, 4), lambda data: _run_network(path, data))


def _zeros(session: Session) -> dict[str, np.ndarray]:
    if sum(int(np.prod([n or 1 for n in shape])) for shape in session.shapes.values()) > 1e6:
        raise ModelError("too large to be run here")
    return {name: np.zeros([n or 1 for n in shape], np.int64) for name, shape in session.shapes.items()}


def test_cards(fuzz, monkeypatch):
    """Cards of a model: names that lead out of the folder, numbers that are none, files that are others."""
    source, folder = tiny(), fuzz.folder / "model"
    shutil.copytree(source, folder)
    card = json.loads((source / speechcat.CARD).read_text("utf-8"))
    monkeypatch.setattr(speechcat, "Session", cache(lambda path, device, threads: Session(path, device, 1)))
    monkeypatch.setattr(model_bundle, "verify", _verify_once(verify))
    tokens = ("../../x.onnx", "/dev/zero", "config", "files", "null", "NaN", "1e999", "[[", "{", '"calm"', "-1")

    def make(rng: random.Random) -> str:
        if rng.random() < 0.3:
            return spoilt_text(rng, json.dumps(card), tokens)
        return json.dumps(spoilt_tree(rng, card), default=str)

    def use(text: str) -> None:
        (folder / speechcat.CARD).write_text(text, encoding="utf-8", errors="replace")
        found = speechcat.SpeechCatBundle.load(folder)
        assert all(np.isfinite(v).all() for v in found.calm.values())

    fuzz.run("model_cards", make, use)


def _verify_once(verify):
    digests: dict[Path, str] = {}

    def check(path: Path, expected: object) -> None:
        digest = digests.setdefault(path, sha256_of(path))
        if digest != expected:
            verify(path, expected)

    return check


def test_manifest(fuzz, monkeypatch):
    """The list of models: nothing outside the model's folder is ever opened."""
    opened: list[Path] = []
    monkeypatch.setattr(model_bundle, "verify", lambda path, expected: (opened.append(path), verify(path, expected)))
    folder = fuzz.folder / "models"
    (folder / "mine").mkdir(parents=True)
    (folder / "mine" / "a.onnx").write_bytes(b"weights")
    (fuzz.folder / "secret.onnx").write_bytes(b"secret")
    folder = folder.resolve()
    good = {"mine/a.onnx": {"sha256": sha256_of(folder / "mine" / "a.onnx"), "bytes": 7}}
    good |= {"mine/b.json": {"sha256": "0" * 64}}
    manifest = folder / "manifest.yaml"
    tokens = (
        "mine/../../secret.onnx",
        "../secret.onnx",
        "mine//etc/passwd",
        "sha256",
        "*a",
        "&a ",
        "{",
        "!!python/tuple ",
        "mine/",
    )

    def use(text: str) -> None:
        manifest.write_text(text, encoding="utf-8", errors="replace")
        opened.clear()
        try:
            model_bundle._listed("mine", manifest)
        finally:
            assert all(path.resolve().is_relative_to(folder / "mine") for path in opened), opened

    fuzz.run("manifests", lambda rng: spoilt_text(rng, yaml.safe_dump(good), tokens), use)


def safetensors(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """A safetensors file: length and JSON of the header, then the numbers."""
    header: dict[str, object] = {"__metadata__": metadata}
    blocks, at = [], 0
    for name, value in arrays.items():
        block = np.ascontiguousarray(value, np.float32).tobytes()
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [at, at + len(block)]}
        blocks.append(block)
        at += len(block)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(blocks)


def test_safetensors(fuzz):
    arrays = {"fgd.mean": np.zeros(3), "fgd.deviation": np.ones(3), "fgd.output.bias": np.zeros(2)}
    facts = {"format": "speech-gesture-latent/1", "fgd": json.dumps({"settings": {}, "corpus": "x", "weights": "0"})}
    whole, path = safetensors(arrays, facts), fuzz.folder / "latents.safetensors"

    def make(rng: random.Random) -> bytes:
        if rng.random() < 0.6:
            size = struct.unpack("<Q", whole[:8])[0]
            header = spoilt_text(
                rng, whole[8 : 8 + size].decode(), ('"F32"', '"BOOL"', "data_offsets", "[0, 99999999999]")
            ).encode()
            return struct.pack("<Q", len(header)) + header + whole[8 + size :]
        return spoilt_bytes(rng, [whole])

    def use(data: bytes) -> None:
        path.write_bytes(data)
        load_latents(path)

    fuzz.run("safetensors", make, use)


def test_checkpoints(fuzz):
    """Checkpoints of networks, through torch."""
    pytest.importorskip("torch")
    from speechcat_tiny import TINY, made_tiny

    from speech_gesture_pkg.lab.models.speechcat.model import load, save

    path = fuzz.folder / "model.safetensors"
    save(made_tiny(TINY), path, {})
    whole = path.read_bytes()
    size = struct.unpack("<Q", whole[:8])[0]

    def make(rng: random.Random) -> bytes:
        if rng.random() < 0.5:
            header = spoilt_text(
                rng, whole[8 : 8 + size].decode(), ('"F32"', '"I64"', "width", "codes", "999999")
            ).encode()
            return struct.pack("<Q", len(header)) + header + whole[8 + size :]
        head = spoilt_bytes(rng, [whole[: 8 + size]], 3)
        return head + whole[8 + size :]

    def use(data: bytes) -> None:
        path.write_bytes(data)
        load(path)

    fuzz.run("checkpoints", make, use)
