"""Our own layout of a corpus: `index.json`, motion as npz (BEAT2 layout with face weights), audio as wav or flac.

index.json: {"format": "speech-gesture corpus 1", "name", "description", "clips": [{"name", "motion", "audio",
"speaker", "licence", "split", "seconds", "words": [[text, start, end], ...]}, ...]}; paths are relative to the index.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.errors import InputError, OutputError
from speech_gesture_pkg.lab.datasets.clip import Clip, Skipped, Word, check_lengths, each
from speech_gesture_pkg.motion.npz import load_motion

FORMAT = "speech-gesture corpus 1"
INDEX = "index.json"
_NEEDED = {"name": str, "motion": str, "speaker": str, "licence": str, "split": str, "seconds": (int, float)}


def read_index(folder: str | Path) -> dict[str, Any]:
    """The index of a corpus, checked.

    Raises:
        InputError: missing, not JSON, another format, an entry that lacks a key, or a path that leaves the folder.
    """
    path = Path(folder) / INDEX
    if not path.is_file():
        raise InputError(f"{folder} is no corpus: it has no {INDEX}")
    try:
        index = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{path} is not readable JSON ({error})") from error
    if not isinstance(index, dict) or index.get("format") != FORMAT or not isinstance(index.get("clips"), list):
        raise InputError(f"{path} is not an index of the format '{FORMAT}' with a list 'clips'")
    for number, entry in enumerate(index["clips"]):
        for key, kind in _NEEDED.items():
            if not isinstance(entry, dict) or not isinstance(entry.get(key), kind):  # type: ignore[arg-type]
                raise InputError(f"{path}: clip {number} has no valid '{key}'")
        for key in ("motion", "audio"):
            name = entry.get(key)
            if name is not None and (Path(name).is_absolute() or ".." in Path(name).parts):
                raise InputError(f"{path}: clip {number} has {key} {name!r}; it must lie inside the corpus folder")
    return index


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that a reader sees the old file or the whole new one. Raises OutputError."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror or error})") from error


def read_corpus(
    folder: str | Path,
    split: str | None = None,
    skipped: Skipped | None = None,
    progress: Callable[[Iterable[Path]], Iterable[Path]] | None = None,
    check_audio: bool = True,
) -> Iterator[Clip]:
    """Clips of a corpus in our own layout, one in memory at a time.

    Args:
        folder: with the index.
        split: "train", "val" or "test"; None = all.
        skipped: where unusable recordings are noted; None: the first is raised.
        progress: wraps the files.
        check_audio: compare the audio's length with the motion's (reads the audio).
    """
    folder = Path(folder)
    entries = {folder / entry["motion"]: entry for entry in read_index(folder)["clips"]}

    def read(path: Path) -> Iterable[Clip]:
        entry = entries[path]
        audio = folder / entry["audio"] if entry.get("audio") else None
        motion = load_motion(path)
        if audio is not None and check_audio:
            check_lengths(path, motion, read_audio(audio).duration)
        words = tuple(Word(str(text), float(start), float(end)) for text, start, end in entry.get("words") or ())
        yield Clip(entry["name"], motion, audio, entry["speaker"], entry["licence"], entry["split"], path, words=words)

    paths = [path for path, entry in entries.items() if split in (None, entry["split"])]
    return each(paths, read, skipped, split, progress)
