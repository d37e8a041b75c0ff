"""Handle forks: a forked process does not have the threads of its parent."""

from __future__ import annotations

import ctypes
import os
from typing import Protocol
from weakref import WeakSet

from posedeploy.errors import RunnerStateError


class InheritedObject(Protocol):
    """An object that a forked process inherits."""

    def _leave_to_parent(self) -> bool: ...


_watched: WeakSet[InheritedObject] = WeakSet()
_started: set[str] = set()
_lost: set[str] = set()


def watch(runner: InheritedObject) -> None:
    """Notify a runner in forked processes, as long as it exists."""
    _watched.add(runner)


def start_threads(library: str) -> None:
    """Record that a library starts threads that all its networks in this process share.

    Raises:
        RunnerStateError: the library started them before the process was forked. It would wait forever for
            the missing threads, or end the process.
    """
    if library in _lost:
        raise RunnerStateError(
            f"{library} cannot run in this process: it ran in the parent before the fork, and its threads "
            "belong to the parent; start processes with the multiprocessing method 'spawn'"
        )
    _started.add(library)


def _after_fork() -> None:
    _lost.update(_started)
    for runner in list(_watched):
        if runner._leave_to_parent():
            never_destroy(runner)


def never_destroy(inherited: object) -> None:
    """Keep an object until the process ends, since its destructor would wait for threads of the parent or
    remove files of the parent."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)
