"""The state dict of a whole module (``torch.save(model)``), out of what stands in for it: no code is run."""

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
    """Whether it stands in for a ``torch.nn.Module``."""
    return isinstance(value, StandIn) and {"_parameters", "_modules"} <= _attributes(value).keys()


def state_dict_of(module: StandIn) -> dict[str, Any]:
    """Its parameters and persistent buffers by name, and those of the modules in it."""
    found: dict[str, Any] = {}
    left = [("", module, 0)]
    for _ in range(MAX_MODULES):
        if not left or len(found) >= MAX_TENSORS:
            break
        prefix, inner, depth = left.pop()
        _collect(inner, prefix, found)
        if depth < MAX_DEPTH:
            entries = _entries(_attributes(inner).get("_modules"))
            left += [
                (f"{prefix}{name}.", each, depth + 1)
                for name, each in reversed(entries)
                if is_module(each) and len(prefix) + len(name) < MAX_PATH_CHARACTERS
            ]
    return found


def _collect(module: StandIn, prefix: str, found: dict[str, Any]) -> None:
    attributes = _attributes(module)
    passing = attributes.get("_non_persistent_buffers_set")
    passing = passing if isinstance(passing, set | list) else set()
    for group in ("_parameters", "_buffers"):
        for name, value in _entries(attributes.get(group)):
            is_persistent = not (group == "_buffers" and name in passing)
            if isinstance(value, WEIGHTS) and is_persistent and len(name) < MAX_PATH_CHARACTERS:
                found[prefix + name] = value


def _attributes(value: StandIn) -> dict[Any, Any]:
    """The attributes that it was to be restored with; with slots, they are the first of a pair."""
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
    """What an object of another class holds, by name; by place what it was made of, as for a named tuple."""
    made_of = {str(place): inner for place, inner in enumerate(value.arguments)}
    return made_of | string_keys(_attributes(value)) | string_keys(value.mapping)


def string_keys(entries: dict[Any, Any]) -> dict[str, Any]:
    """The entries by string; those of whole numbers by their digits where no string is the same."""
    found: dict[str, Any] = {}
    for key, inner in entries.items():
        if isinstance(key, str):
            found[key] = inner
        elif type(key) is int:
            found.setdefault(str(key), inner)
    return found
