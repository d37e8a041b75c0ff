"""List the names that a set of weights can have, with and without the prefixes of wrappers."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

AVERAGED = re.compile(r"(^|[._\-])(ema|swa|avg|averaged?|shadow|teacher|momentum)([._\-]|$)", re.IGNORECASE)
"""Names of weights averaged over the training, which no published loader reads."""
WRAPPERS = ("module", "_orig_mod", "_fsdp_wrapped_module", "_forward_module", "_checkpoint_wrapped_module")
"""Names that DataParallel, torch.compile, FSDP, Lightning and activation checkpointing insert anywhere in a
path; no network has parts with these names."""
MAX_VIEWS = 200
MAX_PREFIX_PARTS = 8


@dataclass(frozen=True)
class NameView:
    """New names for tensors, each with its old name.

    prefix: the common prefix that was removed. unwrapped: the wrappers that were removed. left_out: the old
    names with another prefix.
    """

    names: dict[str, str]
    prefix: str = ""
    unwrapped: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def is_averaged(key: str) -> bool:
    """Return whether a key or prefix names weights averaged over the training."""
    return AVERAGED.search(key) is not None


def views(names: Sequence[str]) -> Iterator[NameView]:
    """Yield the names with and without their common prefix, then those without wrappers in the middle, then
    those under one prefix only. If names contain ``/``, the views with ``.`` in its place come first."""
    plain = NameView({name: name for name in names})
    dotted = {name.replace("/", "."): name for name in names}
    if len(dotted) == len(plain.names) and dotted != plain.names:
        yield from _views(NameView(dotted))
    yield from _views(plain)


def _views(plain: NameView) -> Iterator[NameView]:
    bare = _without_wrappers(plain.names)
    yield from _strip_common(plain)
    if bare is not None:
        yield from _strip_common(bare)
    nodes = deque(_split_by_prefix(bare or plain))
    for _ in range(MAX_VIEWS):
        if not nodes:
            return
        view = nodes.popleft()
        yield view
        if view.prefix.count(".") < MAX_PREFIX_PARTS:
            nodes.extend(_split_by_prefix(view))


def _strip_common(view: NameView) -> Iterator[NameView]:
    """Yield the view, then without the first part of the names as long as all share it; names of one part,
    such as the counters of averaging, do not count."""
    while True:
        yield view
        groups = _split_by_prefix(view)
        if len(groups) != 1 or view.prefix.count(".") >= MAX_PREFIX_PARTS:
            return
        view = groups[0]


def _without_wrappers(names: dict[str, str]) -> NameView | None:
    """Return the names without wrappers; None if they have none, or if two would become the same."""
    bare: dict[str, str] = {}
    for name, old in names.items():
        parts = name.split(".")
        bare[".".join(part for part in parts if part not in WRAPPERS)] = old
    unwrapped = tuple(wrapper for wrapper in WRAPPERS if any(wrapper in name.split(".") for name in names))
    if not unwrapped or len(bare) < len(names):
        return None
    return NameView(bare, unwrapped=unwrapped)


def without_common_wrappers(names: Sequence[str]) -> NameView:
    """Return the names without the wrappers that all of them start with."""
    view = NameView({name: name for name in names})
    while len(groups := _split_by_prefix(view)) == 1:
        if groups[0].left_out or groups[0].prefix.split(".")[-2] not in WRAPPERS:
            break
        view = groups[0]
    return view


def _split_by_prefix(view: NameView) -> list[NameView]:
    """Return a view for each first part of the names, without that part: plain before averaged weights, then
    larger before smaller groups."""
    groups: dict[str, dict[str, str]] = {}
    for name, old in view.names.items():
        first, dot, rest = name.partition(".")
        if dot:
            groups.setdefault(first, {})[rest] = old
    ordered = sorted(groups.items(), key=lambda group: (is_averaged(group[0]), -len(group[1])))
    return [_group(view, first, inner) for first, inner in ordered[:MAX_VIEWS]]


def _group(view: NameView, first: str, names: dict[str, str]) -> NameView:
    kept = set(names.values())
    left_out = tuple(old for old in view.names.values() if old not in kept)
    return NameView(names, f"{view.prefix}{first}.", view.unwrapped, view.left_out + left_out)
