"""Rebuild NumPy's arrays, scalars and types from checked values of a pickle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from posedeploy.limits import MAX_DIMENSIONS
from posedeploy.pickles.meter import Meter, check_limit
from posedeploy.pickles.values import Unreadable
from posedeploy.types import Array

TYPES = {
    "b1": "?", "?": "?", "i1": "i1", "i2": "i2", "i4": "i4", "i8": "i8", "u1": "u1", "u2": "u2", "u4": "u4",
    "u8": "u8", "f2": "f2", "f4": "f4", "f8": "f8", "c8": "c8", "c16": "c16",
}  # fmt: skip
"""The supported element types by their names in NumPy's pickles."""
ORDERS = {"<": "<", "=": "<", "|": "<", ">": ">"}


class TypeRecord:
    """An element type: its name in NumPy, or None if it is not supported."""

    __slots__ = ("name", "order")

    def __init__(self, name: str | None, order: str = "<") -> None:
        self.name = name
        self.order = order

    def restore(self, state: Any, meter: Meter) -> None:
        """Set the byte order from the state of a type. A type with fields is not supported."""
        if (
            not isinstance(state, tuple)
            or len(state) < 5
            or not isinstance(state[1], str)  # the hash of another value can take forever
            or state[1] not in ORDERS
            or any(part is not None for part in state[2:5])
        ):
            self.name = None
        else:
            self.order = ORDERS[state[1]]

    def dtype(self) -> np.dtype[Any]:
        """Return the type.

        Raises:
            ValueError: its elements are not plain numbers.
        """
        if self.name is None:
            raise ValueError("its elements are not plain numbers")
        return np.dtype(self.order + self.name)


class ArrayRecord:
    """An array that a pickle creates empty and then fills. ``value`` is the array, or the problem with it."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: Array | Unreadable = Unreadable("an array without content")

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape; () if it is unknown."""
        return self.value.shape

    def restore(self, state: Any, meter: Meter) -> None:
        """Fill the array from (version, shape, type, is_fortran, data), or the same without the version."""
        try:
            shape, kind, fortran, data = state[-4:]
            self.value = build_array(meter, data, kind, shape, "F" if fortran else "C")
        except (TypeError, ValueError) as error:
            self.value = Unreadable(f"an array that cannot be rebuilt ({error})")


def parse_type(name: Any, *_: Any) -> TypeRecord:
    """Reimplement ``numpy.dtype(name, align, copy)``."""
    order, text = (name[0], name[1:]) if isinstance(name, str) and name[:1] in ORDERS else ("<", name)
    return TypeRecord(TYPES.get(text) if isinstance(text, str) else None, ORDERS[order])


def create_empty_array(*_: Any) -> ArrayRecord:
    """Reimplement ``numpy.core.multiarray._reconstruct``. The array's state will replace the arguments."""
    return ArrayRecord()


def build_array_from_buffer(meter: Meter, data: Any, kind: Any, shape: Any, order: Any) -> ArrayRecord:
    """Reimplement ``numpy.core.numeric._frombuffer``."""
    record = ArrayRecord()
    record.value = build_array(meter, data, kind, shape, "F" if order == "F" else "C")
    return record


def build_scalar(meter: Meter, kind: Any, data: Any = None) -> Any:
    """Reimplement ``numpy.core.multiarray.scalar``, with a plain number as the result."""
    return build_array(meter, data, kind, (), "C").item()


def build_array(meter: Meter, data: Any, kind: Any, shape: Any, order: Any) -> Array:
    """Build an array on the memory of bytes.

    Raises:
        ValueError: the elements are not plain numbers, or the shape does not agree with the number of bytes.
    """
    if not isinstance(kind, TypeRecord):
        raise ValueError("it has no element type")
    dtype, lengths = kind.dtype(), parse_shape(shape)
    if isinstance(data, str):
        meter.reserve(len(data), "arrays of a pickle")
        data = data.encode("latin1")  # the encoding of Python 2's strings
    if not isinstance(data, bytes | bytearray):
        raise ValueError(f"its content is of type {type(data).__name__}, not bytes")
    byte_count = math.prod(lengths) * dtype.itemsize
    if len(data) != byte_count:
        raise ValueError(f"its shape needs {byte_count} bytes, but it has {len(data)}")
    return np.frombuffer(data, dtype).reshape(lengths, order=order)


def parse_shape(shape: Any) -> tuple[int, ...]:
    """Check a shape of an array or tensor.

    Raises:
        ValueError: it is not a shape.
        PickleError: it has too many dimensions.
    """
    lengths = tuple(shape) if isinstance(shape, tuple | list) else None
    if lengths is None or not all(type(length) is int and 0 <= length < 1 << 62 for length in lengths):
        raise ValueError("its shape or strides are invalid")
    check_limit("dimensions of an array", len(lengths), MAX_DIMENSIONS)
    return lengths
