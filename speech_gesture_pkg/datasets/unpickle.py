"""Reading pickles of others without running their code: numpy arrays and plain Python values, nothing else."""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import InputError

MOST_BYTES = 512 * 1024 * 1024
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_DTYPE_KINDS = "fiubUS"
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")


def _bytes(value: Any = b"", encoding: str = "latin1") -> bytes:
    """As `bytes`, but not of a number, which would be a length."""
    if isinstance(value, str):
        return value.encode("latin1")
    if not isinstance(value, (bytes, bytearray)):
        raise pickle.UnpicklingError(f"bytes of a {type(value).__name__}")
    return bytes(value)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): object(),  # only ever an argument of _reconstruct; called, it would make an array of any size
    ("numpy", "dtype"): np.dtype,
    ("collections", "OrderedDict"): dict,
    ("_codecs", "encode"): _bytes,
    ("builtins", "bytearray"): _bytes,
    ("builtins", "bytes"): _bytes,
    ("__builtin__", "bytes"): _bytes,
    ("__builtin__", "bytearray"): _bytes,
}


def _array(shape_or_type: Any, *rest: Any) -> np.ndarray:
    """What numpy's own reconstruction does: an empty array that the pickle then fills."""
    return np.ndarray.__new__(np.ndarray, (0,), np.dtype("b"))


def _scalar(dtype: np.dtype, data: bytes = b"") -> Any:
    """A numpy scalar of plain bytes."""
    if not isinstance(dtype, np.dtype) or dtype.kind not in _DTYPE_KINDS or not isinstance(data, bytes):
        raise pickle.UnpicklingError("a numpy scalar of objects")
    return np.frombuffer(data, dtype, 1)[0]


def _from_buffer(buffer: Any, dtype: Any, shape: Any, order: str = "C") -> np.ndarray:
    """numpy's reconstruction of contiguous arrays (pickle protocol 5)."""
    kind = np.dtype(dtype)
    if kind.kind not in _DTYPE_KINDS:
        raise pickle.UnpicklingError(f"a numpy array of dtype {kind}")
    return np.frombuffer(buffer, kind).reshape(shape, order="F" if order == "F" else "C")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module in _MULTIARRAY and name in ("_reconstruct", "scalar"):
            return _array if name == "_reconstruct" else _scalar
        if module in ("numpy.core.numeric", "numpy._core.numeric") and name == "_frombuffer":
            return _from_buffer
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, and only numpy arrays and plain values are allowed")


def _scan(data: bytes) -> None:
    """UnpicklingError for a memo that has more places than the pickle has steps: it would take memory for all."""
    for steps, (opcode, value, _) in enumerate(pickletools.genops(data)):
        if opcode.name in _PUTS and int(value or 0) > steps:
            raise pickle.UnpicklingError(f"its memo claims {value} places after {steps} steps")


def _check(value: Any, seen: set[int], depth: int = 0) -> None:
    """UnpicklingError for anything but plain values and arrays of numbers or text, however nested.

    Args:
        value: checked.
        seen: ids of the containers that were looked at: one that stands in many places is looked at once.
        depth: of the nesting.
    """
    if depth > 16:
        raise pickle.UnpicklingError("it is nested more than 16 deep")
    if isinstance(value, (dict, list, tuple, set, frozenset)):
        if id(value) in seen:
            return
        seen.add(id(value))
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.kind not in _DTYPE_KINDS:
            raise pickle.UnpicklingError(f"it holds an array of dtype {value.dtype}")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key, seen, depth + 1)
            _check(item, seen, depth + 1)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            _check(item, seen, depth + 1)
    elif not isinstance(value, (str, bytes, bytearray, int, float, bool, type(None))):
        raise pickle.UnpicklingError(f"it holds a {type(value).__name__}")


def load_plain_pickle(path: str | Path, most_bytes: int = MOST_BYTES) -> Any:
    """The value of a pickle that holds only numpy arrays of numbers or text and plain Python values.

    Args:
        path: the pickle.
        most_bytes: larger files are refused.

    Raises:
        InputError: missing, too large, cut off, or asking for anything else; the sentence names what it asks for.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"pickle {path} does not exist")
    size = path.stat().st_size
    if size > most_bytes:
        raise InputError(f"pickle {path} has {size} bytes; more than {most_bytes} are not read")
    try:
        data = path.read_bytes()
        _scan(data)
        value = _Unpickler(io.BytesIO(data), encoding="latin1").load()
        _check(value, set())
    except pickle.UnpicklingError as error:
        raise InputError(f"pickle {path} is refused: {' '.join(str(error).split())}") from error
    except MemoryError as error:
        raise InputError(f"pickle {path} is refused: it claims more data than memory holds") from error
    except Exception as error:  # a hostile pickle may fail anywhere in the numpy calls it makes
        why = " ".join(str(error).split())
        raise InputError(f"pickle {path} is corrupt ({type(error).__name__}: {why})") from error
    return value
