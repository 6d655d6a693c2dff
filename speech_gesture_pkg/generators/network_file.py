"""Looks into an ONNX file before ONNX Runtime does: is it what our export writes, plain layers with weights inside?

An ONNX file can hold more: programs (loops, functions that call functions), operators of other libraries, tensors that
are few bytes in the file and gigabytes in memory. A gesture model needs none of it. Only the structure is read, by the
wire format of protocol buffers (protobuf.dev/programming-guides/encoding) and the field numbers of onnx.proto; weights
are skipped.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from pathlib import Path

from speech_gesture_pkg.errors import ModelError
from speech_gesture_pkg.outside_text import one_line

MOST_BYTES = (1 << 31) - 1
"""Largest network file: protocol buffers go no further."""
MOST_FIELDS = 1_000_000
"""Parts of the file that are looked at; a network of 24 transformer layers has about 50,000."""
MOST_ELEMENTS = 1 << 30
"""Elements of one tensor."""
DOMAINS = frozenset({"", "ai.onnx"})
"""Standard operators; all others need code of somebody else."""
CONTROL_FLOW = frozenset({"If", "Loop", "Scan", "SequenceMap"})

_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_TYPE, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_ATTRIBUTE_SPARSE, _ATTRIBUTE_SPARSES = 22, 23
_TENSOR_DIMS, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 1, 13, 14


class _Refused(Exception):  # noqa: N818 - becomes a ModelError that names the file
    """Why the file is not used."""


def check_network_file(path: Path) -> None:
    """Refuse a file that is too large, or that holds more than plain layers with their weights.

    Raises:
        ModelError: missing, no ONNX file, or with control flow, functions, operators outside the standard, sparse
            tensors, weights in other files, or tensors of more than `MOST_ELEMENTS` elements.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ModelError(f"model file {path} has {size} bytes; at most {MOST_BYTES} are read")
        if not size:
            raise ModelError(f"model file {path} cannot be loaded: it is empty")
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _Walk(data).model()
    except FileNotFoundError as e:
        raise ModelError(f"model file {path} does not exist") from e
    except OSError as e:
        raise ModelError(f"model file {path} cannot be read: {e.strerror or e}") from e
    except _Refused as e:
        raise ModelError(f"model file {path} {e}") from e
    except (ValueError, IndexError) as e:
        raise ModelError(f"model file {path} cannot be loaded: it is no ONNX file, or damaged ({e})") from e


class _Walk:
    """One way through a file."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data, self._seen = data, 0

    def model(self) -> None:
        graphs = 0
        for field, begin, end in self._fields(0, len(self._data)):
            if field == _MODEL_GRAPH:
                graphs += 1
                self._graph(begin, end)
            elif field == _MODEL_FUNCTIONS:
                raise _Refused("holds functions of its own; only plain layers are used")
        if not graphs:
            raise ValueError("it holds no graph")

    def _graph(self, begin: int, end: int) -> None:
        for field, a, b in self._fields(begin, end):
            if field == _GRAPH_NODE:
                self._node(a, b)
            elif field == _GRAPH_INITIALIZER:
                self._tensor(a, b)
            elif field == _GRAPH_SPARSE:
                raise _Refused("holds sparse weights, which may unpack to any size; it must hold them in full")

    def _node(self, begin: int, end: int) -> None:
        kind, domain = "", (0, 0)
        for field, a, b in self._fields(begin, end):
            if field == _NODE_TYPE:
                kind = self._text(a, b)
            elif field == _NODE_DOMAIN:
                domain = (a, b)
            elif field == _NODE_ATTRIBUTE:
                self._attribute(a, b)
        self._domain(*domain, kind)
        if kind in CONTROL_FLOW:
            raise _Refused(f"holds control flow ({kind}), whose time has no bound; only plain layers are used")

    def _attribute(self, begin: int, end: int) -> None:
        for field, a, b in self._fields(begin, end):
            if field in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                self._tensor(a, b)
            elif field in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                raise _Refused("holds control flow (a graph within the graph); only plain layers are used")
            elif field in (_ATTRIBUTE_SPARSE, _ATTRIBUTE_SPARSES):
                raise _Refused("holds sparse tensors, which may unpack to any size; it must hold them in full")

    def _tensor(self, begin: int, end: int) -> None:
        shape: list[int] = []
        for field, a, b in self._fields(begin, end):
            if field == _TENSOR_DIMS:
                shape += self._numbers(a, b)
            elif field == _TENSOR_EXTERNAL or (field == _TENSOR_LOCATION and 1 in self._numbers(a, b)):
                raise _Refused("keeps weights in other files; it must hold them itself")
        if len(shape) > 32 or math.prod(shape) > MOST_ELEMENTS:
            raise _Refused(f"has a tensor of shape {one_line(shape, 80)}; at most {MOST_ELEMENTS} elements are read")

    def _domain(self, begin: int, end: int, kind: str) -> None:
        domain = self._text(begin, end)
        if domain not in DOMAINS:
            raise _Refused(
                f"asks for the operator {one_line(kind, 60)!r} of {one_line(domain, 60)!r}; only standard ONNX "
                "operators are used"
            )

    def _text(self, begin: int, end: int) -> str:
        if end - begin > 1000:
            raise ValueError("a name of more than 1000 bytes")
        return self._data[begin:end].decode("utf-8", "backslashreplace")

    def _numbers(self, begin: int, end: int) -> list[int]:
        """Of a field that holds one number, or several packed ones."""
        found = []
        while begin < end:
            value, begin = self._varint(begin)
            found.append(value)
            if len(found) > 64:
                raise ValueError("a shape of more than 64 axes")
        return found

    def _fields(self, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Number of each field of a message, and where its content lies."""
        if end > len(self._data):
            raise ValueError("a part reaches beyond the end")
        while begin < end:
            self._seen += 1
            if self._seen > MOST_FIELDS:
                raise _Refused(f"has more than {MOST_FIELDS} parts (layers, tensors, names); it is no gesture model")
            key, begin = self._varint(begin)
            kind, field = key & 7, key >> 3
            if kind == 0:
                _, after = self._varint(begin)
            elif kind == 1:
                after = begin + 8
            elif kind == 2:
                length, begin = self._varint(begin)
                after = begin + length
            elif kind == 5:
                after = begin + 4
            else:
                raise ValueError(f"a field of kind {kind}")
            if after > end:
                raise ValueError("a part reaches beyond the end of what holds it")
            yield field, begin, after
            begin = after

    def _varint(self, at: int) -> tuple[int, int]:
        value = shift = 0
        while shift < 70:
            byte = self._data[at]
            value |= (byte & 0x7F) << shift
            at += 1
            if byte < 0x80:
                return value, at
            shift += 7
        raise ValueError("a number of more than ten bytes")
