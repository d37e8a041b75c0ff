"""Read the state dict of a whole module (``torch.save(model)``) from its stand-in, without running code."""

from __future__ import annotations

from typing import Any

from posedeploy.limits import MAX_MODULES, MAX_PATH_CHARACTERS
from posedeploy.pickles.arrays import ArrayRecord
from posedeploy.pickles.tensors import TensorRecord
from posedeploy.pickles.values import StandIn, Unreadable

MAX_DEPTH = 64
MAX_TENSORS = 200_000
WEIGHTS = (TensorRecord, ArrayRecord, Unreadable)


def is_module(value: Any) -> bool:
    """Return whether a value stands in for a ``torch.nn.Module``."""
    return isinstance(value, StandIn) and {"_parameters", "_modules"} <= _attributes(value).keys()


def state_dict_of(module: StandIn) -> dict[str, Any]:
    """Return a module's parameters and persistent buffers by name, with those of its submodules."""
    tensors: dict[str, Any] = {}
    stack = [("", module, 0)]
    for _ in range(MAX_MODULES):
        if not stack or len(tensors) >= MAX_TENSORS:
            break
        prefix, inner, depth = stack.pop()
        _collect(inner, prefix, tensors)
        if depth < MAX_DEPTH:
            entries = _entries(_attributes(inner).get("_modules"))
            stack += [
                (f"{prefix}{name}.", each, depth + 1)
                for name, each in reversed(entries)
                if is_module(each) and len(prefix) + len(name) < MAX_PATH_CHARACTERS
            ]
    return tensors


def _collect(module: StandIn, prefix: str, tensors: dict[str, Any]) -> None:
    attributes = _attributes(module)
    temporary = attributes.get("_non_persistent_buffers_set")
    temporary = temporary if isinstance(temporary, set | list) else set()
    for group in ("_parameters", "_buffers"):
        for name, value in _entries(attributes.get(group)):
            is_persistent = not (group == "_buffers" and name in temporary)
            if isinstance(value, WEIGHTS) and is_persistent and len(name) < MAX_PATH_CHARACTERS:
                tensors[prefix + name] = value


def _attributes(value: StandIn) -> dict[Any, Any]:
    """Return the pickled attributes of an object; a class with slots has them as the first of a pair."""
    state = value.state
    if isinstance(state, tuple) and len(state) == 2:
        state = state[0]
    return state if isinstance(state, dict) else {}


def _entries(group: Any) -> list[tuple[str, Any]]:
    entries = group.mapping if isinstance(group, StandIn) else group
    if not isinstance(entries, dict):
        return []
    return [(name, value) for name, value in entries.items() if isinstance(name, str)]


def children_of(value: StandIn) -> dict[str, Any]:
    """Return an object's attributes and entries by name, and the arguments of its constructor by index."""
    arguments = {str(index): inner for index, inner in enumerate(value.arguments)}
    return arguments | string_keys(_attributes(value)) | string_keys(value.mapping)


def string_keys(entries: dict[Any, Any]) -> dict[str, Any]:
    """Return the entries with text keys, and those with integer keys under their digits unless taken."""
    result: dict[str, Any] = {}
    for key, inner in entries.items():
        if isinstance(key, str):
            result[key] = inner
        elif type(key) is int:
            result.setdefault(str(key), inner)
    return result
