"""npz files that unpack to much more than they are: refused by their headers, wherever npz files are read."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from bounded import run_bounded

from speech_gesture_pkg.cli.view import load_scene
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.datasets.show import hand_basis
from speech_gesture_pkg.lab.starter_corpus.smartbody import read_gestures
from speech_gesture_pkg.lab.study.normalise import fit_normaliser
from speech_gesture_pkg.lab.study.store import RecordStore
from speech_gesture_pkg.motion.bounded_npz import array_shape, read_npy, read_npz
from speech_gesture_pkg.motion.npz import load_motion
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory

NAMES = (
    *("poses", "trans", "mocap_frame_rate", "joint_names", "time", "position", "velocity", "acceleration", "fps"),
    *("J_regressor", "v_template", "shapedirs", "kintree_table", "stamp", "mean_speed", "smplx55_index"),
    *("hands_componentsl", "hands_meanl", "hands_componentsr", "hands_meanr"),
)


def header(shape: tuple[int, ...], dtype: str = "<f8") -> bytes:
    text = io.BytesIO()
    np.lib.format.write_array_header_1_0(text, {"descr": dtype, "fortran_order": False, "shape": shape})
    return text.getvalue()


@pytest.fixture(scope="module")
def bomb(tmp_path_factory) -> Path:
    """0.7 MB of zip; each of its arrays is 32 MiB of zeros, together 640 MiB."""
    path = tmp_path_factory.mktemp("bomb") / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        zeros = header((4 << 20,)) + bytes(32 << 20)
        for name in NAMES:
            archive.writestr(f"{name}.npy", zeros)
    assert path.stat().st_size < 1_000_000
    return path


@pytest.fixture(scope="module")
def liar(tmp_path_factory) -> Path:
    """Arrays that claim 8 GB and hold 80 bytes."""
    path = tmp_path_factory.mktemp("liar") / "liar.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in NAMES:
            archive.writestr(f"{name}.npy", header((10**9,)) + bytes(80))
    return path


READERS = {
    "motion": load_motion,
    "trajectory": RobotTrajectory.load,
    "view": lambda path: load_scene(Path(path)),
    "everything": read_npz,
}


@pytest.mark.parametrize("name", READERS)
def test_bombs_are_refused(name, bomb, liar):
    with pytest.raises(InputError, match=r"bytes and unpacks to 671091200; more than 100 times its size"):
        READERS[name](bomb)
    with pytest.raises(InputError, match=r"claims shape \[1000000000\] of float64, which is more than its"):
        READERS[name](liar)


def test_liars_among_models_are_refused(liar):
    with pytest.raises(InputError):
        hand_basis(liar)


def test_bombs_take_no_memory(bomb, liar):
    imports = (
        "from speech_gesture_pkg.cli.view import load_scene\n"
        "from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory\n"
        "from speech_gesture_pkg.lab.study.store import RecordStore\n"
        "from speech_gesture_pkg.errors import InputError\n"
        "from pathlib import Path\n"
    )
    code = f"""
for path in {[str(bomb), str(liar)]!r}:
    store = RecordStore(Path(path).parent)
    for read in (lambda path: load_scene(Path(path)), RobotTrajectory.load, lambda p: store.arrays("x")):
        try:
            read(path)
        except InputError as e:
            assert "\\n" not in str(e)
print("done")
"""
    assert run_bounded(imports, code, 150) == "done\n"


def test_other_readers_use_it(bomb, liar, tmp_path):
    store = RecordStore(tmp_path)
    target = store.path("x").with_suffix(".npz")
    target.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "smartbody_smplx.npz").write_bytes(bomb.read_bytes())
    (tmp_path / "smartbody_smplx.json").write_text(json.dumps({"clips": []}))
    target.write_bytes(liar.read_bytes())
    with pytest.raises(InputError, match="claims shape"):
        store.arrays("x")
    with pytest.raises(InputError, match="more than 100 times"):
        list(read_gestures(tmp_path))
    normaliser = tmp_path / "normaliser.npz"
    normaliser.write_bytes(liar.read_bytes())
    assert fit_normaliser([], normaliser, "stamp") == ""


def test_only_what_is_asked_for_is_counted(tmp_path):
    path = tmp_path / "model.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("small.npy", header((2,)) + np.array([1.0, 2.0]).tobytes())
        archive.writestr("liar.npy", header((10**9,)) + bytes(80))
    np.testing.assert_array_equal(read_npz(path, ["small"])["small"], [1.0, 2.0])
    assert array_shape(path, "liar") == (10**9,)
    with pytest.raises(InputError, match="has no key 'other'; its keys are: liar, small"):
        read_npz(path, ["small", "other"])
    with pytest.raises(InputError, match="has no array 'other'"):
        array_shape(path, "other")


def test_npy_files(tmp_path):
    (tmp_path / "a.npy").write_bytes(header((3,)) + np.arange(3.0).tobytes())
    (tmp_path / "liar.npy").write_bytes(header((10**12,)) + bytes(24))
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.testing.assert_array_equal(read_npy(tmp_path / "a.npy"), [0.0, 1.0, 2.0])
    with pytest.raises(InputError, match="claims shape"):
        read_npy(tmp_path / "liar.npy")
    for name in ("pickle.npy", "none.npy"):
        with pytest.raises(InputError, match=name):
            read_npy(tmp_path / name)


def test_real_motion_packs_far_less(tmp_path):
    """What is written by this package is read, zeros in the face and all: 30:1."""
    motion = np.random.default_rng(0).normal(size=(2000, 165)).astype(np.float32)
    np.savez_compressed(
        tmp_path / "m.npz",
        poses=motion,
        trans=np.zeros((2000, 3)),
        expressions=np.zeros((2000, 100)),
        mocap_frame_rate=30,
    )
    assert len(load_motion(tmp_path / "m.npz")) == 2000
