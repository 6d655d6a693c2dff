"""npz and npy files of others: arrays of numbers, bounded by what the headers say before anything is unpacked."""

from __future__ import annotations

import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.outside_text import one_line

NPY_MAGIC = b"\x93NUMPY"
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError, SyntaxError, EOFError, ValueError, TypeError),
    *(LookupError, OverflowError, RecursionError, NotImplementedError, RuntimeError, MemoryError),
)
"""What numpy and zipfile raise on archives that are not whole, or lie about their sizes."""
MOST_BYTES = 1 << 30
"""Largest archive or array that is read, unpacked."""
FREE_BYTES = 1 << 28
"""An archive may unpack to so much whatever its size..."""
MOST_TIMES = 100
"""...and beyond to so many times its size: motion packs 2:1 to 20:1, zeros 1000:1."""
MOST_ARRAYS = 100_000
"""Arrays in an archive."""


def read_npz(path: str | Path, keys: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Arrays of an npz file, pickles refused.

    Args:
        path: the file.
        keys: arrays to read; the others stay packed, and may be of any kind. All if None.

    Raises:
        InputError: the file is missing, not an npz, lacks a key, holds Python objects, or unpacks to too much.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"file {path} does not exist; give the path of an npz file")
    try:
        with path.open("rb") as file:
            return read_open_npz(file, str(path), keys)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def read_open_npz(file: IO[bytes], path: str, keys: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """`read_npz` of a file that is open already; `path` is what messages call it."""
    try:
        magic = file.read(len(NPY_MAGIC))
        if not magic:
            raise InputError(f"{path} is empty; an npz archive with named arrays is needed")
        if magic == NPY_MAGIC:
            raise InputError(f"{path} holds one array (npy); an npz archive with named arrays is needed")
        file.seek(0)
        if not zipfile.is_zipfile(file):
            raise InputError(f"{path} is no npz archive, or its end is missing; save it again with numpy.savez")
        file.seek(0)
        wanted = None if keys is None else {f"{key}.npy" for key in keys} | set(keys)
        _check_sizes(file, path, wanted)
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            missing = sorted(set(keys or ()) - set(archive.files))
            if missing:
                has = one_line(", ".join(sorted(archive.files)) or "none")
                raise InputError(f"{path} has no key '{missing[0]}'; its keys are: {has}")
            return {key: _array(path, archive, key) for key in (archive.files if keys is None else keys)}
    except DAMAGED as error:
        raise InputError(f"{path} is a damaged npz archive ({_why(error)}); save it again with numpy.savez") from error


def read_npy(path: str | Path) -> np.ndarray:
    """The array of an npy file, pickles refused. Raises InputError."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            _check_header(str(path), path.name, file, size)
            file.seek(0)
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
    except DAMAGED as error:
        raise InputError(f"{path} cannot be read as a plain npy array ({_why(error)})") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def array_shape(path: str | Path, key: str) -> tuple[int, ...]:
    """Shape of one array of an npz file, by its header alone. Raises InputError."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as file:
            return _header(file)[0]
    except (*DAMAGED, OSError) as error:
        raise InputError(f"{path} has no array '{key}' that can be read ({_why(error)})") from error


def _check_sizes(file: IO[bytes], path: str, wanted: Collection[str] | None) -> None:
    """InputError for an archive that unpacks to too much, or whose arrays claim more than it holds."""
    packed = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if len(infos) > MOST_ARRAYS:
            raise InputError(f"{path} holds {len(infos)} arrays; at most {MOST_ARRAYS} are read")
        infos = [i for i in infos if wanted is None or i.filename in wanted]
        size = sum(info.file_size for info in infos)
        if size > MOST_BYTES:
            raise InputError(f"{path} unpacks to {size} bytes; more than {MOST_BYTES} are not read")
        if size > max(FREE_BYTES, MOST_TIMES * packed):
            raise InputError(
                f"{path} has {packed} bytes and unpacks to {size}; more than {MOST_TIMES} times its size is no "
                "recording, and is not read"
            )
        for info in infos:
            with archive.open(info) as array:
                if array.read(len(NPY_MAGIC)) != NPY_MAGIC:
                    continue
                array.seek(0)
                _check_header(path, info.filename, array, info.file_size)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


def _check_header(path: str, name: str, file: IO[bytes], size: int) -> None:
    shape, dtype = _header(file)
    if dtype.hasobject:
        key = one_line(name.removesuffix(".npy"))
        raise InputError(f"{path}: key '{key}' holds Python objects, which are never loaded; store numbers")
    if math.prod(shape) * dtype.itemsize > size:
        raise InputError(
            f"{path}: '{one_line(name)}' claims shape {one_line(list(shape))} of {one_line(dtype)}, which is more than "
            f"its {size} bytes; save the file again with numpy.savez"
        )
    if size > MOST_BYTES:
        raise InputError(f"{path}: '{one_line(name)}' has {size} bytes; more than {MOST_BYTES} are not read")


def _array(path: str, archive: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    """One array of an open npz whose header was checked. Raises InputError for one that is damaged."""
    try:
        return np.asarray(archive[key])
    except ValueError as error:
        text = f"{path}: key '{one_line(key)}' is damaged ({_why(error)}); save the file again with numpy.savez"
        raise InputError(text) from error


def _why(error: BaseException) -> str:
    return one_line(" ".join(str(error).split())) or type(error).__name__
