"""Golden outputs on disk: written as npz, read back, compared.

A file holds the arrays of one case, some of them thinned in time and as float32, and a SHA-256 of every array as it was
before that: whether an output is the same to the last bit can be told although not all of it is kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

FROZEN = Path(__file__).resolve().parent / "frozen"
MANIFEST = "__manifest__"
"""Key of a JSON table of all outputs: kind of number, shape and SHA-256 of arrays; single numbers and texts as such."""
ROWS = 40
"""So many rows are kept of longer tables of numbers, spread evenly."""
LONG = 500
"""And so many of longer columns."""
ROUGH, ROUGHER = "acceleration", 10.0
"""Accelerations are second differences, which magnify rounding: so many times the tolerance for them."""

Output = np.ndarray | float | int | str
Outputs = dict[str, Output]


@dataclass
class Comparison:
    """How the outputs of a case differ from the frozen ones.

    Attributes:
        different: sentences on outputs that differ by more than the tolerance, or are missing or new.
        inexact: names of outputs that are not the same to the last bit.
        largest: largest difference of a number, and where it is.
    """

    different: list[str] = field(default_factory=list)
    inexact: list[str] = field(default_factory=list)
    largest: tuple[float, str] = (0.0, "")

    def line(self, exact: bool = False) -> str:
        """One line that tells all; several if something differs."""
        if self.different:
            return "DIFFERENT\n    " + "\n    ".join(self.different)
        if not self.inexact:
            return "the same to the last bit"
        size, where = self.largest
        told = ", ".join(self.inexact[:4]) + (", ..." if len(self.inexact) > 4 else "")
        within = f"by {size:.1e} at most ({where})" if where else "where it is not kept"
        return f"{'DIFFERENT' if exact else 'within the tolerance'}: {told} differ {within}"


def save(name: str, outputs: Mapping[str, Output], rows: int = ROWS, folder: Path = FROZEN) -> int:
    """Write a case; returns the size of its file in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.npz"
    manifest = {key: _about(value) for key, value in outputs.items()}
    kept = {key: thinned(value, rows) for key, value in outputs.items() if isinstance(value, np.ndarray)}
    np.savez_compressed(path, **kept, **{MANIFEST: np.array(json.dumps(manifest))})
    return path.stat().st_size


def load(name: str, folder: Path = FROZEN) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
    """What is kept of the outputs of a case, and the manifest. Raises FileNotFoundError if it was never frozen."""
    path = folder / f"{name}.npz"
    if not path.is_file():
        raise FileNotFoundError(f"case {name} is not frozen; write it with: python tests/golden/freeze.py {name}")
    with np.load(path) as data:
        arrays = {key: data[key] for key in data.files}
    manifest = json.loads(str(arrays.pop(MANIFEST)))
    single = {key: np.asarray(about["value"]) for key, about in manifest.items() if "value" in about}
    return {**arrays, **single}, manifest


def compare(
    name: str, outputs: Mapping[str, Output], atol: float = 0.0, rows: int = ROWS, folder: Path = FROZEN
) -> Comparison:
    """Compare with what is frozen.

    Args:
        name: of the case.
        outputs: of the code as it is now.
        atol: by which numbers may differ (for numbers above 1: relative to them; for accelerations: ten times as
            much); 0 = not by a bit. Texts, whole numbers and truth values must be equal.
        rows: as the case was thinned.
        folder: of the frozen files.
    """
    kept, manifest = load(name, folder)
    found = Comparison()
    found.different += [f"{key}: missing now" for key in kept if key not in outputs]
    found.different += [f"{key}: new, not frozen" for key in outputs if key not in kept]
    for key in (k for k in kept if k in outputs):
        now = _about(outputs[key])
        if now == manifest[key] or repr(now) == repr(manifest[key]):  # NaN is not equal to itself
            continue
        found.inexact.append(key)
        kind, shape = (f"{now[k]} instead of {manifest[key][k]}" for k in ("kind", "shape"))
        if now["kind"] != manifest[key]["kind"]:
            found.different.append(f"{key}: numbers of kind {kind}")
        elif now["shape"] != manifest[key]["shape"]:
            found.different.append(f"{key}: shape {shape}")
        else:
            _compare(key, kept[key], thinned(outputs[key], rows), atol * (ROUGHER if ROUGH in key else 1.0), found)
    return found


def thinned(value: Output, rows: int) -> np.ndarray:
    """What is kept of an output: of longer tables of numbers so many rows, as float32."""
    array = np.asarray(value)
    most = rows if array.ndim > 1 else LONG
    if array.dtype.kind != "f" or array.ndim == 0 or len(array) <= most:
        return array
    return array[np.linspace(0, len(array) - 1, most).round().astype(int)].astype(np.float32)


def _about(value: Output) -> dict[str, Any]:
    if not isinstance(value, np.ndarray):
        value = float(value) if isinstance(value, float) else value  # numpy's, too
        kind = "text" if isinstance(value, str) else np.asarray(value).dtype.name
        return {"kind": kind, "shape": "one", "value": value}
    array = np.ascontiguousarray(value)
    kind = "text" if array.dtype.kind == "U" else array.dtype.name
    content = "\n".join(array.ravel().tolist()).encode() if kind == "text" else array.tobytes()
    return {"kind": kind, "shape": "x".join(map(str, value.shape)), "sha256": hashlib.sha256(content).hexdigest()[:20]}


def _compare(key: str, old: np.ndarray, new: np.ndarray, atol: float, found: Comparison) -> None:
    if old.dtype.kind == "U":
        found.different.append(f"{key}: {_text(old, new)}")
        return
    if old.dtype.kind != "f":
        count = int((old != new).sum())
        found.different.append(f"{key}: {count} of {old.size} values differ, first {_first(old != new, old, new)}")
        return
    with np.errstate(invalid="ignore"):
        away = np.abs(new.astype(float) - old.astype(float)) / np.maximum(1.0, np.abs(old.astype(float)))
    # equal infinities and NaN in both are no difference; a NaN in one of them is the largest there can be
    same = (old == new) | (np.isnan(old) & np.isnan(new))
    away = np.where(same, 0.0, np.where(np.isfinite(away), away, np.inf))
    worst = float(away.max(initial=0.0))
    index = np.unravel_index(int(away.argmax()), away.shape) if away.size else ()
    place = f"{key}{[int(i) for i in index]}" if index else key
    if worst > found.largest[0]:
        found.largest = worst, place
    if worst > atol or (atol == 0.0 and worst == 0.0):  # no tolerance: what is not kept must be equal, too
        count = int((away > atol).sum())
        where = f"{old[index]:.9g} was frozen, {new[index]:.9g} now" if count else "only in rows that are not kept"
        found.different.append(f"{key}: {count} of {away.size} numbers differ, by {worst:.3g} at {place}: {where}")


def _first(differs: np.ndarray, old: np.ndarray, new: np.ndarray) -> str:
    index = np.unravel_index(int(differs.argmax()), differs.shape)
    return f"at {[int(i) for i in index]}: {old[index]} was frozen, {new[index]} now"


def _text(old: np.ndarray, new: np.ndarray) -> str:
    """The first line that differs."""
    lines = [str(line) for a in (old, new) for line in ["\n".join(map(str, a.ravel().tolist()))]]
    before, after = (text.splitlines() for text in lines)
    for k in range(max(len(before), len(after))):
        one, two = (text[k] if k < len(text) else "(nothing)" for text in (before, after))
        if one != two:
            return f"line {k + 1} is {two[:160]!r}, {one[:160]!r} was frozen"
    return "line ends differ"
