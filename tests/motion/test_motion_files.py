"""Motion files: lossless round trip, clear refusals, BVH that an independent reader agrees with, SMPL-X rest joints."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.errors import InputError, OutputError
from speech_gesture_pkg.motion.bvh_export import save_bvh
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.npz import load_body_shape, load_motion, save_motion
from speech_gesture_pkg.motion.skeleton import JOINT_NAMES, forward_kinematics

T = 17


def _beat2(rng: np.random.Generator, dtype=np.float32) -> dict[str, np.ndarray]:
    return {
        "poses": rng.normal(0, 0.7, (T, 165)).astype(dtype),
        "expressions": rng.normal(0, 1, (T, 100)).astype(dtype),
        "trans": rng.normal(0, 1, (T, 3)).astype(dtype),
        "betas": rng.normal(0, 1, 300).astype(dtype),
        "gender": np.array("female"),
        "mocap_frame_rate": np.array(30),
    }


def _motion(rng: np.random.Generator, count: int = T) -> MotionFrames:
    return MotionFrames(
        poses=rng.normal(0, 0.6, (count, 55, 3)),
        fps=30.0,
        start=1.25,
        translation=rng.normal(0, 0.2, (count, 3)),
        face=rng.random((count, 52)),
        phase=rng.integers(0, 5, count).astype(np.uint8),
        valid=rng.random((count, 3)) > 0.5,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_beat2_file_survives_load_and_save_bit_for_bit(tmp_path, dtype):
    data = _beat2(np.random.default_rng(1), dtype)
    np.savez(tmp_path / "in.npz", **data)
    betas, gender = load_body_shape(tmp_path / "in.npz")
    save_motion(tmp_path / "out.npz", load_motion(tmp_path / "in.npz"), betas, gender)
    with np.load(tmp_path / "out.npz", allow_pickle=False) as again:
        for key, value in data.items():
            assert again[key].dtype == value.dtype, key
            assert again[key].shape == value.shape, key
            assert again[key].tobytes() == value.tobytes(), key


def test_own_keys_survive(tmp_path):
    motion = _motion(np.random.default_rng(2))
    save_motion(tmp_path / "m.npz", motion)
    again = load_motion(tmp_path / "m.npz")
    for key in ("poses", "translation", "face", "phase", "valid"):
        np.testing.assert_array_equal(getattr(again, key), getattr(motion, key))
    assert (again.fps, again.start) == (30.0, 1.25)
    assert again.expression.shape == (T, 100)
    assert not again.expression.any()


def test_face_names_in_other_order_are_sorted_to_ours(tmp_path):
    motion = _motion(np.random.default_rng(3))
    save_motion(tmp_path / "m.npz", motion)
    data = dict(np.load(tmp_path / "m.npz"))
    data["face"], data["face_names"] = data["face"][:, ::-1], data["face_names"][::-1]
    np.savez(tmp_path / "r.npz", **data)
    np.testing.assert_array_equal(load_motion(tmp_path / "r.npz").face, motion.face)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.pop("poses"), "no key 'poses'"),
        (lambda d: d.pop("mocap_frame_rate"), "no key 'mocap_frame_rate'"),
        (lambda d: d.update(poses=d["poses"][:, :156]), "[T, 165]"),
        (lambda d: d.update(trans=d["trans"][:-1]), "trans"),
        (lambda d: d["poses"].__setitem__((3, 5), np.nan), "NaN"),
        (lambda d: d.update(mocap_frame_rate=np.array(0)), "positive"),
        (lambda d: d.update(poses=np.zeros((0, 165)), trans=np.zeros((0, 3))), "no frames"),
        (lambda d: d.update(gender=np.array({"a": 1}, dtype=object)), "key 'gender' holds Python objects"),
        (lambda d: d.update(face=np.zeros((T, 1)), face_names=np.array(["noseRing"])), "noseRing"),
    ],
)
def test_unusable_files_are_refused_with_a_sentence(tmp_path, change, words):
    data = _beat2(np.random.default_rng(4))
    change(data)
    np.savez(tmp_path / "bad.npz", **data)
    with pytest.raises(InputError, match=r"bad\.npz") as caught:
        load_motion(tmp_path / "bad.npz")
    assert words in str(caught.value)


def test_missing_and_garbage_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        load_motion(tmp_path / "none.npz")
    np.save(tmp_path / "one.npy", np.zeros(3))
    np.savez(tmp_path / "whole.npz", **_beat2(np.random.default_rng(4)))
    whole = (tmp_path / "whole.npz").read_bytes()
    middle = len(whole) // 2
    for content, words in (
        (b"", "is empty"),
        (b"hello", "no npz archive"),
        ((tmp_path / "one.npy").read_bytes(), "holds one array"),
        (whole[:middle], "its end is missing"),
        (whole[: middle - 40] + b"x" * 80 + whole[middle + 40 :], "damaged"),
    ):
        (tmp_path / "text.npz").write_bytes(content)
        with pytest.raises(InputError, match=words) as caught:
            load_motion(tmp_path / "text.npz")
        assert str(caught.value).startswith(str(tmp_path / "text.npz"))
        assert "allow_pickle" not in str(caught.value)  # numpy's advice to load it unsafely
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        save_motion(tmp_path / "file" / "m.npz", _motion(np.random.default_rng(0)))


def _read_bvh(text: str) -> tuple[list[str], np.ndarray]:
    """Joint names and world positions [T, J, 3] of a BVH: a reader of its own, channel by channel."""
    lines = text.split("\n")
    names, parents, offsets, channels, stack = [], [], [], [], []
    tips = 0
    i, in_tip = 1, False
    while not lines[i].startswith("MOTION"):
        words = lines[i].split()
        if words[0] in ("ROOT", "JOINT"):
            names.append(words[1])
            parents.append(stack[-1] if stack else -1)
        elif words[0] == "End":
            in_tip, tips = True, tips + 1
        elif words[0] == "{":
            stack.append(len(names) - 1)
        elif words[0] == "}":
            stack.pop()
            in_tip = False
        elif words[0] == "OFFSET" and not in_tip:
            offsets.append([float(w) for w in words[1:]])
        elif words[0] == "CHANNELS":
            assert len(words) == 2 + int(words[1])
            channels.append(words[2:])
        i += 1
    assert tips > 0
    count = int(lines[i + 1].split()[1])
    rows = np.array([[float(w) for w in line.split()] for line in lines[i + 3 : i + 3 + count]])
    assert rows.shape[1] == sum(len(c) for c in channels)
    axes = {"X": [1.0, 0, 0], "Y": [0, 1.0, 0], "Z": [0, 0, 1.0]}
    places = np.zeros((count, len(names), 3))
    for t, row in enumerate(rows):
        world, column = [], 0
        for j in range(len(names)):
            matrix, shift = np.eye(3), np.array(offsets[j])
            for channel in channels[j]:
                value, axis = row[column], channel[0]
                column += 1
                if channel.endswith("position"):
                    shift = shift + value * np.array(axes[axis])
                else:
                    matrix = matrix @ Rotation.from_rotvec(np.deg2rad(value) * np.array(axes[axis])).as_matrix()
            if parents[j] < 0:
                world.append(matrix)
                places[t, j] = shift
            else:
                places[t, j] = places[t, parents[j]] + world[parents[j]] @ shift
                world.append(world[parents[j]] @ matrix)
    return names, places / 100.0


def test_bvh_read_back_by_an_independent_reader_gives_the_same_joint_positions(tmp_path):
    motion = _motion(np.random.default_rng(5), 6)
    save_bvh(tmp_path / "m.bvh", motion)
    text = (tmp_path / "m.bvh").read_text()
    names, places = _read_bvh(text)
    _, wanted = forward_kinematics(motion.matrices(), motion.translation)
    assert sorted(names) == sorted(JOINT_NAMES)
    order = [JOINT_NAMES.index(n) for n in names]
    assert np.abs(places - wanted[:, order]).max() < 1e-4
    assert "Frame Time: 0.03333333" in text


def test_bvh_refuses_nan_and_empty(tmp_path):
    motion = _motion(np.random.default_rng(6), 3)
    motion.poses[1, 4] = np.nan
    with pytest.raises(InputError, match="frame 1"):
        save_bvh(tmp_path / "m.bvh", motion)
    with pytest.raises(InputError, match="empty"):
        save_bvh(tmp_path / "m.bvh", motion[:0])
