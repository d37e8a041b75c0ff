"""Join several mappings, such as one for each part of a network, to one set of weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from posedeploy.checkpoints.prefixes import is_averaged
from posedeploy.limits import MAX_PATH_CHARACTERS

MAX_JOINED = 2_000_000
"""Entries visited in total; real files have a few thousand."""
MAX_PARTS = 32

Children = Callable[[Any], dict[str, Any]]
"""The named entries of a container or a module; empty for any other value."""


class Joiner:
    """A flattener of nested mappings; ``children`` and ``is_weight`` define mappings and tensors."""

    def __init__(self, children: Children, is_weight: Callable[[Any], bool]) -> None:
        self._children = children
        self._is_weight = is_weight
        self._visited = 0

    def join(self, node: Any) -> dict[str, Any]:
        """Return the tensors in ``node`` by their path; empty unless two or more mappings hold some.

        Averaged weights are left out if plain weights are in the same mapping.
        """
        joined: dict[str, Any] = {}
        holders = set()
        for holder, name, tensor in self._tensors(node):
            holders.add(holder)
            joined.setdefault(name, tensor)
        return joined if len(holders) > 1 else {}

    def _tensors(self, node: Any) -> Iterator[tuple[int, str, Any]]:
        """Yield each tensor with the identity of its mapping; no recursion, each mapping once."""
        nodes: list[tuple[str, Any, int]] = [("", node, 0)]
        seen: set[int] = set()
        while nodes and self._visited < MAX_JOINED:
            prefix, holder, depth = nodes.pop()
            if id(holder) in seen or depth > MAX_PARTS:
                continue
            seen.add(id(holder))
            children = self._parts(holder)
            self._visited += len(children)
            for name, child in children.items():
                if self._is_weight(child) and len(name) < MAX_PATH_CHARACTERS:
                    yield id(holder), prefix + name, child
            nodes.extend(
                (f"{prefix}{name}.", child, depth + 1)
                for name, child in reversed(children.items())
                if not self._is_weight(child) and len(prefix) + len(name) < MAX_PATH_CHARACTERS
            )

    def _parts(self, holder: Any) -> dict[str, Any]:
        children = self._children(holder)
        plain = {name: child for name, child in children.items() if not is_averaged(name)}
        return plain or children
