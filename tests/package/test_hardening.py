"""What fuzzing has found, one case each: bombs and oddities end in a sentence."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest
import soundfile
import yaml
from bag_writing import BagWriter, joint_state

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.audio.formats import AudioFormat
from speech_gesture_pkg.bags.reader import Bag
from speech_gesture_pkg.config_files import load_yaml
from speech_gesture_pkg.errors import ConfigError, InputError, ModelError, RobotError
from speech_gesture_pkg.generators.model_bundle import read_manifest
from speech_gesture_pkg.generators.onnx_session import Session
from speech_gesture_pkg.lab.datasets import unpickle
from speech_gesture_pkg.lab.datasets.textgrid import read_words
from speech_gesture_pkg.lab.datasets.unpickle import load_plain_pickle
from speech_gesture_pkg.motion.bounded_npz import read_npz
from speech_gesture_pkg.robot.joint_map.auto_map import map_robot
from speech_gesture_pkg.robot.joint_map.map_file import read_override
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.safe_yaml import MOST_CHARACTERS, read_yaml

MEMO = b"\x80\x04N" + b"r" + struct.pack("<I", 680825748) + b"."
ARRAY = b"cnumpy\nndarray\n((I1000000000\nttR."
LENGTH = b"cbuiltins\nbytes\n(I4000000000\ntR."
PERSISTENT = b"Px\n."


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (MEMO, "its memo claims 680825748 places"),
        (ARRAY, "is corrupt"),
        (LENGTH, "bytes of a int"),
        (PERSISTENT, "refused"),
    ],
)
def test_pickles_do_not_take_memory_for_what_they_only_claim(tmp_path, data, sentence):
    (tmp_path / "show.pkl").write_bytes(data)
    with pytest.raises(InputError, match=sentence) as told:
        load_plain_pickle(tmp_path / "show.pkl")
    assert "\n" not in str(told.value)


def test_a_value_that_contains_itself_is_refused(tmp_path):
    value: list = []
    value += [value] * 50
    (tmp_path / "show.pkl").write_bytes(pickle.dumps(value))
    with pytest.raises(InputError, match="contains itself"):
        load_plain_pickle(tmp_path / "show.pkl")


def with_dtype(state: tuple, path) -> None:
    """A pickled array of four doubles, whose dtype has this state."""
    out = io.BytesIO()
    pickler = pickle._Pickler(out, 2)
    pickler.dispatch_table = {type(np.dtype("f8")): lambda _: (np.dtype, ("f8", False, True), state)}
    pickler.dump(np.zeros(4))
    path.write_bytes(out.getvalue())


def test_the_state_of_a_dtype_does_not_lead_outside_of_the_data(tmp_path):
    """numpy takes such states from a pickle, and reads memory that is not its own."""
    with_dtype((3, "|", None, None, None, 1_000_000, 8, 0), tmp_path / "elements_larger_than_all_data.pkl")
    np.testing.assert_array_equal(load_plain_pickle(tmp_path / "elements_larger_than_all_data.pkl"), np.zeros(4))
    with_dtype((3, "<", None, ("a",), {"a": (np.dtype("i4"), 1 << 40)}, -1, -1, 0), tmp_path / "far_field.pkl")
    with pytest.raises(InputError, match="with fields"):
        load_plain_pickle(tmp_path / "far_field.pkl")


def test_a_pickle_cannot_change_what_it_calls(tmp_path):
    """BUILD with a pair sets attributes of whatever lies on the stack."""
    attack = b"c_codecs\nencode\n(N}X\x01\x00\x00\x00xK\x01stb."
    (tmp_path / "show.pkl").write_bytes(attack)
    with pytest.raises(InputError):
        load_plain_pickle(tmp_path / "show.pkl")
    assert not any(hasattr(called, "x") for called in unpickle._ALLOWED.values())


def test_a_value_that_stands_in_many_places_is_looked_at_once(tmp_path):
    value: list = [1.0]
    for _ in range(14):
        value = [value] * 50  # 50^14 places
    (tmp_path / "show.pkl").write_bytes(pickle.dumps(value))
    assert len(load_plain_pickle(tmp_path / "show.pkl")) == 50


def test_plain_arrays_still_come_through(tmp_path):
    value = {"a": np.arange(6.0).reshape(2, 3), "b": b"raw", "c": bytearray(b"more"), "n": np.float32(2)}
    for protocol in range(6):
        (tmp_path / "show.pkl").write_bytes(pickle.dumps(value, protocol))
        found = load_plain_pickle(tmp_path / "show.pkl")
        np.testing.assert_array_equal(found["a"], value["a"])
        assert (found["b"], found["c"], found["n"]) == (b"raw", b"more", 2.0)


ALIASES = "a: &a {x: 1}\nstyle: *a\n"
TIME = "style: {amplitude: !!timestamp 0.5}\n"
DEEP = "[" * 5000


@pytest.mark.parametrize("text", [ALIASES, TIME, DEEP, "#" * (MOST_CHARACTERS + 1), "a: !!python/name:os.system x\n"])
def test_yaml_has_one_kind_of_error(tmp_path, text):
    with pytest.raises(yaml.YAMLError):
        read_yaml(text)
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(ConfigError, match="cannot be read as YAML"):
        load_yaml(str(tmp_path / "p.yaml"))
    with pytest.raises(Exception, match="cannot be read"):
        read_manifest(tmp_path / "p.yaml")
    with pytest.raises(RobotError, match="is not valid YAML"):
        read_override(text, "map.yaml")


def test_yaml_of_every_day_is_read():
    assert read_yaml("a: [1, 2.5, x]\nb: {c: null, d: true}\n") == {"a": [1, 2.5, "x"], "b": {"c": None, "d": True}}


def npz(path, header: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("poses.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64))


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 100000), }\n", "claims shape"),
        (b"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 1\n", "damaged"),
    ],
)
def test_npz_headers_are_not_believed(tmp_path, header, sentence):
    npz(tmp_path / "motion.npz", header)
    with pytest.raises(InputError, match=sentence):
        read_npz(tmp_path / "motion.npz")


def test_npz_that_unpack_to_too_much_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("speech_gesture_pkg.motion.bounded_npz.MOST_BYTES", 1000)
    np.savez_compressed(tmp_path / "motion.npz", poses=np.zeros(1000))
    with pytest.raises(InputError, match="unpacks to"):
        read_npz(tmp_path / "motion.npz")


def wav(path, samples: np.ndarray, rate: int = 16000) -> None:
    soundfile.write(path, samples.astype(np.float32), rate, "FLOAT")


def test_float_wavs_that_would_overflow_are_refused(tmp_path):
    wav(tmp_path / "loud.wav", np.array([0.0, 1e38, -1e38, 0.5]), 8000)
    with pytest.raises(InputError, match="reaches 1e"):
        read_audio(tmp_path / "loud.wav")


def test_rates_that_would_make_seconds_into_hours_are_refused(tmp_path):
    wav(tmp_path / "slow.wav", np.zeros(100), 1)
    with pytest.raises(InputError, match="1 samples a second"):
        read_audio(tmp_path / "slow.wav")
    with pytest.raises(InputError, match="sample_rate is 1; it must be in"):
        AudioFormat(1)


def test_files_that_claim_too_much_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("speech_gesture_pkg.audio.files.MOST_SAMPLES", 1000)
    wav(tmp_path / "long.wav", np.zeros(2000))
    with pytest.raises(InputError, match="says that it holds 2000 frames"):
        read_audio(tmp_path / "long.wav")


def test_textgrids_that_claim_more_intervals_than_they_have(tmp_path):
    (tmp_path / "w.TextGrid").write_text(
        'File type = "ooTextFile"\nObject class = "TextGrid"\n"IntervalTier" "words" 0 1 99999999999 0 1 "a"\n'
    )
    with pytest.raises(InputError, match="99999999999 intervals"):
        read_words(tmp_path / "w.TextGrid")


def test_bags_whose_metadata_count_in_words(tmp_path):
    with BagWriter(tmp_path / "bag") as writer:
        writer.write("/joint_states", joint_state(["a"], 1.0, [0.0]), 1.0)
    meta = tmp_path / "bag" / "metadata.yaml"
    meta.write_text(meta.read_text().replace("message_count: 1", "message_count: many"))
    with Bag(tmp_path / "bag") as bag:
        assert bag.damage
        assert bag.count == 1


def test_joint_maps_whose_names_are_lists(demo_urdf):
    robot = RobotModel.from_file(demo_urdf)
    with pytest.raises(RobotError, match="it must hold names of joints"):
        map_robot(robot, read_override("head: {joints: [[neck_yaw]]}", "map.yaml"), strict=False)


def test_wav_bytes_in_memory_are_the_same(tmp_path):
    """What is read has not changed for usual files."""
    tone = (0.3 * np.sin(np.arange(1600) * 0.1)).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, tone, 16000, "PCM_16", format="WAV")
    (tmp_path / "tone.wav").write_bytes(file.getvalue())
    np.testing.assert_allclose(read_audio(tmp_path / "tone.wav").samples, tone, atol=1e-4)


def test_a_network_that_keeps_weights_elsewhere_is_refused(tmp_path):
    onnx = pytest.importorskip("onnx", reason="onnx writes the network")
    weights = onnx.numpy_helper.from_array(np.arange(4096, dtype=np.float32), "w")
    ends = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [4096]) for n in "xy"]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [weights]
    )
    network = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(network, tmp_path / "whole.onnx")
    onnx.save(network, tmp_path / "parts.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    zeros = np.zeros(4096, np.float32)
    np.testing.assert_array_equal(Session(tmp_path / "whole.onnx")(x=zeros)["y"], np.arange(4096))
    with pytest.raises(ModelError, match="keeps weights in other files"):
        Session(tmp_path / "parts.onnx")


def test_a_network_with_names_that_are_no_text_is_refused(tmp_path):
    onnx = pytest.importorskip("onnx", reason="onnx writes the network")
    text = '<ir_version: 8, opset_import: ["": 17]> g (float[1] sound) => (float[1] motion) { motion = Tanh(sound) }'
    network = onnx.parser.parse_model(text).SerializeToString()
    path = tmp_path / "network.onnx"
    for name in (b"sound", b"motion"):
        path.write_bytes(network.replace(name, b"\xff" * len(name)))
        with pytest.raises(ModelError, match="names that are no text"):
            Session(path)
