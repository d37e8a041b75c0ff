"""Tensors and storages of PyTorch as records with checked sizes and strides, read on demand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from posedeploy.pickles.arrays import ArrayRecord, parse_shape
from posedeploy.pickles.meter import Meter
from posedeploy.pickles.values import Global, PickleError, Unreadable
from posedeploy.types import Array

ELEMENT_TYPES = {
    "float64": "f8", "float32": "f4", "float16": "f2", "bfloat16": "i2", "int64": "i8", "int32": "i4",
    "int16": "i2", "int8": "i1", "uint8": "u1", "uint16": "u2", "uint32": "u4", "uint64": "u8", "bool": "u1",
    "complex64": "c8", "complex128": "c16", "float8_e4m3fn": "u1", "float8_e5m2": "u1",
    "float8_e4m3fnuz": "u1", "float8_e5m2fnuz": "u1", "float8_e8m0fnu": "u1",
}  # fmt: skip
"""PyTorch's element types, each with a NumPy type of the same size."""
STORAGES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16", "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16",
    "CharStorage": "int8", "ByteStorage": "uint8", "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128", "UntypedStorage": "uint8", "_UntypedStorage": "uint8",
}  # fmt: skip
QUANTIZED_STORAGES = {
    "QInt8Storage": 1,
    "QUInt8Storage": 1,
    "QInt32Storage": 4,
    "QUInt4x2Storage": 1,
    "QUInt2x4Storage": 1,
}
"""The storages of quantized tensors, with the bytes per element."""

ReadBytes = Callable[[str, int], Array]
"""Takes the key of a storage and a number of bytes; returns them as uint8."""


class Storage:
    """The memory that tensors are views of. element: the element type, or None if it is not supported."""

    __slots__ = ("_content", "_read", "big_endian", "count", "element", "item_bytes", "key", "type_name")

    def __init__(self, type_name: str, key: str, count: int, read: ReadBytes, big_endian: bool) -> None:
        self.type_name = type_name
        self.element = STORAGES.get(type_name)
        self.item_bytes = item_bytes(self.element) if self.element else QUANTIZED_STORAGES.get(type_name, 0)
        self.key = key
        self.count = count
        self.big_endian = big_endian
        self._read = read
        self._content: Array | None = None

    @property
    def byte_count(self) -> int:
        """The size in bytes."""
        return self.count * self.item_bytes

    def content(self) -> Array:
        """Return the bytes, which the first call reads from the file.

        Raises:
            PickleError: the file does not contain them.
        """
        if self._content is None:
            self._content = self._read(self.key, self.byte_count)
        return self._content


@dataclass(frozen=True, eq=False)
class TensorRecord:
    """A tensor that has not been read: a view of its storage. offset, shape, stride: in elements."""

    storage: Storage
    element: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def bits(self) -> Array:
        """Return the elements as the NumPy type of the same size, as a view of the storage if possible.

        Raises:
            PickleError: the file does not contain them.
        """
        order = ">" if self.storage.big_endian else "<"
        kind = np.dtype(order + ELEMENT_TYPES[self.element])
        content = self.storage.content()
        flat = content[: len(content) // kind.itemsize * kind.itemsize].view(kind)[self.offset :]
        view: Array = as_strided(flat, self.shape, [step * kind.itemsize for step in self.stride])
        if self.element == "bool":
            return np.not_equal(view, 0)
        plain: Array = view.astype(kind.newbyteorder("<"), copy=False)
        return plain


def item_bytes(element: str) -> int:
    """Return the bytes per element."""
    return np.dtype(ELEMENT_TYPES[element]).itemsize


class Storages:
    """The storages of one file by key. ``read`` reads the bytes of one."""

    def __init__(self, read: ReadBytes, big_endian: bool = False) -> None:
        self.by_key: dict[str, Storage] = {}
        self.read = read
        self.big_endian = big_endian

    def load_persistent(self, identity: Any) -> Any:
        """Return the storage of the persistent ID ("storage", type, key, location, count, ...).

        Raises:
            PickleError: it has another form.
        """
        match identity:
            case ("module", Global() as kind, *_):
                return kind
            case ("storage", Global() as kind, str() | int() as key, _, int() as count, *rest) if count >= 0:
                storage = self._get_or_create(kind.name, str(key), count)
                return _create_view(storage, rest[0]) if rest and isinstance(rest[0], tuple) else storage
        raise PickleError("it has a persistent ID that is not one of PyTorch's")

    def _get_or_create(self, kind: str, key: str, count: int) -> Storage:
        storage = self.by_key.get(key)
        if storage is None:
            storage = self.by_key[key] = Storage(kind, key, count, self.read, self.big_endian)
        if (storage.type_name, storage.count) != (kind, count):
            raise PickleError(f"storage {key} has two types or sizes")
        return storage


def _create_view(whole: Storage, view: tuple[Any, ...]) -> Storage:
    """Return a part of a storage, which PyTorch before 0.4 stored as (key, offset, count)."""
    match view:
        case (_, int() as offset, int() as count) if offset >= 0 and 0 <= count <= whole.count - offset:
            first, last = offset * whole.item_bytes, (offset + count) * whole.item_bytes

            def read(key: str, size: int) -> Array:
                return whole.content()[first:last]

            return Storage(whole.type_name, whole.key, count, read, whole.big_endian)
    raise PickleError("it has a view that exceeds its storage")


def rebuild_tensor_v2(meter: Meter, storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> Any:
    """Reimplement ``torch._utils._rebuild_tensor`` and ``_rebuild_tensor_v2``."""
    return _tensor(meter, storage, None, offset, shape, stride)


def rebuild_tensor_v3(
    meter: Meter,
    storage: Any,
    offset: Any,
    shape: Any,
    stride: Any,
    grad: Any,
    hooks: Any,
    kind: Any,
    *_: Any,
) -> Any:
    """Reimplement ``torch._utils._rebuild_tensor_v3`` for an untyped storage and the element type
    ``kind``."""
    return _tensor(meter, storage, kind, offset, shape, stride)


def _tensor(meter: Meter, storage: Any, kind: Any, offset: Any, shape: Any, stride: Any) -> Any:
    if not isinstance(storage, Storage):
        raise ValueError("it has no storage")
    lengths, steps = parse_shape(shape), parse_shape(stride)
    element = kind.name if isinstance(kind, Global) else storage.element
    if element not in ELEMENT_TYPES:
        quantized = "a quantized tensor" if storage.type_name in QUANTIZED_STORAGES else "a tensor"
        return Unreadable(f"{quantized} of {element or storage.type_name}", lengths)
    if type(offset) is not int or offset < 0 or len(steps) != len(lengths):
        raise ValueError("its offset or strides are invalid")
    count = math.prod(lengths)
    end = offset + sum((length - 1) * step for length, step in zip(lengths, steps, strict=True)) + 1
    stored = storage.byte_count // item_bytes(element)
    if count and end > stored:
        raise ValueError(f"it ends at element {end} of a storage of {stored}")
    if element == "bool" or storage.big_endian:
        meter.reserve(count * item_bytes(element), "tensors that are converted")
    if count > stored:  # a view that repeats its elements is copied at its full size
        meter.reserve(count * item_bytes(element), "a tensor that repeats its elements")
    return TensorRecord(storage, element, offset, lengths, steps)


def rebuild_quantized_tensor(storage: Any, offset: Any, shape: Any, *_: Any) -> Unreadable:
    """Reimplement ``torch._utils._rebuild_qtensor``."""
    kind = storage.type_name if isinstance(storage, Storage) else "an unknown type"
    return Unreadable(f"a quantized tensor of {kind}", parse_shape(shape))


def return_tensor(data: Any, *_: Any) -> Any:
    """Reimplement ``torch._utils._rebuild_parameter`` and other functions that return their argument."""
    if not isinstance(data, TensorRecord | Unreadable | ArrayRecord):
        raise ValueError("its argument is not a tensor")
    return data


def reject_tensor(kind: str) -> Callable[..., Unreadable]:
    """Return a function for a kind of tensor that the weights of a supported network do not have."""

    def reject(*_: Any) -> Unreadable:
        return Unreadable(f"a {kind} tensor")

    return reject
