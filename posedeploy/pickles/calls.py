"""The table of classes and functions that are reimplemented for pickles. All others become stand-ins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from posedeploy.pickles import arrays, legacy, tensors
from posedeploy.pickles.machine import ITEM_BYTES, PickleMachine
from posedeploy.pickles.values import Global, StandIn

ENCODINGS = {
    "latin1": "latin1", "latin-1": "latin1", "iso-8859-1": "latin1", "utf-8": "utf-8", "utf8": "utf-8",
    "ascii": "ascii",
}  # fmt: skip
"""Python imports a module to look up any other name of an encoding."""


def _without_machine(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda machine, *arguments: function(*arguments)


def _with_meter(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda machine, *arguments: function(machine.meter, *arguments)


def _mapping(machine: PickleMachine, content: Any = ()) -> dict[Any, Any]:
    """Reimplement ``collections.OrderedDict`` and ``Counter`` of a dictionary or pairs."""
    pairs = content.items() if isinstance(content, dict) else content
    machine.meter.reserve(ITEM_BYTES * len(pairs), "items of dictionaries")
    return {machine.to_hashable(key): value for key, value in pairs}


def _default_mapping(machine: PickleMachine, *_: Any) -> dict[Any, Any]:
    """Reimplement ``collections.defaultdict``, whose items are set by later instructions."""
    return {}


def _items(machine: PickleMachine, content: Any) -> list[Any]:
    if not isinstance(content, list | tuple | set | frozenset):
        raise ValueError(f"a {type(content).__name__} instead of a list")
    machine.meter.reserve(ITEM_BYTES * len(content), "elements of sets and lists")
    return list(content)


def _set(machine: PickleMachine, content: Any = ()) -> set[Any]:
    return set(map(machine.to_hashable, _items(machine, content)))


def _frozenset(machine: PickleMachine, content: Any = ()) -> frozenset[Any]:
    return frozenset(map(machine.to_hashable, _items(machine, content)))


def _list(machine: PickleMachine, content: Any = ()) -> list[Any]:
    return _items(machine, content)


def _tuple(machine: PickleMachine, content: Any = ()) -> tuple[Any, ...]:
    return tuple(_items(machine, content))


def _encode(machine: PickleMachine, text: Any, encoding: Any = "latin1") -> bytes:
    """Reimplement ``_codecs.encode``, by which protocols 0 to 2 store bytes."""
    if not isinstance(text, str):
        raise ValueError("the argument is not text")
    if not isinstance(encoding, str) or encoding not in ENCODINGS:
        raise ValueError("an unsupported encoding")
    machine.meter.reserve(4 * len(text), "bytes of a pickle")
    return text.encode(ENCODINGS[encoding])


def _bytes(machine: PickleMachine, content: Any = b"", *encoding: Any) -> bytes:
    """Reimplement ``bytes`` and ``bytearray`` of bytes, text or a list of numbers."""
    if isinstance(content, str):
        return _encode(machine, content, *encoding)
    if isinstance(content, bytes):
        return content
    return bytes(_items(machine, content))


def _number(kind: type[int] | type[float] | type[complex]) -> Callable[..., Any]:
    def create(machine: PickleMachine, *parts: Any) -> Any:
        if not all(isinstance(part, int | float) for part in parts):
            raise ValueError("an argument is not a number")
        return kind(*parts)

    return create


def _reconstruct(machine: PickleMachine, kind: Any, base: Any, content: Any) -> StandIn:
    """Reimplement ``copyreg._reconstructor``, by which protocols 0 and 1 store objects."""
    return StandIn(kind, (content,))


def _rebuild_from_type(machine: PickleMachine, function: Any, kind: Any, arguments: Any, state: Any) -> Any:
    """Reimplement ``torch._tensor._rebuild_from_type_v2`` for tensors of subclasses or with attributes."""
    if not isinstance(function, Global) or function.module not in ("torch._utils", "torch._tensor"):
        raise ValueError("the function does not build tensors")
    if function.name == "_rebuild_from_type_v2":
        raise ValueError("a tensor that contains itself")
    return machine.call(function, arguments)


_UTILS: dict[str, Callable[..., Any]] = {
    "_rebuild_tensor": _with_meter(tensors.rebuild_tensor_v2),
    "_rebuild_tensor_v2": _with_meter(tensors.rebuild_tensor_v2),
    "_rebuild_tensor_v3": _with_meter(tensors.rebuild_tensor_v3),
    "_rebuild_parameter": _without_machine(tensors.return_tensor),
    "_rebuild_parameter_with_state": _without_machine(tensors.return_tensor),
    "_rebuild_device_tensor_from_numpy": _without_machine(tensors.return_tensor),
    "_rebuild_device_tensor_from_cpu_tensor": _without_machine(tensors.return_tensor),
    "_rebuild_qtensor": _without_machine(tensors.rebuild_quantized_tensor),
    "_rebuild_sparse_tensor": _without_machine(tensors.reject_tensor("sparse")),
    "_rebuild_sparse_csr_tensor": _without_machine(tensors.reject_tensor("sparse")),
    "_rebuild_nested_tensor": _without_machine(tensors.reject_tensor("nested")),
    "_rebuild_meta_tensor_no_storage": _without_machine(tensors.reject_tensor("meta (empty)")),
    "_rebuild_wrapper_subclass": _without_machine(tensors.reject_tensor("wrapped")),
}
_NUMPY: dict[tuple[str, str], Callable[..., Any]] = {
    ("multiarray", "_reconstruct"): _without_machine(arrays.create_empty_array),
    ("multiarray", "scalar"): _with_meter(arrays.build_scalar),
    ("numeric", "_frombuffer"): _with_meter(arrays.build_array_from_buffer),
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
    **{("torch._utils", name): function for name, function in _UTILS.items()},
    ("torch._tensor", "_rebuild_from_type_v2"): _rebuild_from_type,
    ("torch.storage", "_load_from_bytes"): legacy.load_from_bytes,
    ("torch", "Size"): _tuple,
    **{
        (f"numpy.{core}.{module}", name): function
        for core in ("core", "_core")
        for (module, name), function in _NUMPY.items()
    },
    ("numpy", "dtype"): _without_machine(arrays.parse_type),
    **{
        (module, name): function
        for module in ("builtins", "__builtin__")
        for name, function in _BUILT_IN.items()
    },
    ("collections", "OrderedDict"): _mapping,
    ("collections", "Counter"): _mapping,
    ("collections", "defaultdict"): _default_mapping,
    ("_codecs", "encode"): _encode,
    ("copyreg", "_reconstructor"): _reconstruct,
    ("copy_reg", "_reconstructor"): _reconstruct,
}
"""Every entry is a function of this package that checks its arguments. No name of a pickle is imported."""
