"""Count the operations of a run on files, act at one of them, and fork for each run."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CHANGES = (
    "open", "mkdir", "rename", "replace", "link", "symlink", "unlink", "remove", "rmdir", "write",
    "ftruncate", "fsync", "close",
)  # fmt: skip
READS = ("stat", "lstat", "scandir")


class Count:
    """Counts operations, and calls ``act`` at one of them, or with ``lasting`` also at all later changes."""

    def __init__(self, at: int, act: Callable[[str, tuple[Any, ...]], None], lasting: bool = False) -> None:
        self.done = 0
        self.names: list[str] = []
        self._at, self._act, self._lasting = at, act, lasting

    def wrap(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Return a function that counts its calls."""

        def counted(*arguments: Any, **options: Any) -> Any:
            self.done += 1
            self.names.append(name)
            if self.done == self._at or (self._lasting and self.done > self._at and name in CHANGES):
                if name == "close":  # the system closes the descriptor even if it reports an error
                    function(*arguments)
                self._act(name, arguments)
                if name == "close":
                    return None
            return function(*arguments, **options)

        return counted

    @contextlib.contextmanager
    def counting(self, names: tuple[str, ...]) -> Iterator[None]:
        """Count calls of these functions of ``os``, and of ``flock``."""
        functions = {name: getattr(os, name) for name in names}
        flock = fcntl.flock
        try:
            for name, function in functions.items():
                setattr(os, name, self.wrap(function, name))
            fcntl.flock = self.wrap(flock, "flock")  # type: ignore[assignment]
            yield
        finally:
            for name, function in functions.items():
                setattr(os, name, function)
            fcntl.flock = flock


def run_forked(work: Callable[[], None], output: Path) -> int:
    """Run a function in a child; return its exit status, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        stream = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(stream, 2)
        status = 70
        try:
            work()
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
        except BaseException as error:
            os.write(2, f"Traceback: {type(error).__name__}: {error}".encode())
        finally:
            os._exit(status)
    _, waited = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(waited)
