"""Files of a model: is each the one that it should be?"""

from __future__ import annotations

import hashlib
from pathlib import Path

from speech_gesture_pkg.errors import ModelError

_BLOCK = 1 << 20


def sha256_of(path: Path) -> str:
    """Digest of a file, hexadecimal. Raises ModelError if it cannot be read."""
    digest = hashlib.sha256()
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
