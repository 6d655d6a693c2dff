"""Files that a user hands over: parameters, wav, npz, pickles of corpora, TextGrids."""

from __future__ import annotations

import io
import pickle
import random
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import soundfile
from mutation import spoilt_bytes, spoilt_text

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.cli.view import load_scene
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.config_files import controller_joints, load_yaml
from speech_gesture_pkg.lab.datasets.textgrid import read_words
from speech_gesture_pkg.lab.datasets.unpickle import load_plain_pickle
from speech_gesture_pkg.motion.bounded_npz import read_npz
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.npz import load_body_shape, load_motion, save_motion
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory

YAMLS = (
    "speech_gesture:\n  ros__parameters:\n    style:\n      amplitude: 1.5\n      parts: [body, hands]\n    audio:\n"
    "      sample_rate: 44100\n    controllers.names: [left, right]\n    controllers.left.joints: [a, b]\n",
    "safety:\n  velocity_scale: 0.5\n  max_link_speed: 1.0\nsync: {mode: live, offset: 0.1}\ngenerator: {seed: 7}\n",
    "/**:\n  ros__parameters:\n    trajectory: {lead: 0.05, window: 0.5}\n    robot: {strict: false, urdf: x.urdf}\n",
)
YAML_TOKENS = (
    *(
        "amplitude",
        "parts",
        "audio",
        "style",
        "controllers.left.joints",
        "ros__parameters",
        "&a",
        "*a",
        "!!python/object:os.system",
    ),
    *(
        "!!binary",
        "!!timestamp",
        "<<: *a",
        "[",
        "{",
        "}",
        "]",
        "? ",
        "| ",
        "--- \n",
        "...\n",
        ".nan",
        ".inf",
        "0o17",
        "1:30",
        "~",
    ),
)


def test_parameters(fuzz):
    path = fuzz.folder / "parameters.yaml"

    def use(text: str) -> None:
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        values = load_yaml(str(path))
        controller_joints(values)
        config = GestureConfig().with_values(values)
        assert 0.0 <= config.style.amplitude <= 2.0
        assert 0.005 <= config.trajectory.lead <= 0.5
        assert isinstance(config.robot.urdf, str)

    fuzz.run("parameters", lambda rng: spoilt_text(rng, rng.choice(YAMLS), YAML_TOKENS), use)


def wavs() -> list[bytes]:
    tone = 0.3 * np.sin(np.arange(400) * 0.3)
    made = []
    for form, subtype in (
        ("WAV", "PCM_16"),
        ("WAV", "FLOAT"),
        ("WAV", "ULAW"),
        ("FLAC", "PCM_16"),
        ("AIFF", "PCM_24"),
        ("OGG", "VORBIS"),
    ):
        file = io.BytesIO()
        soundfile.write(file, np.stack([tone, tone], 1), 16000 if form == "OGG" else 8000, subtype, format=form)
        made.append(file.getvalue())
    return made


def test_wav(fuzz):
    path, samples = fuzz.folder / "speech.wav", wavs()

    def use(data: bytes) -> None:
        path.write_bytes(data)
        audio = read_audio(path)
        assert np.isfinite(audio.samples).all()
        assert np.abs(audio.samples).max() <= 1.0

    fuzz.run("wav", lambda rng: spoilt_bytes(rng, samples), use)


def motions(folder: Path) -> list[bytes]:
    made = []
    rng = np.random.default_rng(0)
    motion = MotionFrames(rng.normal(size=(4, 55, 3)) * 0.1, 30.0)
    save_motion(folder / "whole.npz", motion)
    made.append((folder / "whole.npz").read_bytes())
    plain = io.BytesIO()
    np.savez(plain, poses=np.zeros((3, 165)), trans=np.zeros((3, 3)), mocap_frame_rate=np.array(30))
    made.append(plain.getvalue())
    return made


def _spoilt_npz(rng: random.Random, samples: list[bytes]) -> bytes:
    """Half of them with whole archives round arrays that are not what they should be."""
    if rng.random() < 0.5:
        return spoilt_bytes(rng, samples)
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(rng.choice(samples))) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if rng.random() < 0.3:
                head = data[:128]
                data = (
                    spoilt_text(
                        rng, head.decode("latin1"), ("'<f8'", "'|O'", "'<U9'", "(3, 165)", "True", "()")
                    ).encode("latin1", "replace")
                    + data[128:]
                )
            if rng.random() < 0.3:
                data = spoilt_bytes(rng, [data], 3)
            if rng.random() < 0.95:
                new.writestr(rng.choice((name, name, name, "x.npy", "../" + name)), data)
    return file.getvalue()


def test_npz(fuzz):
    path, samples = fuzz.folder / "motion.npz", motions(fuzz.folder)

    def use(data: bytes) -> None:
        path.write_bytes(data)
        load_body_shape(path)
        motion = load_motion(path)
        for values in (motion.poses, motion.translation, motion.expression, motion.face):
            assert np.isfinite(values).all()
        assert np.isfinite(motion.fps)
        assert motion.fps > 0

    fuzz.run("npz", lambda rng: _spoilt_npz(rng, samples), use)


def test_trajectories(fuzz):
    """What `view` and `retarget` write and read; the cache of robots' shapes is read by the same function."""
    path, kept = fuzz.folder / "trajectory.npz", fuzz.folder / "kept.npz"
    time = np.arange(4) / 30.0
    zeros = np.zeros((4, 2))
    RobotTrajectory(("a", "b"), time, zeros, zeros, zeros, 30.0).save(path)
    np.savez(kept, link=np.array(["a", "b"]), start=np.zeros((2, 3)))
    samples = [path.read_bytes(), kept.read_bytes()]

    def use(data: bytes) -> None:
        path.write_bytes(data)
        for array in read_npz(path).values():
            assert array.dtype != object
        loaded = load_scene(path).trajectory
        assert loaded is not None
        assert loaded.position.shape == (len(loaded.time), len(loaded.joint_names))

    fuzz.run("trajectories", lambda rng: _spoilt_npz(rng, samples), use)


def pickles() -> list[bytes]:
    value = {
        "a": np.arange(6.0).reshape(2, 3),
        "n": np.float32(2),
        "t": ("x", b"y", 3, None, True),
        "o": OrderedDict(z=1),
    }
    return [pickle.dumps(value, protocol) for protocol in range(6)]


HOSTILE = (
    *(
        b"cos\nsystem\n(S'touch fuzz_was_here'\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x94\x8c\x04true\x85R.",
    ),
    *(b"cnumpy\nload\n(S'x'\ntR.", b"cnumpy\nndarray\n((I1000000000000\nttR.", b"c_codecs\nencode\n(Va\nVutf-8\ntR."),
    b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR.",
)
OPCODES = (
    b"R",
    b"o",
    b"i",
    b"\x81",
    b"\x92",
    b"b",
    b"c",
    b"\x93",
    b"\x82\x01",
    b"P1\n",
    b"Q",
    b"0",
    b"2",
    b"(",
    b"t",
    b"}",
    b"s",
    b"e",
)


def test_pickles(fuzz):
    """No code of a pickle is ever run, whatever it says."""
    path, samples = fuzz.folder / "show.pkl", pickles()

    def make(rng: random.Random) -> bytes:
        data = spoilt_bytes(rng, (*samples, *HOSTILE) if rng.random() < 0.3 else samples)
        for _ in range(rng.randrange(3)):
            at = rng.randrange(len(data) + 1)
            data = data[:at] + rng.choice((*OPCODES, *HOSTILE)) + data[at:]
        return data

    def use(data: bytes) -> None:
        path.write_bytes(data)
        load_plain_pickle(path)

    fuzz.run("pickles", make, use)
    assert not Path("fuzz_was_here").exists()


GRID = (
    'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 2.5\ntiers? <exists>\nsize = 1\nitem []:\n'
    '    item [1]:\n        class = "IntervalTier"\n        name = "words"\n        xmin = 0\n        xmax = 2.5\n'
    "        intervals: size = 2\n        intervals [1]:\n            xmin = 0\n            xmax = 1.25\n"
    '            text = "hello"\n        intervals [2]:\n            xmin = 1.25\n            xmax = 2.5\n'
    '            text = "you"\n'
)


def test_textgrid(fuzz):
    path = fuzz.folder / "words.TextGrid"
    tokens = ('"', "xmin", "xmax", "text", "intervals [", "IntervalTier", "TextTier", "item []:", "\n\n", '""')

    def make(rng: random.Random) -> bytes:
        text = spoilt_text(rng, GRID, tokens)
        data = text.encode(rng.choice(("utf-8", "utf-8", "utf-16")), "replace")
        return spoilt_bytes(rng, [data], 2) if rng.random() < 0.2 else data

    def use(data: bytes) -> None:
        path.write_bytes(data)
        for word in read_words(path):
            assert np.isfinite([word.start, word.end]).all()

    fuzz.run("textgrid", make, use)
