"""A corpus on disk as recordings in memory: motion and speech features, of which each model makes its own vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.features.vectors import SpeechVectors
from speech_gesture_pkg.generators.feature_windows import MOTION_FPS
from speech_gesture_pkg.lab.datasets.cache import FeatureCache
from speech_gesture_pkg.lab.datasets.clip import Clip, Skipped, check_lengths
from speech_gesture_pkg.lab.datasets.reading import read_layout
from speech_gesture_pkg.motion.frames import MotionFrames, resample
from speech_gesture_pkg.motion.liveliness import PEAK_SPEED, wrist_velocity

SPEECH = "speech"
"""Name of the package's own features (`features.vectors`) in a recording."""


@dataclass(frozen=True)
class Feature:
    """A kind of speech features of a corpus.

    Attributes:
        encode: features of a sound file. Shape [F, ...].
        rate: feature frames per second, to compare their duration with the motion's; 0 = it is not compared.
    """

    encode: Callable[[Path], np.ndarray]
    rate: float = 0.0


@dataclass(frozen=True)
class Recording:
    """Motion and speech that begin together.

    Attributes:
        name: for messages.
        motion: at `MOTION_FPS`.
        features: name of the kind -> feature frames on their own grid. Shape [F, ...].
        speaker: who speaks.
    """

    name: str
    motion: MotionFrames
    features: Mapping[str, np.ndarray]
    speaker: str = "default"

    def __len__(self) -> int:
        return len(self.motion)

    @cached_property
    def speed(self) -> np.ndarray:
        """Of the faster wrist relative to the chest, m/s. Shape [T]."""
        return np.asarray(np.linalg.norm(wrist_velocity(self.motion), axis=-1).max(1))

    @property
    def liveliness(self) -> np.ndarray:
        """Mean wrist speed (m/s) and strokes per second of the whole recording, pauses included. Shape [2]."""
        starts = (self.speed[1:] > PEAK_SPEED) & (self.speed[:-1] <= PEAK_SPEED)
        return np.array([self.speed.mean(), starts.sum() * MOTION_FPS / len(self.speed)])

    def in_units(self, frames: int) -> Recording:
        """The recording with its motion cut to a multiple of so many frames."""
        return replace(self, motion=self.motion[: len(self) // frames * frames])

    def speaker_index(self, speakers: Sequence[str]) -> int:
        """Which of a network's speakers this one is; one that it does not list counts as its first one."""
        return speakers.index(self.speaker) if self.speaker in speakers else 0


@dataclass
class Corpus:
    """Recordings by split, what was left out and why, and a hash of everything that was used.

    Attributes:
        train, val, test: recordings.
        skipped: recordings that were not used.
        licences: of what was used.
        sha256: of the names, motion and features of all recordings.
    """

    train: list[Recording] = field(default_factory=list)
    val: list[Recording] = field(default_factory=list)
    test: list[Recording] = field(default_factory=list)
    skipped: Skipped = field(default_factory=Skipped)
    licences: set[str] = field(default_factory=set)
    sha256: str = ""

    @property
    def minutes(self) -> dict[str, float]:
        """Amount of each split."""
        return {s: sum(len(r) for r in getattr(self, s)) / MOTION_FPS / 60 for s in ("train", "val", "test")}

    def held_out(self) -> list[Recording]:
        """What training is judged by. Raises InputError if there is nothing."""
        if not self.val:
            raise InputError("the corpus has no recording in its split 'val', by which training is judged")
        return self.val

    def facts(self) -> dict[str, object]:
        """For a checkpoint."""
        return {"sha256": self.sha256, "minutes": self.minutes, "licences": sorted(self.licences)}


def own_features(cache: str | Path) -> dict[str, Feature]:
    """The package's own speech features, kept in a folder."""
    return {SPEECH: Feature(FeatureCache(cache).vectors, 1.0 / SpeechVectors.hop_s)}


def samples(path: Path) -> np.ndarray:
    """The sound itself as a feature: 16 kHz mono. Shape [N], float32."""
    return read_audio(path).samples


def load_corpus(
    folder: str | Path,
    features: Mapping[str, Feature],
    layout: str = "own",
    smplx: str | None = None,
    progress: Callable[[Iterable[Path]], Iterable[Path]] | None = None,
) -> Corpus:
    """Read all splits.

    Args:
        folder: of the corpus.
        features: name -> kind of speech features that the recordings are to hold.
        layout: see `lab.datasets.reading.LAYOUTS`.
        smplx: for SHOW files with PCA hands.
        progress: wraps the files.

    Raises:
        InputError: no such corpus, or it has no recording with motion and audio in its training split.
    """
    corpus, digest = Corpus(), hashlib.sha256()
    for clip in read_layout(folder, layout, None, corpus.skipped, smplx, progress):
        try:
            made = _recording(clip, features)
        except InputError as error:
            corpus.skipped.used -= 1
            corpus.skipped.add(clip.source, str(error))
            continue
        getattr(corpus, clip.split).append(made)
        corpus.licences.add(clip.licence)
        digest.update(f"{clip.name}|{clip.split}".encode())
        moved = made.motion
        for array in (moved.poses, moved.translation, moved.face, moved.expression, *made.features.values()):
            digest.update(np.ascontiguousarray(array).tobytes())
    corpus.sha256 = digest.hexdigest()
    if not corpus.train:
        raise InputError(f"{folder} holds no usable recording for training; {corpus.skipped.report()}")
    return corpus


def _recording(clip: Clip, features: Mapping[str, Feature]) -> Recording:
    if clip.audio_path is None:
        raise InputError(f"{clip.source}: no audio belongs to this motion")
    motion = clip.motion if clip.motion.fps == MOTION_FPS else resample(clip.motion, MOTION_FPS)
    made = {name: kind.encode(clip.audio_path) for name, kind in features.items()}
    for name, kind in features.items():
        if kind.rate:
            check_lengths(clip.source, motion, len(made[name]) / kind.rate)
        if not np.isfinite(made[name]).all():
            raise InputError(f"{clip.source}: the {name} features hold NaN or infinite numbers")
    return Recording(clip.name, motion, made, clip.speaker)
