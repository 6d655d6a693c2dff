"""Reading pickles of others without running their code: numpy arrays and plain Python values, nothing else."""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import InputError

MOST_BYTES = 512 * 1024 * 1024
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
_DTYPE_KINDS = "fiubUS"
_UNDER_WAY = object()
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")


class _Dtype:
    """Stands for a numpy dtype while a pickle is read: numpy's own takes any state and crashes on some."""

    __slots__ = ("value",)

    def __init__(self, code: Any) -> None:
        if not isinstance(code, str):
            raise pickle.UnpicklingError(f"a numpy dtype made of a {type(code).__name__}")
        self.value = np.dtype(code)
        if self.value.kind not in _DTYPE_KINDS:
            raise pickle.UnpicklingError(f"a numpy array of dtype {self.value}")

    def __setstate__(self, state: Any) -> None:
        _, order, *parts = state
        if any(part is not None for part in parts[:3]):
            raise pickle.UnpicklingError("a numpy dtype with fields")
        if order not in ("<", ">", "=", "|"):
            raise pickle.UnpicklingError(f"a numpy dtype with byte order {order!r}")
        self.value = self.value.newbyteorder(order)


class _Array:
    """Stands for a numpy array or scalar while a pickle is read."""

    __slots__ = ("value",)

    def __init__(self, value: Any = None) -> None:
        self.value = value

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, by_column, data = state
        self.value = _filled(data, dtype, shape, "F" if by_column else "C")


def _filled(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """An array of bytes that are there. Shape as claimed, or UnpicklingError."""
    if not isinstance(dtype, _Dtype):
        raise pickle.UnpicklingError("a numpy array without dtype")
    if isinstance(data, str):  # of Python 2
        data = data.encode("latin1")
    if not isinstance(data, (bytes, bytearray, memoryview, pickle.PickleBuffer)):
        raise pickle.UnpicklingError(f"a numpy array of {dtype.value} made of a {type(data).__name__}")
    raw = bytes(data)
    flat = np.frombuffer(raw, dtype.value) if raw else np.zeros(0, dtype.value)
    return flat.reshape(shape, order="F" if order == "F" else "C").copy()


class _Call:
    """A function that a pickle may call. Unlike a function it has no attributes that the pickle could set."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *values: Any) -> Any:
        return self._make(*values)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a function with content")


def _bytes(value: Any = b"", encoding: str = "latin1") -> bytes:
    """As `bytes`, but not of a number, which would be a length."""
    if isinstance(value, str):
        return value.encode("latin1")
    if not isinstance(value, (bytes, bytearray)):
        raise pickle.UnpicklingError(f"bytes of a {type(value).__name__}")
    return bytes(value)


def _scalar(dtype: Any, data: Any = b"") -> _Array:
    """As numpy's: a scalar of plain bytes."""
    if not isinstance(dtype, _Dtype) or not isinstance(data, (bytes, str)):
        raise pickle.UnpicklingError("a numpy scalar of objects")
    return _Array(_filled(data, dtype, (1,), "C")[0])


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any = "C") -> _Array:
    """As numpy's: contiguous arrays (pickle protocol 5)."""
    return _Array(_filled(data, dtype, shape, order))


def _refused(*values: Any) -> None:
    """`numpy.ndarray` is only ever an argument of `_reconstruct`."""
    raise TypeError("numpy.ndarray is called")


_ALLOWED: dict[tuple[str, str], _Call] = {
    ("numpy", "ndarray"): _Call(_refused),
    ("numpy", "dtype"): _Call(lambda code, align=False, copy=True: _Dtype(code)),
    ("collections", "OrderedDict"): _Call(dict),
    ("_codecs", "encode"): _Call(_bytes),
    **{(module, name): _Call(_bytes) for module in ("builtins", "__builtin__") for name in ("bytes", "bytearray")},
    # an array that the pickle then fills
    **{(module, "_reconstruct"): _Call(lambda kind, *rest: _Array()) for module in _MULTIARRAY},
    **{(module, "scalar"): _Call(_scalar) for module in _MULTIARRAY},
    **{(module, "_frombuffer"): _Call(_from_buffer) for module in _NUMERIC},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, and only numpy arrays and plain values are allowed")


def _scan(data: bytes) -> None:
    """UnpicklingError for a memo that has more places than the pickle has steps: it would take memory for all."""
    for steps, (opcode, value, _) in enumerate(pickletools.genops(data)):
        if opcode.name in _PUTS and int(value or 0) > steps:
            raise pickle.UnpicklingError(f"its memo claims {value} places after {steps} steps")


def _plain(value: Any, made: dict[int, Any], depth: int = 0) -> Any:
    """The value with arrays for what stands for them. UnpicklingError for anything but plain values and arrays.

    Args:
        value: as it was read. It must live on until all is done.
        made: containers that are done, by id: one that stands in many places is made once.
        depth: of the nesting.
    """
    if depth > 16:
        raise pickle.UnpicklingError("it is nested more than 16 deep")
    if isinstance(value, _Array):
        if value.value is None:
            raise pickle.UnpicklingError("it holds an array without content")
        return value.value
    if isinstance(value, (str, bytes, bytearray, int, float, bool, type(None))):
        return value
    if not isinstance(value, (dict, list, tuple, set, frozenset)):
        raise pickle.UnpicklingError(f"it holds a {type(value).__name__.lstrip('_').lower()}")
    if id(value) not in made:
        made[id(value)] = _UNDER_WAY
        if isinstance(value, dict):
            made[id(value)] = {_plain(k, made, depth + 1): _plain(v, made, depth + 1) for k, v in value.items()}
        else:
            made[id(value)] = type(value)(_plain(item, made, depth + 1) for item in value)
    if made[id(value)] is _UNDER_WAY:
        raise pickle.UnpicklingError("something in it contains itself")
    return made[id(value)]


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
        value = _plain(_Unpickler(io.BytesIO(data), encoding="latin1").load(), {})
    except pickle.UnpicklingError as error:
        raise InputError(f"pickle {path} is refused: {' '.join(str(error).split())}") from error
    except MemoryError as error:
        raise InputError(f"pickle {path} is refused: it claims more data than memory holds") from error
    except Exception as error:  # a hostile pickle may fail anywhere
        why = " ".join(str(error).split())
        raise InputError(f"pickle {path} is corrupt ({type(error).__name__}: {why})") from error
    return value
