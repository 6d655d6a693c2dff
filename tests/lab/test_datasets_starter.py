"""The starter corpus: library, rule, weaving, faces, building, statistics, cache; on gestures and speech made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio, write_wav
from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.features.vectors import speech_vectors
from speech_gesture_pkg.lab.datasets.cache import FeatureCache
from speech_gesture_pkg.lab.datasets.clip import Clip
from speech_gesture_pkg.lab.datasets.facegood import CHANNELS, JAW_ANGLE, channel_matrix, read_facegood
from speech_gesture_pkg.lab.datasets.layout import read_corpus, read_index
from speech_gesture_pkg.lab.datasets.stats import corpus_stats, joint_speeds, turn
from speech_gesture_pkg.lab.starter_corpus.blending import weave
from speech_gesture_pkg.lab.starter_corpus.build import build_starter
from speech_gesture_pkg.lab.starter_corpus.face_model import fit_face
from speech_gesture_pkg.lab.starter_corpus.gesture_schedule import Accent, Manner, Phrase, lay
from speech_gesture_pkg.lab.starter_corpus.library import ARMS, arm_quaternions, make_library
from speech_gesture_pkg.lab.starter_corpus.smartbody import read_gestures, stroke_span
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import ARKIT_INDEX, ARKIT_NAMES
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX

FPS = 30.0


def gesture_poses(seconds: float, peak: float, sides: tuple[str, ...]) -> np.ndarray:
    """Arms hang, swing up to the peak and down again."""
    t = np.arange(round(seconds * FPS) + 1) / FPS
    up = np.exp(-(((t - peak) / 0.3) ** 2))
    poses = np.zeros((len(t), 55, 3))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        poses[:, JOINT_INDEX[f"{side}_shoulder"], 2] = -1.2 * sign
        if side in sides:
            poses[:, JOINT_INDEX[f"{side}_elbow"], 1] = -1.4 * sign * up
            poses[:, JOINT_INDEX[f"{side}_shoulder"], 1] = -0.4 * sign * up
    return poses


def write_smartbody(folder: Path) -> None:
    folder.mkdir(parents=True)
    arrays, clips = {}, []
    acts = [("idle", 12.0, 6.0, ())]
    for k in range(6):
        acts += [("beat", 2.0 + 0.1 * k, 0.9, ("left",)), ("you", 2.2, 1.0 + 0.02 * k, ("right",))]
        acts += [("beat", 1.8 + 0.1 * k, 0.8, ("left", "right"))]
    for number, (kind, seconds, peak, sides) in enumerate(acts):
        key = f"Set__{kind}{number}"
        arrays[f"{key}.poses"] = gesture_poses(seconds, peak, sides)[:, :22].astype(np.float32)
        arrays[f"{key}.trans"] = np.zeros((len(arrays[f"{key}.poses"]), 3))
        clips.append({"key": key, "type": kind, "set": "Set", "posture": "Idle01", "sync": {"stroke": peak}})
    np.savez(folder / "smartbody_smplx.npz", smplx55_index=np.arange(22), **arrays)
    (folder / "smartbody_smplx.json").write_text(json.dumps({"clips": clips}))


def syllables(seconds: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A buzzing voice with loud and soft syllables, and its loudness at 16 kHz."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(16000 * seconds)) / 16000.0
    loud = np.zeros_like(t)
    at = 0.3
    while at < seconds - 0.3:
        loud += rng.uniform(0.2, 1.0) * np.exp(-(((t - at) / 0.06) ** 2))
        at += rng.uniform(0.18, 0.3) if rng.random() < 0.9 else 0.7
    voice = sum(np.sin(2.0 * np.pi * 120.0 * k * t) / k for k in range(1, 12))
    return (0.15 * loud * voice).astype(np.float32), loud


def write_faces(folder: Path) -> None:
    folder.mkdir(parents=True)
    names = [*sorted({c for channels in CHANNELS.values() for c, _ in channels}), "tooth_l"]
    np.save(folder / "shirley_1015_bs_name.npy", np.array(names))
    for seed, take in enumerate(("1114_2_01", "1114_2_05", "1114_2_02")):
        samples, loud = syllables(12.0, seed)
        write_wav(folder / f"{take}.wav", samples)
        values = np.zeros((360, len(names)))
        values[:, names.index("mouth_stretch_c")] = np.interp(
            np.arange(360) / FPS, np.arange(len(loud)) / 16000.0, loud
        )
        np.save(folder / f"bs_value_{take}.npy", 0.5 * values)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    root = tmp_path_factory.mktemp("sources")
    write_smartbody(root / "smartbody_gestures")
    write_faces(root / "facegood_face")
    for k in range(3):
        (root / "librispeech" / str(k)).mkdir(parents=True)
        write_wav(root / "librispeech" / str(k) / f"{k}-10-0000.wav", syllables(8.0, 10 + k)[0])
    write_wav(root / "librispeech" / "9-9-9.wav", np.zeros(800))
    return root


@pytest.fixture(scope="module")
def library(sources):
    return make_library(read_gestures(sources / "smartbody_gestures"))


@pytest.fixture(scope="module")
def corpus(sources, tmp_path_factory):
    out = tmp_path_factory.mktemp("corpus") / "c"
    return out, build_starter(sources, out, minutes=1.3, seed=3)


def test_the_stroke_is_measured_from_the_wrists():
    motion = MotionFrames(gesture_poses(3.0, 1.2, ("right",)), FPS)
    hands, onset, offset = stroke_span(motion, 1.2)
    assert hands == "right"
    # the wrist's way is nearly proportional to exp(-(t/0.3)^2): 12 % at 0.44 s before, 25 % at 0.35 s after
    assert onset == pytest.approx(1.2 - 0.44, abs=0.08)
    assert offset == pytest.approx(1.2 + 0.35, abs=0.08)
    assert stroke_span(MotionFrames(np.zeros((30, 55, 3)), FPS), 0.5)[0] == "none"


def test_mirroring_swaps_the_sides_and_twice_is_nothing():
    poses = np.random.default_rng(0).normal(0, 0.5, (4, 55, 3))
    plain, mirrored = arm_quaternions(poses, False), arm_quaternions(poses, True)
    again = np.zeros_like(poses)
    again[:, ARMS] = Rotation.from_quat(mirrored.reshape(-1, 4)).as_rotvec().reshape(4, 2, 19, 3)
    # the angle between unit quaternions comes from an arc cosine: 1e-7 is its noise
    assert turn(arm_quaternions(again, True), plain).max() < 1e-6
    # a reflection at x = 0 turns R into M R M
    m = np.diag([-1.0, 1.0, 1.0])
    left = Rotation.from_rotvec(poses[0, JOINT_INDEX["left_elbow"]]).as_matrix()
    np.testing.assert_allclose(Rotation.from_quat(mirrored[0, 1, 2]).as_matrix(), m @ left @ m, atol=1e-12)


def test_strokes_fall_on_accents_and_hands_come_to_rest_in_pauses(library):
    accents = tuple(Accent(1.5 + 0.4 * k, 1.0, k == 0) for k in range(20))
    phrases = [Phrase(1.2, 9.6, accents), Phrase(14.0, 15.5, (Accent(14.5, 1.5, True),))]
    laid = lay(phrases, library, Manner(1.0, 1.0, 0.5), np.random.default_rng(0))
    times = np.array([a.time for p in phrases for a in p.accents])
    for one in laid:
        late = one.peak - times
        assert late[np.abs(late - 0.25).argmin()] == pytest.approx(0.25, abs=0.0501)
    peaks = np.array([one.peak for one in laid])
    assert 4 <= len(peaks) <= 12
    assert np.diff(peaks).min() > 0.7
    arms, phases = weave(laid, library.idle[0], 540, 0)
    # idle here stands still, so all motion in the pause comes from gestures
    pause = slice(round(12.9 * FPS), round(13.4 * FPS))
    assert turn(arms[pause][1:], arms[pause][:-1]).max() < 1e-3
    assert not phases[pause].any()
    assert np.rad2deg(turn(arms[1:], arms[:-1])).max() * FPS < 500.0
    assert np.abs(np.diff(turn(arms[1:], arms[:-1]), axis=0)).max() < np.deg2rad(6.0)


def test_no_speech_no_gestures(library):
    assert lay([], library, Manner(1.0, 1.0, 0.5), np.random.default_rng(0)) == []
    arms, phases = weave([], library.idle[0], 50, 3)
    assert arms.shape == (50, 2, 19, 4)
    assert not phases.any()


def test_face_channels_become_arkit_weights(sources):
    names = sorted({c for channels in CHANNELS.values() for c, _ in channels})
    matrix = channel_matrix(names)
    one = np.zeros(len(names))
    one[[names.index("mouth_funnel_dl"), names.index("mouth_press_r")]] = 0.8
    weights = one @ matrix
    assert weights[ARKIT_INDEX["mouthFunnel"]] == pytest.approx(0.2)
    assert weights[ARKIT_INDEX["mouthPressRight"]] == pytest.approx(0.8)
    assert weights.sum() == pytest.approx(1.0)
    with pytest.raises(InputError, match="lack"):
        channel_matrix(names[1:])
    clips = {c.name: c for c in read_facegood(sources / "facegood_face")}
    assert {n: c.split for n, c in clips.items()} == {"1114_2_01": "train", "1114_2_02": "train", "1114_2_05": "test"}
    motion = clips["1114_2_01"].motion
    jaw = motion.poses[:, JOINT_INDEX["jaw"], 0]
    np.testing.assert_allclose(jaw, JAW_ANGLE * motion.face[:, ARKIT_INDEX["jawOpen"]])
    assert motion.valid.all(0).tolist() == [False, False, True]


def test_the_face_mapping_hears(sources):
    takes = {c.name: (speech_vectors(c.audio()), c.motion.face, c) for c in read_facegood(sources / "facegood_face")}
    model = fit_face([takes[n][:2] for n in ("1114_2_01", "1114_2_02")])
    vectors, real, _ = takes["1114_2_05"]
    jaw = model(vectors, len(real))[:, ARKIT_INDEX["jawOpen"]]
    assert np.corrcoef(jaw, real[:, ARKIT_INDEX["jawOpen"]])[0, 1] > 0.8
    assert 0.0 <= jaw.min() <= jaw.max() <= 1.0
    with pytest.raises(InputError, match="needs takes"):
        fit_face([])


def test_the_corpus_is_whole(corpus):
    out, index = corpus
    clips = list(read_corpus(out))
    assert len(clips) == len(index["clips"])
    assert index["minutes"] >= 1.3
    assert [Path(p).name for p in index["skipped"]] == ["9-9-9.wav"]
    for clip in clips:
        assert clip.audio().duration == pytest.approx(len(clip.motion) / FPS, abs=1e-3)
        assert clip.motion.finite.all()
        assert joint_speeds(clip.motion.poses, FPS).max() < 700.0
    by_speaker = {(c.speaker, c.split) for c in clips if c.speaker != "facegood"}
    assert len({speaker for speaker, _ in by_speaker}) == len(by_speaker)
    names = {c["name"] for c in index["clips"]}
    assert {"1114_2_01", "1114_2_05"} <= names
    assert all({"motion", "face", "audio"} == set(c["licences"]) for c in index["clips"])
    card = (out / "README.md").read_text()
    assert "rule-made timing" in card
    assert "LGPL" in card


def test_facegood_takes_keep_their_true_face(sources, corpus):
    out, _ = corpus
    real = next(c for c in read_facegood(sources / "facegood_face") if c.name == "1114_2_05").motion.face
    made = next(c for c in read_corpus(out) if c.name == "1114_2_05").motion.face
    jaw = ARKIT_INDEX["jawOpen"]
    shifts = [np.abs(made[k : k + len(real), jaw] - real[:, jaw]).max() for k in range(len(made) - len(real))]
    assert min(shifts) < 1e-6
    # the pause before is 0.6 to 1.2 s
    assert 18 <= int(np.argmin(shifts)) <= 36


def test_same_seed_same_corpus_and_an_interrupted_run_goes_on(sources, corpus, tmp_path):
    out, index = corpus
    made: list[float] = []

    def stop(minutes: float) -> None:
        made.append(minutes)
        if len(made) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_starter(sources, tmp_path / "c", 1.3, 3, stop)
    assert not (tmp_path / "c" / "index.json").exists()
    with (tmp_path / "c" / "progress.jsonl").open("a") as stream:
        stream.write('{"name": "cut')
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "c" / "motion").iterdir()}
    again = build_starter(sources, tmp_path / "c", 1.3, 3)
    assert all(p.stat().st_mtime_ns == t for p, t in times.items())
    assert again["clips"] == index["clips"]
    for entry in index["clips"]:
        a, b = (np.load(folder / entry["motion"]) for folder in (out, tmp_path / "c"))
        np.testing.assert_array_equal(a["poses"], b["poses"])
    with pytest.raises(ConfigError, match="other settings"):
        build_starter(sources, tmp_path / "c", 1.3, 4)


def test_missing_sources_are_named(tmp_path):
    with pytest.raises(InputError, match="smartbody_gestures"):
        build_starter(tmp_path, tmp_path / "out")
    with pytest.raises(ConfigError, match="minutes"):
        build_starter(tmp_path, tmp_path / "out", minutes=0)


def test_statistics_in_closed_form():
    poses = np.zeros((31, 55, 3))
    poses[:, JOINT_INDEX["head"], 1] = np.deg2rad(2.0) * np.arange(31)
    face = np.zeros((31, len(ARKIT_NAMES)))
    face[:, ARKIT_INDEX["jawOpen"]] = np.linspace(0.0, 1.0, 31)
    clips = [Clip(n, MotionFrames(poses, FPS, face=face), None, "s", "CC0", "train", Path(n)) for n in "ab"]
    found = corpus_stats(clips)
    head = found["joints"]["head"]
    assert found["minutes"] == pytest.approx(2 * 31 / 30 / 60)
    assert head["mean_deg"] == pytest.approx([0.0, 30.0, 0.0], abs=1e-3)
    # standard deviation of 0..30 times 2 degrees
    assert head["std_deg"][1] == pytest.approx(2.0 * np.sqrt((31**2 - 1) / 12.0), abs=1e-3)
    assert head["speed_p95_deg_s"] == pytest.approx(60.0, abs=1.0)
    assert head["speed_max_deg_s"] == pytest.approx(60.0)
    assert found["face"]["jawOpen"]["mean"] == pytest.approx(0.5)
    assert found["face"]["jawOpen"]["p95"] == pytest.approx(0.95)
    with pytest.raises(InputError, match="no recordings"):
        corpus_stats([])


def test_the_verb(corpus, tmp_path, capsys, sources):
    out, _ = corpus
    assert main(["corpus", "stats", str(out), "--split", "test", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["splits"].keys() == {"test"}
    assert main(["corpus", "stats", str(tmp_path)]) == InputError.exit_code
    assert "no corpus" in capsys.readouterr().err
    made = tmp_path / "made"
    assert main(["corpus", "starter", str(sources), "-o", str(made), "--minutes", "0.2"]) == 0
    assert read_index(made)["minutes"] >= 0.2
    assert "1 recordings" in capsys.readouterr().out


def test_features_are_kept_bound_to_sound_and_version(tmp_path):
    sound = tmp_path / "a.wav"
    write_wav(sound, syllables(1.0, 0)[0])
    cache = FeatureCache(tmp_path / "cache")
    made = cache.vectors(sound)
    np.testing.assert_array_equal(made, speech_vectors(read_audio(sound)))
    np.save(cache.path(sound), made + 1.0)
    np.testing.assert_array_equal(cache.vectors(sound), made + 1.0)
    cache.path(sound).write_bytes(b"cut off")
    np.testing.assert_array_equal(cache.vectors(sound), made)
    before = cache.path(sound)
    write_wav(sound, syllables(1.0, 1)[0])
    assert cache.path(sound) != before
    assert not list((tmp_path / "cache").glob("*.part"))
    with pytest.raises(InputError, match="cannot be read"):
        cache.vectors(tmp_path / "none.wav")


def test_the_cache_forgets_the_oldest(tmp_path):
    cache = FeatureCache(tmp_path / "cache", most_bytes=45_000)
    for k in range(4):
        write_wav(tmp_path / f"{k}.wav", syllables(1.0, k)[0])
        cache.vectors(tmp_path / f"{k}.wav")
    assert sum(p.stat().st_size for p in (tmp_path / "cache").iterdir()) <= 45_000
    assert cache.path(tmp_path / "3.wav").is_file()


def test_added_pauses_are_not_digital_silence(corpus):
    out, _ = corpus
    clip = next(iter(read_corpus(out)))
    audio: AudioChunk = clip.audio()
    assert 1e-5 < np.sqrt(np.square(audio.samples[:8000]).mean()) < 1e-3
