"""Reading of files that are replaced as a set: what is read is of one set."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TypeVar

from posedeploy.errors import ArtifactError, ManifestError
from posedeploy.staging.recovery import recover

MAX_READINGS = 10
Result = TypeVar("Result")


def reads_one_set(
    names: Callable[[Path], tuple[Path, ...]],
) -> Callable[[Callable[[Path], Result]], Callable[[Path], Result]]:
    """Let a function that reads a file and those that belong to it see files of one set.

    What an ended run left is recovered first. A reading that fails or finds nothing while another run
    replaces the files is repeated.

    Args:
        names: which of the files a replacing always changes, by the first argument of the function.
    """

    def decorate(function: Callable[[Path], Result]) -> Callable[[Path], Result]:
        @wraps(function)
        def read(path: Path) -> Result:
            for _ in range(MAX_READINGS):
                # In this order, a replacing that begins later than ``recover`` ends shows in the identities.
                before = _identities(names(path))
                recover(path.parent)
                try:
                    result = function(path)
                except (ArtifactError, ManifestError):
                    recover(path.parent)
                    if _identities(names(path)) == before:
                        raise
                else:
                    if result or _identities(names(path)) == before:
                        return result
            return function(path)

        return read

    return decorate


def _identities(paths: tuple[Path, ...]) -> list[tuple[int, ...]]:
    return [_identity(path) for path in paths]


def _identity(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns
