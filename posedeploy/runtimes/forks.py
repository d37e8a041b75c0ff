"""What becomes of runners when the process is forked: a forked process has none of its parent's threads."""

from __future__ import annotations

import ctypes
import os
from typing import Protocol
from weakref import WeakSet

from posedeploy.errors import RunnerStateError


class Inherited(Protocol):
    """What a forked process finds."""

    def _leave_to_parent(self) -> bool: ...


_watched: WeakSet[Inherited] = WeakSet()
_started: set[str] = set()
_lost: set[str] = set()


def watch(runner: Inherited) -> None:
    """Tell this runner, while it lives, when it finds itself in a forked process."""
    _watched.add(runner)


def start_threads(library: str) -> None:
    """Note that a library starts threads that all its networks in this process share.

    Raises:
        RunnerStateError: it started them before the process was forked, so that they are missing here: the
            library would wait for them for ever, or end the process.
    """
    if library in _lost:
        raise RunnerStateError(
            f"{library} cannot run in this process: it ran in the parent before the fork, and its threads "
            "stayed there; start processes by the multiprocessing method 'spawn'"
        )
    _started.add(library)


def _after_fork() -> None:
    _lost.update(_started)
    for runner in list(_watched):
        if runner._leave_to_parent():
            never_destroy(runner)


def never_destroy(inherited: object) -> None:
    """Keep this until the process ends: its destructor would wait for threads that are not in this process,
    or remove files of the parent's."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)
