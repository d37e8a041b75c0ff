"""The classes and functions that have a meaning in a pickle, as one table. All others become stand-ins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from posedeploy.pickles import arrays, legacy, tensors
from posedeploy.pickles.machine import ENTRY_BYTES, Machine
from posedeploy.pickles.values import Global, StandIn

ENCODINGS = {
    "latin1": "latin1", "latin-1": "latin1", "iso-8859-1": "latin1", "utf-8": "utf-8", "utf8": "utf-8",
    "ascii": "ascii",
}  # fmt: skip
"""Any other name would be looked up, and imported, as a module of Python's codecs."""


def _on(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the arguments alone."""
    return lambda machine, *arguments: function(*arguments)


def _metered(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda machine, *arguments: function(machine.meter, *arguments)


def _mapping(machine: Machine, content: Any = ()) -> dict[Any, Any]:
    """``collections.OrderedDict`` and ``Counter``: from a dictionary, or from pairs."""
    pairs = content.items() if isinstance(content, dict) else content
    machine.meter.take(ENTRY_BYTES * len(pairs), "entries of dictionaries")
    return {machine.hashable(key): value for key, value in pairs}


def _default_mapping(machine: Machine, *_: Any) -> dict[Any, Any]:
    """``collections.defaultdict``, whose entries are set afterwards."""
    return {}


def _items(machine: Machine, content: Any) -> list[Any]:
    if not isinstance(content, list | tuple | set | frozenset):
        raise ValueError(f"a {type(content).__name__} in the place of a list")
    machine.meter.take(ENTRY_BYTES * len(content), "elements of sets and lists")
    return list(content)


def _set(machine: Machine, content: Any = ()) -> set[Any]:
    return set(map(machine.hashable, _items(machine, content)))


def _frozenset(machine: Machine, content: Any = ()) -> frozenset[Any]:
    return frozenset(map(machine.hashable, _items(machine, content)))


def _list(machine: Machine, content: Any = ()) -> list[Any]:
    return _items(machine, content)


def _tuple(machine: Machine, content: Any = ()) -> tuple[Any, ...]:
    return tuple(_items(machine, content))


def _encoded(machine: Machine, text: Any, encoding: Any = "latin1") -> bytes:
    """``_codecs.encode``: how protocols 0 to 2 have bytes."""
    if not isinstance(text, str):
        raise ValueError("not text")
    if not isinstance(encoding, str) or encoding not in ENCODINGS:
        raise ValueError("an encoding that is not read")
    machine.meter.take(4 * len(text), "bytes of a pickle")
    return text.encode(ENCODINGS[encoding])


def _bytes(machine: Machine, content: Any = b"", *encoding: Any) -> bytes:
    """``bytes`` and ``bytearray``; Python's own pickles have them of bytes, text, or a list of numbers."""
    if isinstance(content, str):
        return _encoded(machine, content, *encoding)
    if isinstance(content, bytes):
        return content
    return bytes(_items(machine, content))


def _number(kind: type[int] | type[float] | type[complex]) -> Callable[..., Any]:
    def give(machine: Machine, *parts: Any) -> Any:
        if not all(isinstance(part, int | float) for part in parts):
            raise ValueError("not of numbers")
        return kind(*parts)

    return give


def _object(machine: Machine, kind: Any, base: Any, content: Any) -> StandIn:
    """``copyreg._reconstructor``: an object of a class, as protocols 0 and 1 have it."""
    return StandIn(kind, (content,))


def _of_subclass(machine: Machine, function: Any, kind: Any, arguments: Any, state: Any) -> Any:
    """``torch._tensor._rebuild_from_type_v2``: a tensor of a class of its own, or with attributes."""
    if not isinstance(function, Global) or function.module not in ("torch._utils", "torch._tensor"):
        raise ValueError("not of a function that makes tensors")
    if function.name == "_rebuild_from_type_v2":
        raise ValueError("a tensor inside of itself")
    return machine.call(function, arguments)


_UTILS: dict[str, Callable[..., Any]] = {
    "_rebuild_tensor": _metered(tensors.tensor_v2),
    "_rebuild_tensor_v2": _metered(tensors.tensor_v2),
    "_rebuild_tensor_v3": _metered(tensors.tensor_v3),
    "_rebuild_parameter": _on(tensors.same_tensor),
    "_rebuild_parameter_with_state": _on(tensors.same_tensor),
    "_rebuild_device_tensor_from_numpy": _on(tensors.same_tensor),
    "_rebuild_device_tensor_from_cpu_tensor": _on(tensors.same_tensor),
    "_rebuild_qtensor": _on(tensors.quantized_tensor),
    "_rebuild_sparse_tensor": _on(tensors.unreadable_tensor("sparse")),
    "_rebuild_sparse_csr_tensor": _on(tensors.unreadable_tensor("sparse")),
    "_rebuild_nested_tensor": _on(tensors.unreadable_tensor("nested")),
    "_rebuild_meta_tensor_no_storage": _on(tensors.unreadable_tensor("meta (empty)")),
    "_rebuild_wrapper_subclass": _on(tensors.unreadable_tensor("wrapped")),
}
_NUMPY: dict[tuple[str, str], Callable[..., Any]] = {
    ("multiarray", "_reconstruct"): _on(arrays.empty_array),
    ("multiarray", "scalar"): _metered(arrays.scalar_of),
    ("numeric", "_frombuffer"): _metered(arrays.array_from_buffer),
}
_BUILT_IN: dict[str, Callable[..., Any]] = {
    "set": _set,
    "frozenset": _frozenset,
    "list": _list,
    "tuple": _tuple,
    "dict": _mapping,
    "bytes": _bytes,
    "bytearray": _bytes,
    "int": _number(int),
    "float": _number(float),
    "complex": _number(complex),
}
CALLS: dict[tuple[str, str], Callable[..., Any]] = {
    **{("torch._utils", name): meaning for name, meaning in _UTILS.items()},
    ("torch._tensor", "_rebuild_from_type_v2"): _of_subclass,
    ("torch.storage", "_load_from_bytes"): legacy.storage_in_bytes,
    ("torch", "Size"): _tuple,
    **{
        (f"numpy.{core}.{module}", name): meaning
        for core in ("core", "_core")
        for (module, name), meaning in _NUMPY.items()
    },
    ("numpy", "dtype"): _on(arrays.type_of),
    **{
        (module, name): meaning
        for module in ("builtins", "__builtin__")
        for name, meaning in _BUILT_IN.items()
    },
    ("collections", "OrderedDict"): _mapping,
    ("collections", "Counter"): _mapping,
    ("collections", "defaultdict"): _default_mapping,
    ("_codecs", "encode"): _encoded,
    ("copyreg", "_reconstructor"): _object,
    ("copy_reg", "_reconstructor"): _object,
}
"""Every meaning is a function of this package over values that it checks; no name is looked up anywhere."""
