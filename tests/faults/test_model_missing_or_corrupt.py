"""A model that is missing or corrupt: configure fails with path, expected and actual sha256."""

from __future__ import annotations

import hashlib
import shutil

import pytest

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import ModelError
from speech_gesture_pkg.generators.registry import LEARNED, load_generator
from speech_gesture_pkg.resources import resource

ROW = "model missing or corrupt"


@pytest.fixture
def model(tmp_path):
    """A copy of the starter model."""
    folder = tmp_path / "model"
    shutil.copytree(resource("models/speechcat_starter"), folder)
    return folder


def refusal(model) -> str:
    config = GestureConfig().with_values({"generator.name": "speechcat", "generator.model": str(model)})
    with pytest.raises(ModelError) as refused:
        load_generator(config.generator)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_missing_folder_and_missing_files_are_named(tmp_path, model):
    assert str(tmp_path / "absent") in refusal(tmp_path / "absent")
    (model / "transformer.onnx").unlink()
    assert f"{model / 'transformer.onnx'} does not exist" in refusal(model)
    (model / "speechcat.json").unlink()
    assert "speechcat.json does not exist" in refusal(model)


def test_a_corrupt_file_is_named_with_both_digests(model):
    file = model / "transformer.onnx"
    good = hashlib.sha256(file.read_bytes()).hexdigest()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    said = refusal(model)
    assert all(part in said for part in (str(file), good, hashlib.sha256(data).hexdigest()))


def test_a_card_that_is_no_card(model):
    (model / "speechcat.json").write_text("{}")
    assert "speechcat.json" in refusal(model)


def test_every_learned_generator_has_a_starter_model_that_is_checked():
    for name in LEARNED:
        assert load_generator(name).name == name


def test_a_node_with_a_corrupt_model_says_so_and_ends(fault, start, demo_urdf, model):
    pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
    file = model / "decoders.onnx"
    file.write_bytes(file.read_bytes()[:-1])
    gesture = start(
        "gesture_node", autostart=True, robot__urdf=demo_urdf, generator__name="speechcat", generator__model=model
    )
    assert gesture.wait(30.0) == 8
    assert str(file) in gesture.output
    assert hashlib.sha256(file.read_bytes()).hexdigest() in gesture.output
    assert len(gesture.output.strip().splitlines()) == 1
    text = "configure fails: path, expected and actual sha256 in one line, exit code 8"
    fault.note("a model file cut by one byte", text, "never starts")
