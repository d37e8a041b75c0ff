"""Read files that are replaced as a set, all from one set."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TypeVar

from posedeploy.errors import ArtifactError, ManifestError
from posedeploy.staging.recovery import recover

MAX_READS = 10
Result = TypeVar("Result")


def read_consistently(
    names: Callable[[Path], tuple[Path, ...]],
) -> Callable[[Callable[[Path], Result]], Callable[[Path], Result]]:
    """Decorate a function that reads a file and its sidecars, so that all files belong to one set.

    It recovers leftovers of ended runs first. It repeats a read that fails or returns nothing while another
    run replaces the files.

    Args:
        names: from the first argument of the function, the files that every replacement changes.
    """

    def decorate(function: Callable[[Path], Result]) -> Callable[[Path], Result]:
        @wraps(function)
        def read(path: Path) -> Result:
            for _ in range(MAX_READS):
                # In this order, a replacement that begins after ``recover`` changes the identities.
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
