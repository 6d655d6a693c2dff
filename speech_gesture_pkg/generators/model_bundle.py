"""A trained model as the robot loads it: a folder with a card and ONNX networks, each of the sha256 that the card says.

A model is a folder of the user's, or a name in models/manifest.yaml. `<generator>.json`, the card, holds `format`,
`config`, `files` (name -> sha256), `facts` (training data, metrics), and what the generator itself needs.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from speech_gesture_pkg.errors import ConfigError, ModelError
from speech_gesture_pkg.generators.onnx_session import Session
from speech_gesture_pkg.resources import resource
from speech_gesture_pkg.safe_yaml import read_yaml

MODELS = "models"
MANIFEST = "manifest.yaml"
_BLOCK = 1 << 20
_LARGEST_CARD = 1 << 20

Shape = tuple["int | None", ...]
"""None for an axis of any length."""


def card_name(generator: str) -> str:
    """File of a generator's card."""
    return f"{generator}.json"


def card_format(generator: str) -> str:
    """What its card says of itself."""
    return f"speech-gesture-{generator}/1"


def sha256_of(path: Path) -> str:
    """Digest of a file, hexadecimal. Raises ModelError if it cannot be read."""
    digest = hashlib.sha256()
    if path.exists() and not path.is_file():  # a device or a pipe never ends
        raise ModelError(f"model file {path} is no file")
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except FileNotFoundError as e:
        raise ModelError(f"model file {path} does not exist") from e
    except OSError as e:
        raise ModelError(f"model file {path} cannot be read: {e.strerror or e}") from e
    return digest.hexdigest()


def verify(path: Path, expected: object) -> None:
    """Raise ModelError unless the file is there and has this sha256; `expected` may be anything that a card says."""
    actual = sha256_of(path)
    if not isinstance(expected, str) or actual != expected.lower():
        raise ModelError(f"model file {path} has sha256 {actual}; {expected} is expected: it is corrupt or another one")


def model_folder(model: str) -> Path:
    """The folder of a model.

    Args:
        model: a folder, or a name: a folder of `models/` whose files the manifest lists with their sha256.

    Raises:
        ModelError: there is no such folder or name (lists the names), or a file differs from the manifest.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if os.sep in model or "/" in model or folder.suffix:
        raise ModelError(f"model folder {model} does not exist" if not folder.exists() else f"{model} is no folder")
    return _listed(model, resource(f"{MODELS}/{MANIFEST}"))


def _listed(name: str, manifest: Path) -> Path:
    entries = read_manifest(manifest)
    folder = manifest.parent / name
    files = {key: entry for key, entry in entries.items() if key.startswith(f"{name}/")}
    if not files:
        known = sorted({key.partition("/")[0] for key in entries if "/" in key})
        raise ModelError(
            f"model {name!r} is neither a folder nor in {MODELS}/{MANIFEST}, which has: {', '.join(known) or 'none'}"
        )
    for key, entry in files.items():
        if ".." in Path(key).parts:
            raise ModelError(f"{manifest} lists {key}; it must lie in {folder}")
        verify(manifest.parent / key, entry.get("sha256"))
    return folder


def read_manifest(path: Path) -> dict[str, dict[str, Any]]:
    """File (relative to the manifest) -> what it says of it. Raises ModelError if it cannot be read."""
    try:
        entries = read_yaml(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise ModelError(f"model list {path} cannot be read: {str(e).splitlines()[0]}") from e
    if not isinstance(entries, dict) or not all(isinstance(e, dict) for e in entries.values()):
        raise ModelError(f"model list {path} must map each file to a table with its sha256")
    return {str(k): v for k, v in entries.items()}


def read_card(path: Path, generator: str) -> dict[str, Any]:
    """The card of a generator's model: JSON with its `format` and a table `files`.

    Raises:
        ModelError: a file that is missing, too large, or no card.
    """
    if not path.is_file():
        raise ModelError(f"model card {path} does not exist; a {generator} model is a folder with {path.name} in it")
    if path.stat().st_size > _LARGEST_CARD:
        raise ModelError(f"model card {path} has {path.stat().st_size} bytes; at most {_LARGEST_CARD} are read")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as e:
        raise ModelError(f"model card {path} is not JSON: {e}") from e
    form = card_format(generator)
    if not isinstance(card, dict) or card.get("format") != form or not isinstance(card.get("files"), dict):
        raise ModelError(f"model card {path} is not one of {form}")
    return card


def write_card(folder: Path, generator: str, names: Iterable[str], card: Mapping[str, Any]) -> None:
    """Write a model's card beside its networks `names`; `card` is what the generator's own loader asks for."""
    files = {name: sha256_of(folder / name) for name in names}
    whole = {"format": card_format(generator), **card, "files": files}
    (folder / card_name(generator)).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


@contextmanager
def card_errors(path: Path) -> Iterator[None]:
    """Errors of using what a card says become a ModelError with one sentence."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, ConfigError) as e:
        raise ModelError(f"model card {path} cannot be used: {in_words(e)}") from e


def in_words(e: Exception) -> str:
    """What is wrong, from what reading a table raised."""
    return f"{e.args[0]!r} is missing" if isinstance(e, KeyError) else str(e)


def load_networks(
    path: Path, card: Mapping[str, Any], names: Iterable[str], device: str, threads: int
) -> dict[str, Session]:
    """The networks beside a card by file name, all verified before the first is loaded.

    Raises:
        ModelError: the card lists other files; one is missing, has another sha256 or cannot be used; no such device.
        MissingDependencyError: no onnxruntime.
    """
    wanted, files = sorted(names), card["files"]
    if set(files) != set(wanted):
        raise ModelError(f"model card {path} cannot be used: it lists the files {sorted(files)}; they must be {wanted}")
    for name in wanted:
        verify(path.parent / name, files[name])
    return {name: Session(path.parent / name, device, threads) for name in wanted}


def check_row(card: Path, what: str, row: np.ndarray, size: int, positive: bool = False) -> None:
    """Raise ModelError unless a row of numbers has shape [size] and is finite (and positive)."""
    if row.shape != (size,) or not np.isfinite(row).all() or (positive and (row <= 0).any()):
        asked = f"{(size,)}, finite{' and positive' if positive else ''}"
        raise ModelError(f"model card {card}: {what} has shape {row.shape}; it must be {asked}")


def check_inputs(card: Path, file: str, network: Session, wanted: Mapping[str, Shape], optional: Iterable[str]) -> None:
    """Raise ModelError where an input's shape is not what the card's configuration makes it.

    Args:
        card: for messages.
        file: name of the network.
        network: the network.
        wanted: input -> shape.
        optional: inputs that may be missing.
    """
    for name, asked in wanted.items():
        found = network.shapes.get(name)
        if found is None and name in optional:
            continue
        if found is None or len(found) != len(asked) or any(b and a != b for a, b in zip(found, asked, strict=True)):
            raise ModelError(
                f"model card {card} does not fit {file}: input {name} has shape {found}, by the configuration {asked}"
            )


def check_outputs(path: Path, made: Mapping[str, np.ndarray], wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Raise ModelError unless a network gave finite outputs of these shapes."""
    for name, shape in wanted.items():
        if name not in made or made[name].shape != shape:
            found = made[name].shape if name in made else "missing"
            raise ModelError(f"model file {path}: output {name} is {found}; by the card it must have shape {shape}")
        if not np.isfinite(made[name]).all():
            raise ModelError(f"model file {path} gives numbers that are not finite: its weights are broken")
