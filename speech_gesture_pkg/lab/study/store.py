"""Records on disk: one file a job, there as a whole or not at all, so that a study can be stopped and gone on with."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import InputError, OutputError
from speech_gesture_pkg.lab.study.record import SCHEMA
from speech_gesture_pkg.motion.bounded_npz import read_npz


class RecordStore:
    """The folder `records` of a study.

    Args:
        folder: of the study; made if it is not there.

    Raises:
        OutputError: the folder cannot be written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder) / "records"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise OutputError(f"cannot write to {self.folder}: {e.strerror or e}") from e

    def path(self, key: str) -> Path:
        """File of a record."""
        return self.folder / f"{key}.json"

    def done(self, key: str) -> bool:
        """Whether a whole record of this schema is there."""
        try:
            return bool(self.load(key)["schema"] == SCHEMA)
        except (InputError, KeyError):
            return False

    def load(self, key: str) -> dict[str, Any]:
        """A record. Raises InputError if it is not there or not whole."""
        try:
            record = json.loads(self.path(key).read_text(encoding="utf-8"))
        except (OSError, ValueError) as e:
            raise InputError(f"record {self.path(key)} cannot be read: {e}") from e
        if not isinstance(record, dict):
            raise InputError(f"record {self.path(key)} holds {type(record).__name__}; it must be a mapping")
        return record

    def arrays(self, key: str) -> dict[str, np.ndarray]:
        """The arrays beside a record; none if there are none."""
        path = self.path(key).with_suffix(".npz")
        return read_npz(path) if path.is_file() else {}

    def save(self, key: str, record: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> None:
        """Write a record; its arrays first, so that a record never lacks them."""
        path = self.path(key)
        if arrays:
            target = path.with_suffix(".npz")
            temporary = target.with_name(f".{target.stem}.{os.getpid()}.npz")
            try:
                np.savez_compressed(temporary, **dict(arrays))  # type: ignore[arg-type]
                temporary.replace(target)
            except OSError as e:
                raise OutputError(f"cannot write {target}: {e.strerror or e}") from e
        write_json(path, record)

    def records(self, keys: list[str]) -> Iterator[dict[str, Any]]:
        """Those records, one at a time."""
        for key in keys:
            yield self.load(key)


def write_json(path: Path, data: Mapping[str, object], indent: int | None = None) -> None:
    """Write JSON with plain numbers only, whole or not at all. Raises OutputError."""
    write_text(path, json.dumps(data, indent=indent, allow_nan=False, default=_plain))


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all. Raises OutputError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as e:
        raise OutputError(f"cannot write {path}: {e.strerror or e}") from e


def _plain(value: object) -> object:
    """numpy numbers and paths as JSON knows them."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    return str(value)
