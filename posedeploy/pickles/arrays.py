"""NumPy's arrays, scalars and types, rebuilt from values of a pickle that are checked first."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from posedeploy.limits import MAX_DIMENSIONS
from posedeploy.pickles.meter import Meter, check
from posedeploy.pickles.values import Unreadable
from posedeploy.types import Array

TYPES = {
    "b1": "?", "?": "?", "i1": "i1", "i2": "i2", "i4": "i4", "i8": "i8", "u1": "u1", "u2": "u2", "u4": "u4",
    "u8": "u8", "f2": "f2", "f4": "f4", "f8": "f8", "c8": "c8", "c16": "c16",
}  # fmt: skip
"""The element types that an array may have, as NumPy's pickles spell them."""
ORDERS = {"<": "<", "=": "<", "|": "<", ">": ">"}


class TypeRecord:
    """An element type: NumPy's spelling of it, or None for one that no array here may have."""

    __slots__ = ("name", "order")

    def __init__(self, name: str | None, order: str = "<") -> None:
        self.name = name
        self.order = order

    def restore(self, state: Any, meter: Meter) -> None:
        """Set the byte order, as the type's state has it; a state with fields makes it unusable."""
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
        """The type itself.

        Raises:
            ValueError: it is none of numbers.
        """
        if self.name is None:
            raise ValueError("its elements are no plain numbers")
        return np.dtype(self.order + self.name)


class ArrayRecord:
    """An array that a pickle makes empty first and fills then; ``value`` is the array, or why there is
    none."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: Array | Unreadable = Unreadable("an array without content")

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape; () where there is none."""
        return self.value.shape

    def restore(self, state: Any, meter: Meter) -> None:
        """Fill it from (version, shape, type, is_fortran, data), or the same without a version."""
        try:
            shape, kind, fortran, data = state[-4:]
            self.value = array_of(meter, data, kind, shape, "F" if fortran else "C")
        except (TypeError, ValueError) as error:
            self.value = Unreadable(f"an array that cannot be rebuilt ({error})")


def type_of(name: Any, *_: Any) -> TypeRecord:
    """``numpy.dtype(name, align, copy)``."""
    order, text = (name[0], name[1:]) if isinstance(name, str) and name[:1] in ORDERS else ("<", name)
    return TypeRecord(TYPES.get(text) if isinstance(text, str) else None, ORDERS[order])


def empty_array(*_: Any) -> ArrayRecord:
    """``numpy.core.multiarray._reconstruct``: what it is to be at first does not matter."""
    return ArrayRecord()


def array_from_buffer(meter: Meter, data: Any, kind: Any, shape: Any, order: Any) -> ArrayRecord:
    """``numpy.core.numeric._frombuffer``."""
    record = ArrayRecord()
    record.value = array_of(meter, data, kind, shape, "F" if order == "F" else "C")
    return record


def scalar_of(meter: Meter, kind: Any, data: Any = None) -> Any:
    """``numpy.core.multiarray.scalar`` as a plain number."""
    return array_of(meter, data, kind, (), "C").item()


def array_of(meter: Meter, data: Any, kind: Any, shape: Any, order: Any) -> Array:
    """An array over bytes, which stay as they are.

    Raises:
        ValueError: the element type is none of numbers, or shape and number of bytes do not agree.
    """
    if not isinstance(kind, TypeRecord):
        raise ValueError("it has no element type")
    dtype, lengths = kind.dtype(), shape_of(shape)
    if isinstance(data, str):
        meter.take(len(data), "arrays of a pickle")
        data = data.encode("latin1")  # how Python 3 reads what Python 2 wrote
    if not isinstance(data, bytes | bytearray):
        raise ValueError(f"its content is of type {type(data).__name__}, not bytes")
    wanted = math.prod(lengths) * dtype.itemsize
    if len(data) != wanted:
        raise ValueError(f"its shape needs {wanted} bytes and it has {len(data)}")
    return np.frombuffer(data, dtype).reshape(lengths, order=order)


def shape_of(shape: Any) -> tuple[int, ...]:
    """A shape of an array or tensor, checked.

    Raises:
        ValueError: it is none.
        PickleError: it has too many dimensions.
    """
    lengths = tuple(shape) if isinstance(shape, tuple | list) else None
    if lengths is None or not all(type(length) is int and 0 <= length < 1 << 62 for length in lengths):
        raise ValueError("its shape is none")
    check("dimensions of an array", len(lengths), MAX_DIMENSIONS)
    return lengths
