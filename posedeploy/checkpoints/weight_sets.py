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

COMMON_KEYS = (
    "state_dict", "model_state_dict", "network", "model", "net", "weights", "params", "model_state",
)  # fmt: skip
"""Keys under which training scripts save weights; those that the published loaders read come first."""
OPTIMIZER_KEYS = {"state", "param_groups"}
MAX_LISTED = 1_000
MAX_NODES = 200_000
MAX_DEPTH = 32
MAX_SETS = 200

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Step:
    """A step on the path from the top of the file: the container at ``key``, its names, the name taken."""

    key: str
    names: Collection[str]
    taken: str
    before: Step | None

    def other_keys(self) -> Iterator[str]:
        """Yield the paths of the other entries of the containers on the path."""
        if self.before is not None:
            yield from self.before.other_keys()
        yield from (_path(self.key, name) for name in self.names if name != self.taken)


@dataclass(frozen=True, eq=False)
class WeightSet:
    """Tensors by name. ``key`` is their path, such as ``model.state_dict``; "" for the whole file.

    module: the class of the whole module that held them. non_tensors: the other entries of their container.
    joined: whether they are from several mappings, whose keys became parts of their names.
    """

    key: str
    tensors: Mapping[str, Any]
    last_step: Step | None = None
    module: str | None = None
    non_tensors: tuple[str, ...] = ()
    joined: bool = False

    @property
    def other_keys(self) -> tuple[str, ...]:
        """The other entries in this container and on the path to it."""
        return (*(self.last_step.other_keys() if self.last_step else ()), *self.non_tensors)


def find_sets(content: Any) -> list[WeightSet]:
    """Return all sets, first those that the published loaders would choose."""
    largest = sorted(_walk(content), key=lambda weights: -len(weights.tensors))[:MAX_SETS]
    return sorted(largest, key=_rank)


def _rank(weights: WeightSet) -> tuple[bool, bool, int, int]:
    """Return the sort key: plain before averaged, one mapping before joined ones, then the shallowest (of
    joined ones the deepest) and the most common key; otherwise the order of the file."""
    key = weights.key.rpartition(".")[2]
    place = COMMON_KEYS.index(key) if key in COMMON_KEYS else len(COMMON_KEYS)
    depth = weights.key.count(".") + bool(weights.key)
    return is_averaged(weights.key), weights.joined, -depth if weights.joined else depth, place


def _walk(content: Any) -> Iterator[WeightSet]:
    nodes: deque[tuple[str, Any, Step | None]] = deque([("", content, None)])
    seen: set[int] = set()
    joiner = Joiner(lambda node: state_dict_of(node) if is_module(node) else _children(node), _is_weight)
    while nodes and len(seen) < MAX_NODES:
        key, node, last_step = nodes.popleft()
        if id(node) in seen or key.count(".") > MAX_DEPTH:
            continue
        seen.add(id(node))
        if is_module(node):
            if tensors := state_dict_of(node):
                yield WeightSet(key, tensors, last_step, node.kind)
            continue
        children = _children(node)
        yield from _sets_in(key, node, children, last_step, joiner)
        nodes.extend(
            (_path(key, name), child, Step(key, children, name, last_step))
            for name, child in islice(children.items(), MAX_NODES - len(nodes))
            if isinstance(child, dict | list | tuple | StandIn) and len(key) + len(name) < MAX_PATH_CHARACTERS
        )


def _sets_in(
    key: str, node: Any, children: dict[str, Any], last_step: Step | None, joiner: Joiner
) -> Iterator[WeightSet]:
    tensors = {name: child for name, child in children.items() if _is_weight(child)}
    if tensors:
        non_tensors = tuple(name for name in children if name not in tensors)
        yield WeightSet(key, tensors, last_step, non_tensors=non_tensors)
    joined = joiner.join(node) if isinstance(node, dict) else {}
    if joined:
        parts = {name.partition(".")[0] for name in joined}
        non_tensors = tuple(name for name in children if name.partition(".")[0] not in parts)
        yield WeightSet(key, joined, last_step, non_tensors=non_tensors, joined=True)


def _is_weight(value: Any) -> bool:
    return isinstance(value, (*WEIGHTS, torch.Tensor))


def _path(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _children(node: Any) -> dict[str, Any]:
    """Return the named entries of a container; none for an optimizer's state, whose shapes equal those of
    the weights."""
    if isinstance(node, dict):
        return {} if node.keys() >= OPTIMIZER_KEYS else string_keys(node)
    if isinstance(node, StandIn):
        return children_of(node)
    if isinstance(node, list | tuple):
        return _pairs(node) or (
            {str(index): child for index, child in enumerate(node)} if len(node) <= MAX_LISTED else {}
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
