"""Reading raw SmartBody files, and their conversion, on small files and on the real ones where they are."""

from __future__ import annotations

import json
import tarfile

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.datasets.clip import Skipped
from speech_gesture_pkg.lab.starter_corpus.smartbody import read_gestures
from speech_gesture_pkg.lab.starter_corpus.smartbody_convert import chosen, convert_smartbody, kind_of, name_parts
from speech_gesture_pkg.lab.starter_corpus.smartbody_raw import read_sk, read_skm
from speech_gesture_pkg.lab.starter_corpus.smartbody_retarget import share_twist
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, NUM_JOINTS

SK = """set_name x
skeleton
root A
{ offset 0 1 0
  prerot axis 0 0 2 ang 90
  channel XPos 0 free
  channel Quat

  joint B
  { offset 0.5 0 0
    prerot axis 0 0 0 ang 0
    channel Quat
  }
}
"""
SKM = """SkMotion
name "x"
channels 3
A XPos
A Quat
B Quat

frames 2
kt 0.0 fr 0.1 0 0 0 0 0 0
kt 0.5 fr 0.1 1.5707963 0 0 0 0 0.5

emphasis time: 0.3
stroke time: 0.4
"""


def test_raw_files(tmp_path):
    (tmp_path / "x.sk").write_text(SK)
    (tmp_path / "x.skm").write_text(SKM)
    skeleton, motion = read_sk(tmp_path / "x.sk"), read_skm(tmp_path / "x.skm")
    assert (skeleton.names, skeleton.parents) == (("A", "B"), (-1, 0))
    assert motion.marks == {"start": 0.0, "end": 0.5, "stroke": 0.3, "stroke_end": 0.4}
    pose = skeleton.pose(motion.rotations, motion.positions, 2)
    # the prerot turns x to y; the displacement adds to the offset
    np.testing.assert_allclose(pose.place("A"), [[0.1, 1, 0]] * 2)
    np.testing.assert_allclose(pose.place("B")[0], [0.1, 1.5, 0], atol=1e-9)
    # Quat acts first, then prerot: a turn about the local x keeps the bone along local x in place
    np.testing.assert_allclose(pose.place("B")[1], [0.1, 1.5, 0], atol=1e-7)
    np.testing.assert_allclose(pose.rotation("A")[1] @ [0, 1, 0], [0, 0, 1], atol=1e-7)


@pytest.mark.parametrize(
    ("content", "sentence"), [("", "no channels"), (SKM.replace("0 0 0.5", "0 0.5"), "SmartBody motion|7 finite")]
)
def test_broken_motions_are_told(tmp_path, content, sentence):
    path = tmp_path / "x.skm"
    path.write_text(content)
    with pytest.raises(InputError, match=sentence):
        read_skm(path)


@pytest.mark.parametrize(
    ("name", "posture", "kind"),
    [
        ("ChrBrad@Idle01_BeatLowRt01", "Idle01", "beat"),
        ("ChrGarza@IdleStand01_NegateForwardLowBt01", "IdleStand01", "negate"),
        ("ChrBrad@Idle03_InclusivityNegBt01", "Idle03", "inclusivity_neg"),
        ("ChrBrad@Idle01_ChopBoth01", "Idle01", "chop"),
        ("ChrConnor@IdleStand01", "IdleStand01", "idle"),
        ("ChrBrad@Idle01_ScrewYouBt01", "Idle01", "dismiss"),
        ("ChrBrad@Idle01_YouPointLf01", "Idle01", "you_point"),
    ],
)
def test_names_say_what_a_clip_shows(name, posture, kind):
    assert name_parts(name)[0] == posture
    assert kind_of(name_parts(name)[1]) == kind


def test_copies_and_walks_are_left_out(tmp_path):
    files = {
        "Gestures": [tmp_path / f"ChrBrad@{n}.skm" for n in ("Idle01_MeLf01", "Idle01_YouLf01", "Idle02_MeLf01")],
        "Gestures2": [tmp_path / f"ChrBrad@{n}.skm" for n in ("Idle01_MeLf01", "Idle01_YouLf01", "Idle01_ToWalk01")],
    }
    kept = {(group, path.stem.split("@")[1]) for group, path in chosen(files)}
    assert kept == {("Gestures2", "Idle01_MeLf01"), ("Gestures", "Idle01_YouLf01"), ("Gestures", "Idle02_MeLf01")}


def test_half_of_the_twist_goes_to_the_elbow_and_the_hand_stays():
    local = np.tile(np.eye(3), (50, NUM_JOINTS, 1, 1))
    elbow, wrist = JOINT_INDEX["left_elbow"], JOINT_INDEX["left_wrist"]
    turns = np.linspace(0.0, 1.4 * np.pi, 50)
    axis = np.array([0.5061, -0.049, -0.045])  # shoulder to wrist in the rest pose
    local[:, wrist] = Rotation.from_rotvec(turns[:, None] * axis / np.linalg.norm(axis)).as_matrix()
    before = local[:, elbow] @ local[:, wrist]
    share_twist(local, "left")
    np.testing.assert_allclose(local[:, elbow] @ local[:, wrist], before, atol=1e-9)
    halves = Rotation.from_matrix(local[:, elbow]).magnitude()
    # past half a turn the twist goes on instead of jumping back
    np.testing.assert_allclose(halves, turns / 2.0, atol=1e-3)


def test_a_folder_without_clips_is_refused(tmp_path):
    with pytest.raises(InputError, match="no SmartBody clips"):
        convert_smartbody(tmp_path, tmp_path, Skipped())
    with pytest.raises(InputError, match="does not exist"):
        list(read_gestures(tmp_path))


def test_the_conversion_agrees_with_the_checked_one(shared_data, tmp_path):
    folder = shared_data / "smartbody_gestures"
    with tarfile.open(folder / "raw_skm_sk.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    skipped = Skipped()
    count = convert_smartbody(tmp_path, tmp_path, skipped)
    assert skipped.reasons == {}
    wanted = {c["key"]: c for c in json.loads((folder / "smartbody_smplx.json").read_text())["clips"]}
    mine = {c["key"]: c for c in json.loads((tmp_path / "smartbody_smplx.json").read_text())["clips"]}
    assert set(mine) == {key for key, c in wanted.items() if c["set"] != "PNGestures"}
    assert count == len(mine) == 213
    a, b = np.load(tmp_path / "smartbody_smplx.npz"), np.load(folder / "smartbody_smplx.npz")
    for key, clip in mine.items():
        assert clip["type"] == wanted[key]["type"]
        assert clip["sync"]["stroke"] == pytest.approx(wanted[key]["sync"]["stroke"], abs=1e-3)
        poses = [np.zeros((len(f[f"{key}.poses"]), NUM_JOINTS, 3)) for f in (a, b)]
        for one, file in zip(poses, (a, b), strict=True):
            one[:, file["smplx55_index"]] = file[f"{key}.poses"]
        first, second = (Rotation.from_rotvec(p.reshape(-1, 3)) for p in poses)
        assert np.rad2deg((first.inv() * second).magnitude()).max() < 1.0, key
        np.testing.assert_allclose(a[f"{key}.trans"], b[f"{key}.trans"], atol=0.005)
