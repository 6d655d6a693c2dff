"""Files of a model: its card, and whether each is the one that it should be."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from speech_gesture_pkg.errors import ModelError

_BLOCK = 1 << 20
_LARGEST_CARD = 1 << 20


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


def read_card(path: Path, form: str, what: str) -> dict[str, Any]:
    """The card of a model: JSON with its `format` and a table `files`.

    Args:
        path: of the card.
        form: the format that it must have.
        what: kind of model, for messages.

    Raises:
        ModelError: a file that is missing, too large, or no card.
    """
    if not path.is_file():
        raise ModelError(f"model card {path} does not exist; a {what} model is a folder with {path.name} in it")
    if path.stat().st_size > _LARGEST_CARD:
        raise ModelError(f"model card {path} has {path.stat().st_size} bytes; at most {_LARGEST_CARD} are read")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as e:
        raise ModelError(f"model card {path} is not JSON: {e}") from e
    if not isinstance(card, dict) or card.get("format") != form or not isinstance(card.get("files"), dict):
        raise ModelError(f"model card {path} is not one of {form}")
    return card


def in_words(e: Exception) -> str:
    """What is wrong with a card, from what reading it raised."""
    return f"{e.args[0]!r} is missing" if isinstance(e, KeyError) else str(e)
