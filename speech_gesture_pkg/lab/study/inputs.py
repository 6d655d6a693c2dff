"""What there is to evaluate: bags, speech and motion files, folders of them, each with its ground truth."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from speech_gesture_pkg.bags.reader import SUFFIXES as BAG_SUFFIXES
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.datasets.layout import INDEX, read_index

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".w64")
MOTION_SUFFIX = ".npz"
BEAT2_MOTION, BEAT2_AUDIO, BEAT2_SEMANTIC = "smplxflame_30", "wave16k", "sem"
"""Folders of a BEAT2 speaker set, side by side."""


@dataclass(frozen=True)
class Item:
    """One thing to evaluate.

    Attributes:
        kind: "bag", "audio" or "motion".
        path: bag folder or file, speech file, or motion npz.
        name: short, unique among the inputs.
        truth: npz with the real motion of the same utterance.
        speech: speech of a motion file.
        semantic: BEAT's semantic scores of the utterance.
    """

    kind: str
    path: Path
    name: str
    truth: Path | None = None
    speech: Path | None = None
    semantic: Path | None = None

    @property
    def stem(self) -> str:
        """File name without its ending: what pairs files."""
        return self.path.stem if self.path.is_file() else self.path.name


def find_inputs(
    paths: Sequence[str | Path],
    truth: str | Path | None = None,
    speech: str | Path | None = None,
    split: str = "",
    limit: int = 0,
) -> list[Item]:
    """Everything that can be evaluated under `paths`, sorted, truth and speech paired by the stem of the file name.

    A folder that holds speech and npz files of the same stems (or BEAT2's `wave16k` and `smplxflame_30`) is speech with
    its ground truth; npz files without speech beside them are motion to be judged. A corpus in our own layout (a folder
    with index.json) is its speech with its motion as ground truth.

    Args:
        paths: files and folders; folders are searched through.
        truth: folder with npz files of real motion.
        speech: folder with the speech of motion files.
        split: "train", "val" or "test" of a corpus; "" = all.
        limit: most inputs, evenly spread; 0 = all.

    Raises:
        InputError: a path does not exist, is of no known kind, a folder holds nothing, or a stem occurs twice where it
            must identify a file.
    """
    found: list[Item] = []
    for given in map(Path, paths):
        if not given.exists():
            raise InputError(f"{given} does not exist; give bags, speech files, motion npz files or folders of them")
        inside = _corpus(given, split) if (given / INDEX).is_file() else list(_inside(given))
        if not inside:
            raise InputError(f"folder {given} holds nothing to evaluate: no bag, speech file or motion npz")
        found += inside
    unique = list({item.path.resolve(): item for item in found}.values())
    true_files = _by_stem(truth, (MOTION_SUFFIX,), "ground truth") if truth is not None else {}
    spoken = _by_stem(speech, AUDIO_SUFFIXES, "speech") if speech is not None else {}
    items = _paired(unique, true_files, spoken, truth is not None)
    if truth is not None and not any(item.truth for item in items):
        raise InputError(
            f"no npz file in {truth} has the name of an input, e.g. {items[0].stem}{MOTION_SUFFIX}; "
            "ground truth is paired by file name"
        )
    named = sorted(_named(items), key=lambda i: i.name)
    if limit and limit < len(named):
        named = [named[i * len(named) // limit] for i in range(limit)]
    return named


def _corpus(folder: Path, split: str) -> list[Item]:
    """The clips of a corpus in our own layout."""
    clips = read_index(folder)["clips"]
    chosen = [c for c in clips if split in ("", c["split"])]
    if not chosen:
        known = ", ".join(sorted({c["split"] for c in clips})) or "none"
        raise InputError(f"corpus {folder} has no clip of the split {split!r}; it has: {known}")
    items = []
    for clip in chosen:
        motion, audio = folder / clip["motion"], folder / clip["audio"] if clip.get("audio") else None
        for path in (motion, audio):
            if path is not None and not path.is_file():
                raise InputError(f"corpus {folder}: clip {clip['name']} names {path}, which does not exist")
        if audio is None:
            items.append(Item("motion", motion, clip["name"]))
        else:
            items.append(Item("audio", audio, clip["name"], truth=motion))
    return items


def is_bag(path: Path) -> bool:
    """Whether `path` is a rosbag2 folder or file."""
    if path.is_file():
        return path.suffix in BAG_SUFFIXES
    return (path / "metadata.yaml").is_file() or any(f.suffix in BAG_SUFFIXES for f in path.iterdir() if f.is_file())


def is_motion(path: Path) -> bool:
    """Whether an npz file holds SMPL-X poses (robot trajectories and other arrays do not)."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "poses.npy" in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return True  # said in full when it is read


def _inside(path: Path) -> Iterator[Item]:
    if is_bag(path):
        yield Item("bag", path, path.name)
    elif path.is_file():
        suffix = path.suffix.lower()
        if suffix in AUDIO_SUFFIXES:
            yield Item("audio", path, path.stem)
        elif suffix == MOTION_SUFFIX:
            yield Item("motion", path, path.stem)
        else:
            raise InputError(
                f"{path} is nothing that can be evaluated: give a bag ({', '.join(BAG_SUFFIXES)} or its folder), "
                f"speech ({', '.join(AUDIO_SUFFIXES[:3])}, ...) or motion ({MOTION_SUFFIX})"
            )
    else:
        yield from _searched(path)


def _searched(folder: Path) -> Iterator[Item]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from ([Item("bag", entry, entry.name)] if is_bag(entry) else _searched(entry))
        elif entry.suffix.lower() in AUDIO_SUFFIXES:
            yield Item("audio", entry, entry.stem)
        elif entry.suffix.lower() == MOTION_SUFFIX and is_motion(entry):
            yield Item("motion", entry, entry.stem)


def _by_stem(folder: str | Path, suffixes: tuple[str, ...], what: str) -> dict[str, Path]:
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"folder {folder} ({what}) does not exist")
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in suffixes)
    if not files:
        raise InputError(f"folder {folder} ({what}) holds no {' or '.join(suffixes[:3])} file")
    return _distinct(files, what)


def _distinct(files: Iterable[Path], what: str) -> dict[str, Path]:
    table: dict[str, Path] = {}
    for file in files:
        if file.stem in table:
            raise InputError(f"{table[file.stem]} and {file} have the same name; {what} is paired by file name")
        table[file.stem] = file
    return table


def _paired(items: list[Item], true_files: dict[str, Path], spoken: dict[str, Path], truth_given: bool) -> list[Item]:
    speech_here = {(i.path.parent, i.path.stem): i.path for i in items if i.kind == "audio"}
    motion_here = {(i.path.parent, i.path.stem): i.path for i in items if i.kind == "motion"}
    result = []
    used: set[Path] = set()
    for item in items:
        if item.kind == "audio":
            real = true_files.get(item.stem) or item.truth
            if real is None and not truth_given:
                real = _beside(item.path, motion_here, BEAT2_MOTION, (MOTION_SUFFIX,))
            used |= {real} if real else set()
            result.append(replace(item, truth=real, semantic=_semantic(item.path)))
        elif item.kind == "bag":
            result.append(replace(item, truth=true_files.get(item.stem)))
    for item in items:
        if item.kind == "motion" and item.path not in used:
            speech = spoken.get(item.stem) or _beside(item.path, speech_here, BEAT2_AUDIO, AUDIO_SUFFIXES)
            real = true_files.get(item.stem)
            result.append(replace(item, truth=real, speech=speech, semantic=_semantic(item.path)))
    return result


def _beside(path: Path, known: dict[tuple[Path, str], Path], sibling: str, suffixes: tuple[str, ...]) -> Path | None:
    """The file of the same stem in the same folder, or in BEAT2's folder for the other kind."""
    if (path.parent, path.stem) in known:
        return known[path.parent, path.stem]
    for folder in (path.parent, path.parent.parent / sibling):
        for suffix in suffixes:
            candidate = folder / f"{path.stem}{suffix}"
            if candidate.is_file() and (suffix != MOTION_SUFFIX or is_motion(candidate)):
                return candidate
    return None


def _semantic(path: Path) -> Path | None:
    candidate = path.parent.parent / BEAT2_SEMANTIC / f"{path.stem}.txt"
    return candidate if candidate.is_file() else None


def _named(items: list[Item]) -> list[Item]:
    """Names made unique by as many parent folders as it takes."""
    names = [i.name for i in items]
    for depth in range(1, 64):
        double = {n for n in names if names.count(n) > 1} if len(set(names)) < len(names) else set()
        if not double:
            break
        names = [
            "/".join([*i.path.parts[-1 - depth : -1], i.stem]) if n in double else n
            for i, n in zip(items, names, strict=True)
        ]
        if depth > max(len(i.path.parts) for i in items):  # speech and motion of one name in one folder
            names = [f"{n}{i.path.suffix}" if n in double else n for i, n in zip(items, names, strict=True)]
            break
    return [replace(i, name=n) for i, n in zip(items, names, strict=True)]


def content_hash(path: Path) -> str:
    """sha256 of a file, or of all files of a folder (names and contents)."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file()):
        if path.is_dir():
            digest.update(str(file.relative_to(path)).encode() + b"\0")
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
