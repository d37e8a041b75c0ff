"""A pickle is read for its arrays: what it asks for beside them is refused, or stands empty where it is
known."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array

_DAMAGE = (
    pickle.UnpicklingError, EOFError, ValueError, LookupError, AttributeError, TypeError, ImportError,
    ArithmeticError, MemoryError, RecursionError,
)  # fmt: skip
"""What bytes that are no pickle, or half of one, lead to."""


class Ignored:
    """In the place of an object of another library: it takes whatever it is given and keeps nothing."""

    def __new__(cls, *arguments: object, **named: object) -> Ignored:
        return super().__new__(cls)

    def __init__(self, *arguments: object, **named: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, value: object) -> None:
        """For an object that is a list."""


class _Refused(Exception):
    """The pickle asks for something that is neither an array nor known to be harmless to leave out."""


def load_arrays(path: Path) -> Any:
    """What a pickle of arrays, numbers, text, lists and dictionaries holds, with ``Ignored`` in the place of
    the sparse matrices and chumpy arrays that SMPL's and MANO's files hold too.

    Raises:
        InputError: the pickle would run code, or is damaged.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            return _Unpickler(file, encoding="latin1").load()
        except _Refused as error:
            raise InputError(
                f"--mesh {path}: refused, since reading it would run code: it wants {error}. Save the "
                "triangles alone, numpy.save(path, faces), in a program that you trust"
            ) from error
        except _DAMAGE as error:
            raise InputError(f"--mesh {path}: damaged, or not a pickle; copy it again") from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        known = _ARRAYS.get((module.replace("numpy._core.", "numpy.core."), name))
        if known is not None:
            return known
        if module.partition(".")[0] in ("scipy", "chumpy"):
            return Ignored
        raise _Refused(f"{module}.{name}")


def _empty_array(kind: object, shape: object, dtype: object) -> Array:
    """An array that ``__setstate__`` then fills; what it is to be first has no say."""
    return np.ndarray((0,), np.int8)


def _filled_array(data: Any, dtype: Any, shape: Any, order: Any) -> Array:
    return np.frombuffer(data, dtype).reshape(shape, order=order)


def _number(dtype: Any, data: Any = None) -> Any:
    if not isinstance(dtype, np.dtype) or dtype.hasobject or not isinstance(data, bytes | str):
        raise pickle.UnpicklingError("not a number")
    return np.frombuffer(data if isinstance(data, bytes) else data.encode("latin1"), dtype)[0]


def _bytes(text: str, encoding: str = "latin1") -> bytes:
    return text.encode("latin1")


def _object(kind: object, base: object, state: object) -> Ignored:
    return Ignored()


_ARRAYS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy.core.numeric", "_frombuffer"): _filled_array,
    ("numpy.core.multiarray", "scalar"): _number,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _bytes,
    ("copy_reg", "_reconstructor"): _object,
    ("copyreg", "_reconstructor"): _object,
    ("__builtin__", "object"): Ignored,
    ("builtins", "object"): Ignored,
    ("__builtin__", "set"): set,  # every chumpy array keeps one, and SMPL's files are of protocol 2
    ("builtins", "set"): set,
    ("__builtin__", "frozenset"): frozenset,
    ("builtins", "frozenset"): frozenset,
}
"""All that is ever called: these make arrays, numbers, bytes and sets, and nothing else."""
