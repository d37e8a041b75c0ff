"""Read parts of an ONNX file without the package ``onnx``, which a device need not have.

The file is a protocol buffer: fields with a number, each a varint, bytes of known length, or 4 or 8 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

GRAPH, NODE, INITIALIZER = 7, 1, 5
"""Fields of a model and a graph (onnx.proto)."""
INPUT, OP_TYPE = 1, 4
"""Fields of a node."""
DATA_TYPE, TENSOR_NAME = 2, 8
"""Fields of a tensor."""
FIXED_SIZES = {1: 8, 5: 4}
"""The number of bytes of the other wire types."""


@dataclass(frozen=True)
class WireNode:
    """A node: its operator and the names of its inputs."""

    kind: str
    inputs: tuple[str, ...]


def read_graph(content: bytes) -> tuple[list[WireNode], dict[str, int]]:
    """Return the nodes of the main graph, and the data types of its initializers (``TensorProto.DataType``).

    Args:
        content: the content of a file that ONNX Runtime wrote.
    """
    nodes: list[WireNode] = []
    types: dict[str, int] = {}
    for number, graph in _fields(memoryview(content)):
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
    kind, inputs = "", []
    for number, value in _fields(content):
        if isinstance(value, memoryview) and number == INPUT:
            inputs.append(_text(value))
        elif isinstance(value, memoryview) and number == OP_TYPE:
            kind = _text(value)
    return WireNode(kind, tuple(inputs))


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
