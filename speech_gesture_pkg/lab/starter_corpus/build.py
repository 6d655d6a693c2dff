"""Building the starter corpus: take by take to disk, seeded, resumable."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio, write_wav
from speech_gesture_pkg.errors import ConfigError, InputError, OutputError
from speech_gesture_pkg.features.vectors import speech_vectors
from speech_gesture_pkg.lab.datasets import facegood
from speech_gesture_pkg.lab.datasets.clip import Skipped, hashed_split
from speech_gesture_pkg.lab.datasets.layout import FORMAT, INDEX, write_json
from speech_gesture_pkg.lab.starter_corpus import smartbody
from speech_gesture_pkg.lab.starter_corpus.card import card
from speech_gesture_pkg.lab.starter_corpus.face_model import agreement, fit_face
from speech_gesture_pkg.lab.starter_corpus.library import make_library
from speech_gesture_pkg.lab.starter_corpus.recording import StarterRecording, chance, make_take
from speech_gesture_pkg.motion.npz import save_motion

RULES = 2
"""Version of the rules; part of the settings, so that a folder never mixes takes of two versions."""
SPEECH_LICENCE = "CC BY 4.0 (LibriSpeech)"
PROGRESS = "progress.jsonl"
_SOUNDS = (".flac", ".wav", ".ogg")


@dataclass(frozen=True)
class Speech:
    """A source of speech: a file, who speaks, its split, and the true face of FACEGOOD takes."""

    name: str
    path: Path
    speaker: str
    split: str
    licence: str
    face: np.ndarray | None = None


def speech_files(folder: Path, seed: int) -> list[Speech]:
    """LibriSpeech utterances below a folder in seeded order. A name starts with its speaker: `1088-129236-0000.flac`.

    Raises:
        InputError: there is none.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SOUNDS)
    if not paths:
        raise InputError(f"folder {folder} holds no speech ({', '.join(_SOUNDS)})")
    order = chance(seed, "order").permutation(len(paths))
    found = []
    for k in order:
        path = paths[int(k)]
        speaker = path.stem.split("-")[0]
        found.append(Speech(path.stem, path, f"ls{speaker}", hashed_split(speaker, "starter"), SPEECH_LICENCE))
    return found


def source_folders(sources: Path) -> tuple[Path, Path, Path]:
    """Folders of gestures, speech and faces. Raises InputError naming the first that is missing."""
    named = {
        "smartbody_gestures": "the converted SmartBody clips",
        "librispeech": "speech",
        "facegood_face": "FACEGOOD takes",
    }
    out = []
    for name, what in named.items():
        fits = sorted(p for p in sources.glob(f"{name}*") if p.is_dir()) if sources.is_dir() else []
        if not fits:
            raise InputError(f"{sources} has no folder {name} with {what}")
        out.append(fits[0])
    return out[0], out[1], out[2]


def build_starter(
    sources: str | Path,
    out: str | Path,
    minutes: float = 60.0,
    seed: int = 0,
    on_take: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Make the corpus, or go on where an interrupted run with the same settings stopped.

    Args:
        sources: folder with `smartbody_gestures`, `librispeech*` and `facegood_face`.
        out: folder to write; `index.json` appears when it is complete.
        minutes: at least so much.
        seed: of every choice; the same seed and sources give the same corpus.
        on_take: called after each take with the minutes made so far.

    Returns:
        The index.

    Raises:
        InputError: sources missing or unusable.
        ConfigError: the folder holds a corpus of other settings, or `minutes` is not positive.
        OutputError: it cannot be written.
    """
    if not minutes > 0:
        raise ConfigError(f"minutes is {minutes}; it must be positive")
    gestures, speech, faces = source_folders(Path(sources))
    out = Path(out)
    settings = {"rules": RULES, "seed": seed, "minutes": float(minutes)}
    done = _resume(out, settings)
    library = make_library(smartbody.read_gestures(gestures))
    skipped = Skipped()
    takes = list(facegood.read_facegood(faces, skipped=skipped))
    pairs = [(speech_vectors(t.audio()), t.motion.face, t.split) for t in takes]
    model = fit_face([(v, f) for v, f, split in pairs if split == "train"], seed)
    fits = agreement(model, [(v, f) for v, f, split in pairs if split == "test"]) if len(pairs) > 1 else {}
    with_face = [Speech(t.name, t.audio_path or t.source, t.speaker, t.split, t.licence, t.motion.face) for t in takes]
    del pairs, takes
    entries = []
    total = 0.0
    for turn, source in _endless([*with_face, *speech_files(speech, seed)]):
        if total >= minutes * 60.0:
            break
        name = source.name if turn == 0 else f"{source.name}_v{turn + 1}"
        entry = done.get(name)
        if entry is None:
            try:
                audio = read_audio(source.path)
                take = make_take(audio, library, model, source.speaker, name, seed, source.face)
            except InputError as error:
                skipped.add(source.path, str(error))
                continue
            entry = _write(out, source, name, take)
            _note(out, entry)
        entries.append(entry)
        total += entry["seconds"]
        if on_take:
            on_take(total / 60.0)
    if not entries:
        raise InputError(f"no take could be made: {skipped.report()}")
    skipped.used = len(entries)
    index = {
        "format": FORMAT,
        "name": "starter",
        "description": "real gesture clips, real speech, rule-made timing",
        "settings": settings,
        "minutes": total / 60.0,
        "face_agreement_held_out": fits,
        "skipped": skipped.reasons,
        "clips": entries,
    }
    (out / "README.md").write_text(card(index), "utf-8")
    write_json(out / INDEX, index)
    return index


def _endless(sources: list[Speech]) -> Iterator[tuple[int, Speech]]:
    """The sources again and again, with the number of the turn: other gestures on the same speech. Ends after 50."""
    for turn in range(50):
        for source in sources:
            yield turn, source


def _resume(out: Path, settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Entries of takes that are already there."""
    path = out / PROGRESS
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in ("motion", "audio"):
            (out / name).mkdir(exist_ok=True)
        if not path.is_file():
            if (out / INDEX).exists():
                raise ConfigError(f"{out} already holds another corpus; choose an empty folder")
            path.write_text(json.dumps(settings) + "\n", "utf-8")
            return {}
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror or error}") from error
    entries = {}
    for number, line in enumerate(lines):
        try:
            value = json.loads(line)
        except ValueError:
            continue  # the line that an interruption cut off: that take is made again
        if number == 0:
            known = {k: v for k, v in value.items() if k != "minutes"}
            if known != {k: v for k, v in settings.items() if k != "minutes"}:
                raise ConfigError(f"{out} holds a starter corpus of other settings ({value}); choose another folder")
        elif all((out / value[key]).is_file() for key in ("motion", "audio")):
            entries[value["name"]] = value
    return entries


def _write(out: Path, source: Speech, name: str, take: StarterRecording) -> dict[str, Any]:
    motion, audio = f"motion/{name}.npz", f"audio/{name}.wav"
    save_motion(out / "motion" / f"{name}.part.npz", take.motion)
    write_wav(out / "audio" / f"{name}.part.wav", _quieter(take.audio).samples)
    (out / "motion" / f"{name}.part.npz").replace(out / motion)
    (out / "audio" / f"{name}.part.wav").replace(out / audio)
    gestures = smartbody.LICENCE
    face = facegood.LICENCE if source.face is not None else f"{facegood.LICENCE}: learned from its takes"
    return {
        "name": name,
        "motion": motion,
        "audio": audio,
        "speaker": source.speaker,
        "split": source.split,
        "licence": f"motion: {gestures}; face: {face}; audio: {source.licence}",
        "licences": {"motion": gestures, "face": face, "audio": source.licence},
        "seconds": len(take.motion) / take.motion.fps,
        "gestures": take.gestures,
        "true_face": source.face is not None,
    }


def _quieter(audio: AudioChunk) -> AudioChunk:
    """The audio, turned down only if its noise pushed it over full scale."""
    peak = float(np.abs(audio.samples).max())
    return AudioChunk(audio.samples / peak) if peak > 1.0 else audio


def _note(out: Path, entry: dict[str, Any]) -> None:
    with (out / PROGRESS).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(entry) + "\n")
