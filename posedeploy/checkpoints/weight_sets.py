"""Find every set of weights in a file: mappings of tensors and whole modules, at any depth."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from posedeploy.checkpoints.joined_weights import Joiner
from posedeploy.checkpoints.pickled_modules import WEIGHTS, children_of, is_module, state_dict_of, string_keys
from posedeploy.checkpoints.prefixes import is_averaged
from posedeploy.limits import MAX_PATH_CHARACTERS
from posedeploy.pickles.values import StandIn

USUAL_KEYS = ("state_dict", "model_state_dict", "network", "model", "net", "weights", "params", "model_state")
"""The keys under which training scripts save the weights, those that the published loaders read first."""
OPTIMIZER_KEYS = {"state", "param_groups"}
MAX_LISTED = 1_000
MAX_NODES = 200_000
MAX_DEPTH = 32
MAX_SETS = 200

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Step:
    """A step on the path from the top of the file: the container at ``key``, its names, and the one
    followed."""

    key: str
    names: Collection[str]
    taken: str
    before: Step | None

    def passed(self) -> Iterator[str]:
        """Yield the other entries of the containers on the path."""
        if self.before is not None:
            yield from self.before.passed()
        yield from (_path(self.key, name) for name in self.names if name != self.taken)


@dataclass(frozen=True, eq=False)
class WeightSet:
    """Tensors by name. ``key`` is their path, such as ``model.state_dict``; "" for the whole file.

    module: the class of the whole module that they were taken out of. strays: what stands among them and is
    no tensor. joined: they lie in several mappings, whose keys became parts of their names.
    """

    key: str
    tensors: Mapping[str, Any]
    way: Step | None = None
    module: str | None = None
    strays: tuple[str, ...] = ()
    joined: bool = False

    @property
    def beside(self) -> tuple[str, ...]:
        """The other entries in this container and on the path to it."""
        return (*(self.way.passed() if self.way else ()), *self.strays)


def find_sets(content: Any) -> list[WeightSet]:
    """Return all sets, first those that the published loaders would choose."""
    found = sorted(_walk(content), key=lambda weights: -len(weights.tensors))[:MAX_SETS]
    return sorted(found, key=_rank)


def _rank(found: WeightSet) -> tuple[bool, bool, int, int]:
    """Plain before averaged, those of one mapping before joined ones, then by depth (joined ones: the deepest
    first) and by how usual the key is; else as they stand in the file."""
    last = found.key.rpartition(".")[2]
    usual = USUAL_KEYS.index(last) if last in USUAL_KEYS else len(USUAL_KEYS)
    depth = found.key.count(".") + bool(found.key)
    return is_averaged(found.key), found.joined, -depth if found.joined else depth, usual


def _walk(content: Any) -> Iterator[WeightSet]:
    nodes: deque[tuple[str, Any, Step | None]] = deque([("", content, None)])
    seen: set[int] = set()
    joiner = Joiner(lambda node: state_dict_of(node) if is_module(node) else _children(node), _is_weight)
    while nodes and len(seen) < MAX_NODES:
        key, node, way = nodes.popleft()
        if id(node) in seen or key.count(".") > MAX_DEPTH:
            continue
        seen.add(id(node))
        if is_module(node):
            if tensors := state_dict_of(node):
                yield WeightSet(key, tensors, way, node.kind)
            continue
        children = _children(node)
        yield from _sets_in(key, node, children, way, joiner)
        nodes.extend(
            (_path(key, name), child, Step(key, children, name, way))
            for name, child in islice(children.items(), MAX_NODES - len(nodes))
            if isinstance(child, dict | list | tuple | StandIn) and len(key) + len(name) < MAX_PATH_CHARACTERS
        )


def _sets_in(
    key: str, node: Any, children: dict[str, Any], way: Step | None, joiner: Joiner
) -> Iterator[WeightSet]:
    tensors = {name: child for name, child in children.items() if _is_weight(child)}
    if tensors:
        strays = tuple(name for name in children if name not in tensors)
        yield WeightSet(key, tensors, way, strays=strays)
    joined = joiner.join(node) if isinstance(node, dict) else {}
    if joined:
        parts = {name.partition(".")[0] for name in joined}
        strays = tuple(name for name in children if name.partition(".")[0] not in parts)
        yield WeightSet(key, joined, way, strays=strays, joined=True)


def _is_weight(value: Any) -> bool:
    return isinstance(value, (*WEIGHTS, torch.Tensor))


def _path(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _children(node: Any) -> dict[str, Any]:
    """Return the named entries of a container; none of an optimizer's state, which has the shapes of
    weights."""
    if isinstance(node, dict):
        return {} if node.keys() >= OPTIMIZER_KEYS else string_keys(node)
    if isinstance(node, StandIn):
        return children_of(node)
    if isinstance(node, list | tuple):
        return _pairs(node) or (
            {str(place): child for place, child in enumerate(node)} if len(node) <= MAX_LISTED else {}
        )
    return {}


def _pairs(node: Sequence[Any]) -> dict[str, Any]:
    """Return the entries of ``list(state_dict.items())``; empty for any other list."""
    if not all(
        isinstance(each, tuple | list) and len(each) == 2 and isinstance(each[0], str) for each in node
    ):
        return {}
    entries = {each[0]: each[1] for each in node}
    return entries if len(entries) == len(node) and all(map(_is_weight, entries.values())) else {}
