"""What `evaluate` takes for what, and what it pairs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from speech_gesture_pkg.audio.files import write_wav
from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.lab.study.from_motion import semantic_scores
from speech_gesture_pkg.lab.study.inputs import content_hash, find_inputs
from speech_gesture_pkg.lab.study.plan import metric_names
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.npz import save_motion


def wav(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wav(path, np.zeros(1600, np.float32))
    return path


def npz(path: Path) -> Path:
    save_motion(path, MotionFrames(np.zeros((10, 55, 3)), 30.0))
    return path


def found(*args, **kwargs) -> dict[str, tuple[str, str | None, str | None]]:
    """Name -> kind, name of the truth, name of the speech."""
    return {
        i.name: (i.kind, i.truth.name if i.truth else None, i.speech.name if i.speech else None)
        for i in find_inputs(*args, **kwargs)
    }


def test_a_folder_is_searched_and_npz_beside_speech_is_its_truth(tmp_path):
    wav(tmp_path / "a" / "one.wav")
    npz(tmp_path / "a" / "one.npz")
    wav(tmp_path / "a" / "deep" / "two.wav")
    npz(tmp_path / "three.npz")
    np.savez(tmp_path / "robot.npz", position=np.zeros(3))  # no motion
    (tmp_path / "notes.txt").write_text("nothing")
    assert found([tmp_path]) == {
        "one": ("audio", "one.npz", None),
        "two": ("audio", None, None),
        "three": ("motion", None, None),
    }


def test_beat2_folders_stand_side_by_side(tmp_path):
    wav(tmp_path / "wave16k" / "x.wav")
    npz(tmp_path / "smplxflame_30" / "x.npz")
    (tmp_path / "sem").mkdir()
    (tmp_path / "sem" / "x.txt").write_text("beat\t0.0\t1.0\t1.0\t0.5\tword\n")
    assert found([tmp_path / "wave16k"]) == {"x": ("audio", "x.npz", None)}
    assert found([tmp_path]) == {"x": ("audio", "x.npz", None)}
    assert found([tmp_path / "smplxflame_30"]) == {"x": ("motion", None, "x.wav")}
    assert find_inputs([tmp_path])[0].semantic == tmp_path / "sem" / "x.txt"


def test_truth_and_speech_of_other_folders(tmp_path):
    npz(tmp_path / "made" / "x.npz")
    npz(tmp_path / "real" / "x.npz")
    wav(tmp_path / "heard" / "x.wav")
    given = found([tmp_path / "made"], truth=tmp_path / "real", speech=tmp_path / "heard")
    assert given == {"x": ("motion", "x.npz", "x.wav")}


def test_equal_names_are_told_apart_by_their_folders(tmp_path):
    wav(tmp_path / "a" / "x.wav")
    wav(tmp_path / "b" / "x.wav")
    assert set(found([tmp_path])) == {"a/x", "b/x"}
    assert set(found([tmp_path / "a", tmp_path / "a" / "x.wav"])) == {"x"}


def test_bags_are_folders_or_files(tmp_path):
    (tmp_path / "bag").mkdir()
    (tmp_path / "bag" / "metadata.yaml").write_text("")
    (tmp_path / "loose.mcap").write_bytes(b"")
    assert {n: k for n, (k, _, _) in found([tmp_path / "bag", tmp_path / "loose.mcap"]).items()} == {
        "bag": "bag",
        "loose.mcap": "bag",
    }


def test_what_cannot_be_evaluated_is_said(tmp_path):
    with pytest.raises(InputError, match="absent does not exist"):
        find_inputs([tmp_path / "absent"])
    with pytest.raises(InputError, match="holds nothing to evaluate"):
        find_inputs([tmp_path])
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(InputError, match="nothing that can be evaluated"):
        find_inputs([tmp_path / "x.txt"])


def test_truth_that_pairs_with_nothing_is_said(tmp_path):
    wav(tmp_path / "a.wav")
    npz(tmp_path / "real" / "b.npz")
    with pytest.raises(InputError, match=r"paired by file name"):
        find_inputs([tmp_path / "a.wav"], truth=tmp_path / "real")
    npz(tmp_path / "real" / "deep" / "b.npz")
    with pytest.raises(InputError, match="have the same name"):
        find_inputs([tmp_path / "a.wav"], truth=tmp_path / "real")


def test_hash_is_of_the_content(tmp_path):
    a, b = wav(tmp_path / "a.wav"), wav(tmp_path / "b.wav")
    assert content_hash(a) == content_hash(b)
    write_wav(b, np.ones(1600, np.float32) * 0.1)
    assert content_hash(a) != content_hash(b)


def test_metrics_by_name_and_pattern():
    assert metric_names(["vsd", "asd"]) == ("vsd", "asd")
    assert set(metric_names(["robot_jerk*"])) == {"robot_jerk_rms"}
    with pytest.raises(ConfigError, match="did you mean vsd"):
        metric_names(["vsdd"])


def test_semantic_scores_by_frame(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("iconic\t0.5\t1.0\t0.5\t0.8\tball\n\nbeat\t2.0\t2.1\t0.1\t0.2\n")
    scores = semantic_scores(path, 90)
    assert np.flatnonzero(scores == 0.8).tolist() == list(range(15, 31))
    assert np.flatnonzero(scores == 0.2).tolist() == list(range(60, 64))
    assert (scores > 0).sum() == 20
    path.write_text("not a table\n")
    with pytest.raises(InputError, match="line 1"):
        semantic_scores(path, 90)


def test_a_corpus_in_our_layout_is_speech_with_its_truth(tmp_path):
    clips = []
    for i, split in enumerate(("train", "test", "test", "test")):
        clip = {"name": f"c{i}", "motion": f"motion/c{i}.npz", "audio": f"audio/c{i}.wav" if i < 3 else None}
        clips.append(clip | {"speaker": "a", "licence": "CC0", "split": split, "seconds": 1.0})
        for name in filter(None, (clip["motion"], clip["audio"])):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(b"x")
    (tmp_path / "index.json").write_text(json.dumps({"format": "speech-gesture corpus 1", "clips": clips}))
    found = find_inputs([tmp_path], split="test")
    assert [(i.kind, i.name) for i in found] == [("audio", "c1"), ("audio", "c2"), ("motion", "c3")]
    assert found[0].truth == tmp_path / "motion" / "c1.npz"
    assert len(find_inputs([tmp_path])) == 4
    assert [i.name for i in find_inputs([tmp_path], limit=2)] == ["c0", "c2"]
    with pytest.raises(InputError, match="it has: test, train"):
        find_inputs([tmp_path], split="val")
    (tmp_path / "audio" / "c1.wav").unlink()
    with pytest.raises(InputError, match="does not exist"):
        find_inputs([tmp_path], split="test")
