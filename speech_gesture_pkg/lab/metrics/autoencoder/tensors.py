"""Named arrays in a safetensors file, read and written with numpy alone.

The format (github.com/huggingface/safetensors): 8 bytes little endian with the length of the header, a JSON header
`{name: {dtype, shape, data_offsets}, "__metadata__": {key: text}}`, then the raw arrays. Nothing in it can run.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import InputError, OutputError
from speech_gesture_pkg.outside_text import one_line

_TYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
}
_NAMES = {dtype: name for name, dtype in _TYPES.items()}
_LARGEST_HEADER = 10_000_000
_LARGEST = 1 << 30
"""Bytes of a file; the autoencoders here have 2 MB."""


def save_tensors(path: str | Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write atomically; the same content gives the same bytes. Raises OutputError naming the file."""
    path = Path(path)
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))}
    blobs: list[bytes] = []
    at = 0
    for name, array in sorted(tensors.items()):
        data = np.ascontiguousarray(array)
        blob = data.tobytes()
        header[name] = {
            "dtype": _NAMES[data.dtype],
            "shape": list(data.shape),
            "data_offsets": [at, at + len(blob)],
        }
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    draft = path.with_name(path.name + ".writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
        draft.replace(path)
    except OSError as e:
        raise OutputError(f"cannot write {path}: {e.strerror or e}") from e


def load_tensors(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Arrays and metadata. Raises InputError if the file is missing, cut short, or no safetensors file."""
    try:
        if (size := Path(path).stat().st_size) > _LARGEST:
            raise InputError(f"weights {path} have {size} bytes; at most {_LARGEST} are read")
        data = Path(path).read_bytes()
    except OSError as e:
        raise InputError(f"weights {path} cannot be read: {e.strerror or e}") from e
    try:
        (size,) = struct.unpack_from("<Q", data)
        if size > min(_LARGEST_HEADER, len(data) - 8):
            raise ValueError("the header is longer than the file")
        header = json.loads(data[8 : 8 + size])
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
            raise ValueError("its metadata are not texts by name")
        body = data[8 + size :]
        return {name: _array(entry, body) for name, entry in header.items()}, metadata
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as e:
        raise InputError(f"{path} is not a whole safetensors file: {one_line(e)}") from e


def _array(entry: Mapping[str, Any], body: bytes) -> np.ndarray:
    dtype: np.dtype = _TYPES[entry["dtype"]]
    shape = tuple(int(n) for n in entry["shape"])
    first, last = (int(n) for n in entry["data_offsets"])
    if not 0 <= first <= last <= len(body) or last - first != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"an array of shape {shape} does not lie within the file")
    return np.frombuffer(body[first:last], dtype).reshape(shape)
