"""A corpus on disk as utterances in memory, ready for training."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.generators.feature_windows import TokenWindows
from speech_gesture_pkg.generators.speechcat.config import FPS, SpeechCatConfig
from speech_gesture_pkg.lab.datasets.cache import FeatureCache
from speech_gesture_pkg.lab.datasets.clip import Clip, Skipped, check_lengths
from speech_gesture_pkg.lab.datasets.reading import read_layout
from speech_gesture_pkg.lab.training.sequences import Utterance, utterance
from speech_gesture_pkg.motion.frames import resample

Hear = Callable[[Path], np.ndarray]
"""Speech features of a sound file. Shape [F, C]."""


@dataclass
class Corpus:
    """Utterances by split, what was left out and why, and a hash of everything that was used.

    Attributes:
        train, val, test: utterances; those of `val` and `test` keep their motion.
        skipped: recordings that were not used.
        licences: of what was used.
        sha256: of the names, vectors and features of all utterances.
    """

    train: list[Utterance] = field(default_factory=list)
    val: list[Utterance] = field(default_factory=list)
    test: list[Utterance] = field(default_factory=list)
    skipped: Skipped = field(default_factory=Skipped)
    licences: set[str] = field(default_factory=set)
    sha256: str = ""

    @property
    def minutes(self) -> dict[str, float]:
        """Amount of each split."""
        return {s: sum(len(u) for u in getattr(self, s)) / FPS / 60 for s in ("train", "val", "test")}


def load_corpus(
    folder: str | Path,
    config: SpeechCatConfig,
    cache: str | Path,
    layout: str = "own",
    smplx: str | None = None,
    hear: Hear | None = None,
    progress: Callable[[Iterable[Path]], Iterable[Path]] | None = None,
    hubert: Hear | None = None,
) -> Corpus:
    """Read all splits.

    Args:
        folder: of the corpus.
        config: of the networks. A speaker that it does not list counts as its first one.
        cache: folder for speech features.
        layout: see `lab.datasets.reading.LAYOUTS`.
        smplx: for SHOW files with PCA hands.
        hear: speech features of a sound file; default: `features.vectors` through the cache.
        progress: wraps the files.
        hubert: HuBERT states of a sound file beside these features (`lab.models.diffsheg.hubert.hearing`).

    Raises:
        InputError: no such corpus, or it has no recording with motion and audio in its training split.
    """
    hear = hear or FeatureCache(cache).vectors
    corpus = Corpus()
    digest = hashlib.sha256()
    for clip in read_layout(folder, layout, None, corpus.skipped, smplx, progress):
        try:
            made = _utterance(clip, config, hear, hubert)
        except InputError as error:
            corpus.skipped.used -= 1
            corpus.skipped.add(clip.source, str(error))
            continue
        getattr(corpus, clip.split).append(made)
        corpus.licences.add(clip.licence)
        digest.update(f"{clip.name}|{clip.split}".encode())
        for vectors in made.vectors.values():
            digest.update(np.ascontiguousarray(vectors).tobytes())
        digest.update((made.speech if made.audio is None else made.audio).tobytes())
        if made.hubert is not None:
            digest.update(made.hubert.tobytes())
    corpus.sha256 = digest.hexdigest()
    if not corpus.train:
        raise InputError(f"{folder} holds no usable recording for training; {corpus.skipped.report()}")
    return corpus


def _utterance(clip: Clip, config: SpeechCatConfig, hear: Hear, hubert: Hear | None) -> Utterance:
    if clip.audio_path is None:
        raise InputError(f"{clip.source}: no audio belongs to this motion")
    motion = clip.motion if clip.motion.fps == FPS else resample(clip.motion, FPS)
    speech = hear(clip.audio_path)
    check_lengths(clip.source, motion, len(speech) / TokenWindows.of(config).rate)
    speaker = config.speakers.index(clip.speaker) if clip.speaker in config.speakers else 0
    made = utterance(clip.name, motion, speech, config, speaker, keep=clip.split != "train")
    if hubert is not None:
        made = replace(made, hubert=hubert(clip.audio_path))
    return replace(made, audio=clip.audio().samples) if config.encoder_tuned else made
