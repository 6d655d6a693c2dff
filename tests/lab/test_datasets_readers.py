"""Readers of SHOW, BEAT2, BEAT and our own layout, on small files in the exact layouts."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.audio.files import write_wav
from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.lab.datasets.beat import SMPLX_OF, UPPER_JOINTS, read_beat
from speech_gesture_pkg.lab.datasets.beat2 import read_beat2
from speech_gesture_pkg.lab.datasets.bvh import read_bvh
from speech_gesture_pkg.lab.datasets.clip import Skipped, hashed_split
from speech_gesture_pkg.lab.datasets.layout import FORMAT, read_corpus, read_index
from speech_gesture_pkg.lab.datasets.show import SIZES, read_show, read_show_motion
from speech_gesture_pkg.lab.datasets.textgrid import read_words
from speech_gesture_pkg.lab.datasets.unpickle import load_plain_pickle
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.npz import save_motion
from speech_gesture_pkg.motion.parts import ARKIT_INDEX, ARKIT_NAMES
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX

T = 30
RNG = np.random.default_rng(0)
GRID = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.25
            text = ""
        intervals [2]:
            xmin = 0.25
            xmax = 0.5
            text = "say ""hi"""
        intervals [3]:
            xmin = 0.5
            xmax = 1
            text = "42"
'''


def tone(path: Path, seconds: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wav(path, 0.1 * np.sin(np.arange(round(16000 * seconds)) * 0.1))


def show_values() -> dict[str, np.ndarray]:
    return {key: RNG.normal(0, 0.1, (T, size)) for key, size in SIZES.items()} | {"betas": np.zeros(300)}


def write_show(root: Path, name: str, values: object, seconds: float = 1.0) -> Path:
    path = root / "oliver" / "video" / name / f"{name}.pkl"
    path.parent.mkdir(parents=True)
    path.write_bytes(pickle.dumps(values))
    tone(path.with_suffix(".wav"), seconds)
    return path


def test_show_reads_the_265_numbers_in_order(tmp_path):
    values = show_values()
    write_show(tmp_path, "a", values)
    (clip,) = read_show(tmp_path)
    wanted = np.concatenate([values[key] for key in SIZES], 1)
    assert wanted.shape == (T, 265)
    # jaw, eyes, pelvis, body, hands, as SHOW orders them
    poses = clip.motion.poses[:, [22, 23, 24, *range(22), *range(25, 55)]].reshape(T, -1)
    np.testing.assert_allclose(np.concatenate([poses, clip.motion.expression], 1), wanted)
    assert (clip.speaker, clip.name, clip.motion.fps) == ("oliver", "a", 30.0)
    assert clip.audio().duration == pytest.approx(1.0)
    # body_pose_axis starts with the left hip and ends with the right wrist
    np.testing.assert_allclose(clip.motion.poses[:, JOINT_INDEX["right_wrist"]], values["body_pose_axis"][:, -3:])


def test_show_hands_as_pca_need_their_basis(tmp_path):
    values = show_values() | {"left_hand_pose": np.ones((T, 12)), "right_hand_pose": np.ones((T, 12))}
    path = write_show(tmp_path, "a", values)
    with pytest.raises(InputError, match="12 PCA coefficients"):
        read_show_motion(path)
    components, mean = RNG.normal(size=(12, 45)), RNG.normal(size=45)
    model = tmp_path / "SMPLX.npz"
    stored = {"hands_componentsl": np.eye(45), "hands_componentsr": np.vstack([components, np.zeros((33, 45))])}
    np.savez(model, hands_meanl=mean, hands_meanr=mean, **stored)
    (clip,) = read_show(tmp_path, smplx=model)
    np.testing.assert_allclose(clip.motion.poses[0, 25:40].ravel(), mean + (np.arange(45) < 12))
    np.testing.assert_allclose(clip.motion.poses[0, 40:55].ravel(), mean + components.sum(0))


def test_official_lists_win_and_the_others_are_skipped_with_a_reason(tmp_path):
    for name in "abc":
        write_show(tmp_path, name, show_values())
    (tmp_path / "train.txt").write_text("a\n")
    (tmp_path / "test.txt").write_text("b\n")
    skipped = Skipped()
    assert {c.name: c.split for c in read_show(tmp_path, skipped=skipped)} == {"a": "train", "b": "test"}
    assert "official" in skipped.report()
    assert skipped.report().startswith("2 recordings used, 1 skipped")
    with pytest.raises(ConfigError, match="train, val, test"):
        list(read_show(tmp_path, "dev"))


class Evil:
    def __reduce__(self):
        return (print, ("it runs code",))


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Evil(), "builtins.print"),
        ({"a": np.array([None, {}], object)}, "dtype object"),
        ({"a": Path("x")}, "pathlib"),
        (1j, "complex"),
    ],
)
def test_pickles_with_more_than_plain_values_are_refused_by_name(tmp_path, capsys, value, named):
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(value))
    with pytest.raises(InputError, match=named):
        load_plain_pickle(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_pickles_of_every_protocol_are_read(tmp_path, protocol):
    path = tmp_path / "x.pkl"
    value = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.float32(2.5),
        "c": [1, "x", None],
        "f": np.asfortranarray(np.eye(2)),
    }
    path.write_bytes(pickle.dumps(value, protocol))
    read = load_plain_pickle(path)
    np.testing.assert_array_equal(read["a"], value["a"])
    np.testing.assert_array_equal(read["f"], value["f"])
    assert (read["b"], read["c"]) == (2.5, value["c"])


@pytest.mark.parametrize("content", [b"", b"\x80\x04garbage", pickle.dumps(list(range(100)))[:-5]])
def test_cut_off_pickles_are_corrupt_not_a_crash(tmp_path, content):
    path = tmp_path / "x.pkl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"corrupt|refused"):
        load_plain_pickle(path)


def test_pickles_are_bounded_in_size(tmp_path):
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(np.zeros(1000)))
    with pytest.raises(InputError, match="bytes"):
        load_plain_pickle(path, 100)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"jaw_pose": np.zeros((T - 1, 3))}, "29 frames"),
        ({"expression": np.full((T, 100), np.nan)}, "NaN"),
        ({"body_pose_axis": np.zeros((T, 60))}, r"must be \[T, 63\]"),
        ({"reye_pose": None}, "dtype object"),
    ],
)
def test_faulty_show_files_are_told_in_a_sentence(tmp_path, change, sentence):
    path = write_show(tmp_path, "a", show_values() | change)
    with pytest.raises(InputError, match=sentence):
        read_show_motion(path)


def test_motion_and_audio_must_agree_in_length(tmp_path):
    write_show(tmp_path, "a", show_values(), seconds=3.0)
    skipped = Skipped()
    assert list(read_show(tmp_path, skipped=skipped)) == []
    assert "the motion lasts 1.00 s, its audio 3.00 s" in skipped.report()


def test_beat2_with_words_and_the_official_split(tmp_path):
    poses = RNG.normal(0, 0.2, (T, 55, 3)).astype(np.float32)
    for name in ("2_scott_0_1_1", "2_scott_0_2_2"):
        motion = MotionFrames(poses, 30.0, expression=RNG.normal(size=(T, 100)))
        save_motion(tmp_path / "smplxflame_30" / f"{name}.npz", motion)
        tone(tmp_path / "wave16k" / f"{name}.wav")
    (tmp_path / "textgrid").mkdir()
    (tmp_path / "textgrid" / "2_scott_0_1_1.TextGrid").write_text(GRID)
    (tmp_path / "train_test_split.csv").write_text("id,type\n2_scott_0_1_1,test\n2_scott_0_2_2,additional\n")
    clips = {c.split: c for c in read_beat2(tmp_path)}
    assert set(clips) == {"test", "train"}
    clip = clips["test"]
    assert clip.speaker == "2_scott"
    assert [(w.text, w.start, w.end) for w in clip.words] == [('say "hi"', 0.25, 0.5), ("42", 0.5, 1.0)]
    np.testing.assert_array_equal(clip.motion.poses, poses)
    assert [c.name for c in read_beat2(tmp_path, "test")] == ["2_scott_0_1_1"]


def test_textgrid_short_format_and_utf16(tmp_path):
    path = tmp_path / "x.TextGrid"
    short = 'File type = "ooTextFile"\n"TextGrid"\n\n0\n1\n<exists>\n1\n"IntervalTier"\n"words"\n0\n1\n1\n0\n1\n"hé"\n'
    path.write_bytes(short.encode("utf-16"))
    assert [w.text for w in read_words(path)] == ["hé"]
    with pytest.raises(InputError, match="no interval tier 'phones'"):
        read_words(path, "phones")


def beat_bvh(path: Path, turns: dict[str, tuple[float, float, float]], frames: int = 120) -> None:
    """A chain for each side of a BEAT skeleton; every joint has XYZ rotations."""
    lines: list[str] = ["HIERARCHY"]
    order: list[str] = []

    def joint(name: str, children: list, root: bool = False) -> None:
        order.append(name)
        channels = "6 Xposition Yposition Zposition " if root else "3 "
        lines.extend([f"{'ROOT' if root else 'JOINT'} {name}", "{", "OFFSET 0 10 0"])
        lines.append(f"CHANNELS {channels}Xrotation Yrotation Zrotation")
        for child in children:
            joint(*child)
        if not children:
            lines.extend(["End Site", "{", "OFFSET 0 1 0", "}"])
        lines.append("}")

    def arm(letter: str) -> tuple:
        fingers = []
        for finger in "MRPIT":
            chain: list = []
            for k in (3, 2, 1):
                chain = [(f"{letter}Hand{finger}{k}", chain)]
            fingers += [(f"{letter}Hand{finger}", chain)] if finger in "RPI" else chain
        return (f"{letter}Shoulder", [(f"{letter}Arm", [(f"{letter}Arm1", [(f"{letter}Hand", fingers)])])])

    head = ("Neck", [("Neck1", [("Head", [])])])
    spine = ("Spine", [("Spine1", [("Spine2", [("Spine3", [head, arm("R"), arm("L")])])])])
    joint("Hips", [spine], root=True)
    row = ["0 95 0"] + [" ".join(str(v) for v in turns.get(name, (0, 0, 0))) for name in order]
    lines += ["MOTION", f"Frames: {frames}", f"Frame Time: {1 / 120:.8f}", *[" ".join(row)] * frames]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))


def test_beat_joints_keep_their_world_rotation_and_the_face_is_resampled(tmp_path):
    path = tmp_path / "1" / "1_wayne_0_1_1.bvh"
    beat_bvh(path, {"Spine2": (0, 30, 0), "RArm1": (0, 0, 60), "Neck1": (20, 0, 0)})
    tone(path.with_suffix(".wav"))
    frames = [{"weights": [k / 60.0, 0.5], "time": k / 60.0} for k in range(61)]
    path.with_suffix(".json").write_text(json.dumps({"names": ["jawOpen", "eyeBlinkLeft"], "frames": frames}))
    path.with_suffix(".TextGrid").write_text(GRID)
    (clip,) = read_beat(tmp_path)
    assert (clip.speaker, clip.motion.fps, len(clip.motion), len(clip.words)) == ("1_wayne", 30.0, 30, 2)
    pose = {n: Rotation.from_rotvec(clip.motion.poses[5, JOINT_INDEX[n]]).magnitude() for n in JOINT_INDEX}
    # Spine2 has no SMPL-X joint of its own: its turn goes to the chest; that of the upper neck to the head
    assert np.rad2deg(pose["spine3"]) == pytest.approx(30.0)
    assert np.rad2deg(pose["head"]) == pytest.approx(20.0)
    assert np.rad2deg(pose["right_elbow"]) == pytest.approx(60.0)
    assert sum(pose.values()) == pytest.approx(np.deg2rad(110.0), abs=1e-5)
    np.testing.assert_allclose(clip.motion.face[:, ARKIT_INDEX["jawOpen"]], np.arange(30) / 30.0, atol=1e-9)
    assert clip.motion.valid.all()


def test_the_47_upper_joints_are_those_of_the_141_parameters():
    assert len(UPPER_JOINTS) == len(set(UPPER_JOINTS)) == 47
    assert len(SMPLX_OF) == len(set(SMPLX_OF.values()))


def test_bvh_rotation_order_is_that_of_the_file(tmp_path):
    path = tmp_path / "x.bvh"
    path.write_text(
        "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation\n"
        "End Site\n{\nOFFSET 0 1 0\n}\n}\nMOTION\nFrames: 1\nFrame Time: 0.05\n1 2 3 10 20 30\n"
    )
    bvh = read_bvh(path)
    z, x, y = (Rotation.from_rotvec(np.deg2rad(v)) for v in ([0, 0, 10], [20, 0, 0], [0, 30, 0]))
    np.testing.assert_allclose(bvh.local[0, 0], (z * x * y).as_matrix())
    np.testing.assert_allclose(bvh.position[0], [1, 2, 3])
    assert (bvh.fps, bvh.parents.tolist(), bvh.ends["a"].tolist()) == (pytest.approx(20.0), [-1], [0, 1, 0])


@pytest.mark.parametrize("text", ["", "HIERARCHY ROOT a {", "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\n}\nMOTION\nFrames: x"])
def test_broken_bvh_is_told(tmp_path, text):
    path = tmp_path / "x.bvh"
    path.write_text(text)
    with pytest.raises(InputError, match="BVH"):
        read_bvh(path)


def write_own(root: Path, seconds: float = 1.0, **more: object) -> None:
    face = np.zeros((T, len(ARKIT_NAMES)))
    save_motion(root / "motion" / "a.npz", MotionFrames(np.zeros((T, 55, 3)), 30.0, face=face))
    tone(root / "audio" / "a.wav", seconds)
    entry = {"name": "a", "motion": "motion/a.npz", "audio": "audio/a.wav", "speaker": "s", "licence": "CC0"}
    entry |= {"split": "val", "seconds": 1.0, "words": [["hi", 0.1, 0.2]], **more}
    (root / "index.json").write_text(json.dumps({"format": FORMAT, "clips": [entry]}))


def test_our_own_layout(tmp_path):
    write_own(tmp_path)
    (clip,) = read_corpus(tmp_path)
    assert (clip.split, clip.licence, clip.words[0].text) == ("val", "CC0", "hi")
    assert list(read_corpus(tmp_path, "train")) == []


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"motion": "../a.npz"}, "inside the corpus folder"),
        ({"split": "dev"}, "split 'dev' is unknown"),
        ({"speaker": 3}, "no valid 'speaker'"),
    ],
)
def test_faulty_indices_are_told(tmp_path, more, sentence):
    write_own(tmp_path)
    index = json.loads((tmp_path / "index.json").read_text())
    index["clips"][0] |= more
    (tmp_path / "index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match=sentence):
        list(read_corpus(tmp_path))


def test_a_folder_without_index_or_with_another_format(tmp_path):
    with pytest.raises(InputError, match="no corpus"):
        read_index(tmp_path)
    (tmp_path / "index.json").write_text("{}")
    with pytest.raises(InputError, match="format"):
        read_index(tmp_path)


def test_the_hashed_split_is_fixed_and_80_10_10():
    names = [f"speaker{k}" for k in range(5000)]
    shares = [sum(hashed_split(n) == s for n in names) / 5000 for s in ("train", "val", "test")]
    # three standard deviations of a binomial share
    np.testing.assert_allclose(shares, [0.8, 0.1, 0.1], atol=0.018)
    assert hashed_split("speaker1") == hashed_split("speaker1")
