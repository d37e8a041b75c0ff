"""Read parts of an ONNX file without the package ``onnx``, which a device need not have.

The file is a protocol buffer: fields with a number, each a varint, bytes of known length, or 4 or 8 bytes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from mmap import mmap

GRAPH, FUNCTION = 7, 25
"""Fields of a model (onnx.proto)."""
NODE, INITIALIZER, FUNCTION_NODE = 1, 5, 7
"""Fields of a graph and of a function."""
INPUT, OUTPUT, OP_TYPE, ATTRIBUTE = 1, 2, 4, 5
"""Fields of a node."""
ATTRIBUTE_NAME, TENSOR, INTS = 1, 5, 8
"""Fields of an attribute."""
DATA_TYPE, TENSOR_NAME = 2, 8
"""Fields of a tensor."""
MAX_SHIFT = 63
"""The largest shift of a byte of a number: 64 bits take 10 bytes."""
FIXED_SIZES = {1: 8, 5: 4}
"""The number of bytes of the other wire types."""


@dataclass(frozen=True)
class WireNode:
    """A node: its operator, the names of its inputs and outputs, and ``perm`` of a Transpose.

    data_type: of a Constant (``TensorProto.DataType``); 0 for other nodes.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    perm: tuple[int, ...] = ()
    data_type: int = 0


def read_graph(content: bytes | mmap) -> tuple[list[WireNode], dict[str, int]]:
    """Return the nodes of the main graph and of functions, and the data types of its initializers
    (``TensorProto.DataType``).

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
    for number, part in _fields(content):
        if number not in (GRAPH, FUNCTION) or isinstance(part, int):
            continue
        for kind, value in _fields(part):
            if isinstance(value, int):
                continue
            if kind == (NODE if number == GRAPH else FUNCTION_NODE):
                nodes.append(_node(value))
            elif kind == INITIALIZER and number == GRAPH:
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
    perm = _find_attribute(fields[ATTRIBUTE], "perm", INTS) if kind == "Transpose" else []
    tensors = _find_attribute(fields[ATTRIBUTE], "value", TENSOR) if kind == "Constant" else []
    return WireNode(
        kind,
        tuple(map(_text, fields[INPUT])),
        tuple(map(_text, fields[OUTPUT])),
        tuple(axis for each in perm for axis in _numbers(each)),  # which may be packed into one field
        _data_type(tensors),
    )


def _find_attribute(attributes: Sequence[memoryview], name: str, field: int) -> list[int | memoryview]:
    """Return the values of a field of the attribute with this name; empty without such an attribute."""
    for attribute in attributes:
        fields = list(_fields(attribute))
        names = [value for number, value in fields if number == ATTRIBUTE_NAME]
        if any(isinstance(each, memoryview) and _text(each) == name for each in names):
            return [value for number, value in fields if number == field]
    return []


def _data_type(tensors: Sequence[int | memoryview]) -> int:
    """Return the data type of the first tensor; 0 without one."""
    for tensor in tensors:
        if isinstance(tensor, memoryview):
            data_type = dict(_fields(tensor)).get(DATA_TYPE, 0)
            return data_type if isinstance(data_type, int) else 0
    return 0


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
