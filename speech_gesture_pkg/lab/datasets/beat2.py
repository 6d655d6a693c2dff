"""BEAT2: SMPL-X with FLAME expressions at 30 fps as npz, wav at 16 kHz, words as TextGrid.

Folders: `<root>/smplxflame_30/<id>.npz`, `<root>/wave16k/<id>.wav`, `<root>/textgrid/<id>.TextGrid`, and the official
split `<root>/train_test_split.csv` with columns `id,type` (train, val, test, additional). An id starts with the
speaker's number and name: `2_scott_0_1_1`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.datasets.clip import SPLITS, Clip, Skipped, check_lengths, each, found, hashed_split
from speech_gesture_pkg.lab.datasets.textgrid import read_words
from speech_gesture_pkg.motion.npz import load_motion

LICENCE = "BEAT2 dataset licence (CC BY-NC 4.0 and the SMPL-X licence)"
MOTION, SOUND, TEXT = "smplxflame_30", "wave16k", "textgrid"
SPLIT_FILE = "train_test_split.csv"


def speaker_of(name: str) -> str:
    """Speaker of a BEAT id: `2_scott_0_1_1` -> `2_scott`."""
    return "_".join(name.split("_")[:2])


def official_split(root: Path) -> dict[str, str]:
    """Id -> split of the official file ("additional" counts as train); empty without the file.

    Raises:
        InputError: the file lacks its columns or names another split.
    """
    path = root / SPLIT_FILE
    if not path.is_file():
        return {}
    listed = {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            name, kind = row.get("id"), row.get("type")
            place = {"additional": "train"}.get(kind or "", kind)
            if not name or place not in SPLITS:
                raise InputError(
                    f"{path}: a row has id {name!r} and type {kind!r}; types are train, val, test, additional"
                )
            listed[name] = str(place)
    return listed


def read_beat2(
    root: str | Path,
    split: str | None = None,
    skipped: Skipped | None = None,
    progress: Callable[[Iterable[Path]], Iterable[Path]] | None = None,
) -> Iterator[Clip]:
    """Clips of a BEAT2 folder, one in memory at a time (arguments as in `layout.read_corpus`).

    Without the official file the clips are split 80/10/10 by a hash of their id. Words are left out where there is no
    TextGrid.
    """
    root = Path(root)
    paths = found((root / MOTION).glob("*.npz"), root, f"{MOTION}/*.npz")
    official = official_split(root)

    def read(path: Path) -> Iterable[Clip]:
        name = path.stem
        if official and name not in official:
            raise InputError(f"{path} is not listed in {SPLIT_FILE}")
        audio = root / SOUND / f"{name}.wav"
        if not audio.is_file():
            raise InputError(f"{path} has no {SOUND}/{name}.wav")
        motion = load_motion(path)
        check_lengths(path, motion, read_audio(audio).duration, 1.0)
        text = root / TEXT / f"{name}.TextGrid"
        words = read_words(text) if text.is_file() else ()
        place = official.get(name) or hashed_split(name)
        yield Clip(name, motion, audio, speaker_of(name), LICENCE, place, path, words)

    return each(paths, read, skipped, split, progress)
