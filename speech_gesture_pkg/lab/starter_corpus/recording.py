"""One take of the starter corpus: speech in, motion out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE, AudioChunk
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.features.vectors import speech_vectors
from speech_gesture_pkg.generators.prosody import ProsodyGenerator
from speech_gesture_pkg.lab.datasets.facegood import with_jaw
from speech_gesture_pkg.lab.starter_corpus.blending import weave
from speech_gesture_pkg.lab.starter_corpus.face_model import MOUTH, FaceModel
from speech_gesture_pkg.lab.starter_corpus.gesture_schedule import Manner, lay, phrases_of
from speech_gesture_pkg.lab.starter_corpus.library import ARMS, Library
from speech_gesture_pkg.lab.starter_corpus.smartbody import FPS
from speech_gesture_pkg.motion.frames import MotionFrames

_NOISE = 10.0 ** (-70.0 / 20.0)
"""Level of the noise in the pauses that are added: digital silence would show the network where speech is."""


@dataclass(frozen=True)
class StarterRecording:
    """A made recording: motion and the audio that begins and ends with it."""

    motion: MotionFrames
    audio: AudioChunk
    gestures: int


def chance(*keys: object) -> np.random.Generator:
    """Random numbers that depend only on the keys."""
    digest = hashlib.sha256("/".join(map(str, keys)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def padded(audio: AudioChunk, before: float, after: float, rng: np.random.Generator) -> AudioChunk:
    """The audio with a quiet pause before and after (seconds)."""
    size = round(before * SAMPLE_RATE) + len(audio.samples) + round(after * SAMPLE_RATE)
    samples = (_NOISE * rng.standard_normal(size)).astype(np.float32)
    begin = round(before * SAMPLE_RATE)
    samples[begin : begin + len(audio.samples)] = audio.samples
    return AudioChunk(samples)


def make_take(
    audio: AudioChunk,
    library: Library,
    face_model: FaceModel,
    speaker: str,
    name: str,
    seed: int,
    true_face: np.ndarray | None = None,
) -> StarterRecording:
    """Lay gestures on speech.

    Arms and fingers are real clips; mouth and jaw are learned from real pairs, or real (`true_face`); head, torso,
    eyes, blinks and brows come from the rules of the prosody generator.

    Args:
        audio: speech, 16 kHz.
        library: gestures.
        face_model: for the mouth, unless the true face is given.
        speaker: whose manner of gesturing; the same for all takes of a speaker.
        name: of the take; with the seed it fixes every choice.
        seed: of the corpus.
        true_face: recorded ARKit weights from the audio's first sample on. Shape [F, 52].

    Raises:
        InputError: the audio is shorter than a second.
    """
    if audio.duration < 1.0:
        raise InputError(f"{name} lasts {audio.duration:.2f} s; a take needs at least 1 s of speech")
    rng = chance(seed, "take", name)
    manner = Manner.draw(chance(seed, "speaker", speaker))
    # a whole number of frames, so that the true face stays on the frame grid
    before, after = round(rng.uniform(0.6, 1.2) * FPS) / FPS, rng.uniform(0.9, 1.8)
    audio = padded(audio, before, after, rng)
    count = int(audio.duration * FPS)
    audio = AudioChunk(audio.samples[: round(count / FPS * SAMPLE_RATE)])

    rules = _by_rule(audio, count, int(rng.integers(2**31)))
    laid = lay(phrases_of(audio), library, manner, rng)
    idle = library.idle[int(rng.integers(len(library.idle)))]
    arms, phases = weave(laid, idle, count, int(rng.integers(2 * len(idle))))

    face = rules.face.copy()
    face[:, MOUTH] = face_model(speech_vectors(audio), count)[:, MOUTH]
    if true_face is not None:
        begin = round(before * FPS)
        inside = slice(begin, min(begin + len(true_face), count))
        face[:, MOUTH] = 0.0
        face[inside, MOUTH] = true_face[: inside.stop - begin][:, MOUTH]
    poses = rules.poses.copy()
    vectors = Rotation.from_quat(arms.reshape(-1, 4)).as_rotvec().reshape(count, 2, -1, 3)
    poses[:, ARMS] = vectors
    motion = MotionFrames(
        with_jaw(poses, face).astype(np.float32),
        FPS,
        translation=rules.translation.astype(np.float32),
        face=face.astype(np.float32),
        phase=phases,
    )
    return StarterRecording(motion, audio, len(laid))


def _by_rule(audio: AudioChunk, count: int, seed: int) -> MotionFrames:
    """Motion of the prosody generator for a whole file."""
    generator = ProsodyGenerator()
    tail = np.zeros(int((generator.lookahead_s + 3.0 / FPS) * SAMPLE_RATE), np.float32)
    motion, _ = generator.step(AudioChunk(np.concatenate([audio.samples, tail])), generator.start(seed))
    return motion[:count]
