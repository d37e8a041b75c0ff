"""Read parts of an ONNX file without the package ``onnx``, which a device need not have.

The file is a protocol buffer: fields with a number, each a varint, bytes of known length, or 4 or 8 bytes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from mmap import mmap

GRAPH, NODE, INITIALIZER = 7, 1, 5
"""Fields of a model and a graph (onnx.proto)."""
INPUT, OUTPUT, OP_TYPE, ATTRIBUTE = 1, 2, 4, 5
"""Fields of a node."""
ATTRIBUTE_NAME, INTS = 1, 8
"""Fields of an attribute."""
DATA_TYPE, TENSOR_NAME = 2, 8
"""Fields of a tensor."""
MAX_SHIFT = 63
"""The largest shift of a byte of a number: 64 bits take 10 bytes."""
FIXED_SIZES = {1: 8, 5: 4}
"""The number of bytes of the other wire types."""


@dataclass(frozen=True)
class WireNode:
    """A node: its operator, the names of its inputs and outputs, and ``perm`` of a Transpose."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    perm: tuple[int, ...] = ()


def read_graph(content: bytes | mmap) -> tuple[list[WireNode], dict[str, int]]:
    """Return the nodes of the main graph, and the data types of its initializers (``TensorProto.DataType``).

    Raises:
        ValueError: the content is not such a protocol buffer.
    """
    with memoryview(content) as view:
        try:
            return _read(view)
        except IndexError as error:
            raise ValueError("the file ends within a field") from error


def _read(content: memoryview) -> tuple[list[WireNode], dict[str, int]]:
    nodes: list[WireNode] = []
    types: dict[str, int] = {}
    for number, graph in _fields(content):
        if number != GRAPH or isinstance(graph, int):
            continue
        for kind, value in _fields(graph):
            if kind == NODE and not isinstance(value, int):
                nodes.append(_node(value))
            elif kind == INITIALIZER and not isinstance(value, int):
                fields = dict(_fields(value))
                name, data_type = fields.get(TENSOR_NAME), fields.get(DATA_TYPE)
                if isinstance(name, memoryview) and isinstance(data_type, int):
                    types[_text(name)] = data_type
    return nodes, types


def _node(content: memoryview) -> WireNode:
    fields = defaultdict[int, list[memoryview]](list)
    for number, value in _fields(content):
        if isinstance(value, memoryview):
            fields[number].append(value)
    kind = _text(fields[OP_TYPE][-1]) if fields[OP_TYPE] else ""
    perm = _perm(fields[ATTRIBUTE]) if kind == "Transpose" else ()
    return WireNode(kind, tuple(map(_text, fields[INPUT])), tuple(map(_text, fields[OUTPUT])), perm)


def _perm(attributes: Sequence[memoryview]) -> tuple[int, ...]:
    """Return the attribute ``perm``, whose numbers may be packed into one field."""
    for attribute in attributes:
        fields = list(_fields(attribute))
        names = [value for number, value in fields if number == ATTRIBUTE_NAME]
        if any(isinstance(name, memoryview) and _text(name) == "perm" for name in names):
            return tuple(axis for number, value in fields if number == INTS for axis in _numbers(value))
    return ()


def _numbers(value: int | memoryview) -> Iterator[int]:
    if isinstance(value, int):
        yield value
        return
    position = 0
    while position < len(value):
        number, position = _varint(value, position)
        yield number


def _text(value: memoryview) -> str:
    return bytes(value).decode()


def _fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    position = 0
    while position < len(content):
        tag, position = _varint(content, position)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, position = _varint(content, position)
            yield number, value
            continue
        size = FIXED_SIZES.get(kind)
        if size is None:
            size, position = _varint(content, position)
        yield number, content[position : position + size]
        position += size


def _varint(content: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
        if shift > MAX_SHIFT:
            raise ValueError("a number has more than 64 bits")
