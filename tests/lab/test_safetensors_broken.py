"""Broken safetensors files: one sentence that names the file, whatever is wrong in them."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest

from speech_gesture_pkg.errors import InputError, ModelError, SpeechGestureError
from speech_gesture_pkg.generators.model_bundle import sha256_of
from speech_gesture_pkg.lab.metrics.autoencoder.encoder import load_latents
from speech_gesture_pkg.lab.metrics.autoencoder.tensors import load_tensors

GOOD = (Path(__file__).parents[2] / "models" / "fgd_smartbody.safetensors").read_bytes()
SIZE = struct.unpack("<Q", GOOD[:8])[0]
HEADER, BODY = json.loads(GOOD[8 : 8 + SIZE]), GOOD[8 + SIZE :]
KEY = next(k for k in HEADER if k != "__metadata__")
META = HEADER["__metadata__"]


def file_of(header: object, body: bytes = BODY) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def entry(dtype: str = "F32", shape: object = (1,), offsets: object = (0, 4)) -> dict:
    return HEADER | {KEY: {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


CASES = {
    "empty": b"",
    "short": b"\x01\x02",
    "header of any length": struct.pack("<Q", 2**63) + b"x" * 100,
    "cut": GOOD[: len(GOOD) // 2],
    "deep list": file_of(b"[" * 200_000),
    "deep table": file_of(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "list": file_of([1, 2]),
    "number": file_of(b"3"),
    "metadata a number": file_of(HEADER | {"__metadata__": 3}),
    "metadata a list": file_of(HEADER | {"__metadata__": [1]}),
    "metadata not text": file_of(HEADER | {"__metadata__": META | {"format": 3}}),
    "description deep": file_of(HEADER | {"__metadata__": META | {"fgd": "[" * 100_000}}),
    "description empty": file_of(HEADER | {"__metadata__": META | {"fgd": "{}"}}),
    "description a list": file_of(HEADER | {"__metadata__": META | {"fgd": "[]"}}),
    "tensor a number": file_of(HEADER | {KEY: 3}),
    "infinite": file_of(entry(shape=[1e400])),
    "negative": file_of(entry(shape=[-1, -1])),
    "huge": file_of(entry(shape=[2**62, 4])),
    "forged": file_of(HEADER | {"a\nb": {"dtype": "X\nERROR", "shape": [1], "data_offsets": [0, 4]}}),
    "no text": file_of(b'{"__metadata__":{"format":"\xff"}}'),
}


def one_sentence(error: SpeechGestureError, path: Path) -> None:
    assert str(path) in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 600


@pytest.mark.parametrize("kind", CASES, ids=lambda k: k.replace(" ", "_"))
def test_autoencoders(tmp_path, kind):
    path = tmp_path / "w.safetensors"
    path.write_bytes(CASES[kind])
    with pytest.raises(InputError) as caught:
        load_latents(path)
    one_sentence(caught.value, path)


@pytest.mark.parametrize("kind", CASES, ids=lambda k: k.replace(" ", "_"))
def test_checkpoints(tmp_path, kind):
    pytest.importorskip("torch", reason="checkpoints are read by torch")
    from speech_gesture_pkg.lab.models.speechcat.model import load

    path = tmp_path / "w.safetensors"
    path.write_bytes(CASES[kind])
    with pytest.raises(ModelError) as caught:
        load(path)
    one_sentence(caught.value, path)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "3", "null", '{"codes": 1e999}', '{"speakers": 3}'])
@pytest.mark.parametrize("name", ["config", "channels", "facts"])
def test_checkpoints_whose_description_is_none(tmp_path, text, name):
    pytest.importorskip("torch", reason="checkpoints are read by torch")
    from speech_gesture_pkg.lab.models.speechcat import model

    described = {"format": model.FORMAT, "config": "{}", "channels": "3", "facts": "{}"} | {name: text}
    path = tmp_path / "w.safetensors"
    path.write_bytes(file_of({"__metadata__": described}, b""))
    with pytest.raises(ModelError) as caught:
        model.load(path)
    one_sentence(caught.value, path)


def test_files_of_any_size(tmp_path):
    path = tmp_path / "w.safetensors"
    with path.open("wb") as file:
        file.truncate((1 << 30) + 1)  # holes take no room
    with pytest.raises(InputError, match="have 1073741825 bytes; at most"):
        load_tensors(path)


def test_pipes_and_devices_are_no_model_files(tmp_path):
    os.mkfifo(tmp_path / "transformer.onnx")
    (tmp_path / "decoders.onnx").symlink_to("/dev/zero")
    for name in ("transformer.onnx", "decoders.onnx"):
        with pytest.raises(ModelError, match=f"{name} is no file"):
            sha256_of(tmp_path / name)
