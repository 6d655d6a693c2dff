"""Clip: one recording of any corpus; what was skipped, and why; who belongs to which split."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.errors import ConfigError, InputError, one_of
from speech_gesture_pkg.motion.frames import MotionFrames

SPLITS = ("train", "val", "test")
_SHARES = (0.8, 0.1, 0.1)

T = TypeVar("T")


@dataclass(frozen=True)
class Word:
    """A spoken word, with its begin and end in seconds after the audio's first sample."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Clip:
    """A recording: motion in memory, audio on disk until it is asked for.

    Attributes:
        name: unique in its corpus.
        motion: starts with the audio; at the rate of its corpus.
        audio_path: sound file; None if the recording has none.
        speaker: who speaks.
        licence: of motion and audio, as its owner names it.
        split: one of SPLITS.
        source: the file of the motion.
        words: in order of time; empty if unknown.
    """

    name: str
    motion: MotionFrames
    audio_path: Path | None
    speaker: str
    licence: str
    split: str
    source: Path
    words: tuple[Word, ...] = ()

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise InputError(f"{self.source}: {one_of('split', self.split, SPLITS)}")

    def audio(self) -> AudioChunk:
        """The sound, 16 kHz mono. Raises InputError if there is none or it cannot be read."""
        if self.audio_path is None:
            raise InputError(f"recording {self.name} has no audio; this corpus or file holds motion only")
        return read_audio(self.audio_path)


@dataclass
class Skipped:
    """Recordings that could not be used, each with a sentence.

    Attributes:
        used: recordings that were handed out.
        reasons: file -> sentence.
    """

    used: int = 0
    reasons: dict[str, str] = field(default_factory=dict)

    def add(self, path: Path, reason: str) -> None:
        """Note that a file was skipped."""
        self.reasons[str(path)] = reason

    def report(self) -> str:
        """What was used and skipped, and the reasons, most common kind first."""
        lines = [f"{self.used} recordings used, {len(self.reasons)} skipped"]
        # a sentence starts with its file's name: without it, equal faults look equal
        kinds = Counter(reason.replace(path, "...") for path, reason in self.reasons.items())
        lines += [f"  {count} x {kind}" for kind, count in kinds.most_common()]
        return "\n".join(lines)


def hashed_split(key: str, salt: str = "") -> str:
    """80/10/10 by a hash of the key (a speaker or a recording): the same on every machine, whatever else is there."""
    share = int.from_bytes(hashlib.sha256(f"{salt}:{key}".encode()).digest()[:8], "big") / 2.0**64
    return SPLITS[0] if share < _SHARES[0] else SPLITS[1] if share < _SHARES[0] + _SHARES[1] else SPLITS[2]


def wanted_split(split: str | None) -> str | None:
    """The split, if it is one (None: all). Raises ConfigError."""
    if split is not None and split not in SPLITS:
        raise ConfigError(one_of("split", split, SPLITS))
    return split


def each(
    paths: Iterable[Path],
    read: Callable[[Path], Iterable[Clip]],
    skipped: Skipped | None,
    split: str | None,
    progress: Callable[[Iterable[Path]], Iterable[Path]] | None = None,
) -> Iterator[Clip]:
    """Clips of files, one file in memory at a time.

    Args:
        paths: of motion files.
        read: the clips of one; its InputErrors are noted.
        skipped: where faults are noted; None: the first fault is raised.
        split: only this one; None = all.
        progress: wraps the paths, e.g. in a progress bar.

    Raises:
        InputError: a file cannot be used and `skipped` is None.
    """
    wanted_split(split)
    for path in progress(paths) if progress else paths:
        try:
            for clip in read(path):
                if split in (None, clip.split):
                    if skipped is not None:
                        skipped.used += 1
                    yield clip
        except InputError as error:
            if skipped is None:
                raise
            skipped.add(path, str(error))


def found(paths: Iterable[Path], folder: Path, what: str) -> list[Path]:
    """The paths, sorted. Raises InputError if there are none or the folder is missing."""
    if not folder.is_dir():
        raise InputError(f"corpus folder {folder} does not exist")
    listed = sorted(paths)
    if not listed:
        raise InputError(f"folder {folder} holds no {what}")
    return listed


def check_lengths(path: Path, motion: MotionFrames, seconds: float, tolerance: float = 0.5) -> None:
    """InputError unless motion and audio agree in length within `tolerance` seconds, and the motion is finite."""
    if not motion.finite.all():
        raise InputError(f"{path}: the motion holds NaN or infinite numbers")
    lasts = len(motion) / motion.fps
    if abs(lasts - seconds) > tolerance:
        raise InputError(
            f"{path}: the motion lasts {lasts:.2f} s, its audio {seconds:.2f} s; they must agree within {tolerance:g} s"
        )
