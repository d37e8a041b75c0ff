"""Small files that mutation starts from, made by code, most of them by that of the tests."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path


def written(name: str, write: Callable[[Path], object]) -> bytes:
    """Return the bytes of a file that a function writes under this name."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder, name))
        return Path(folder, name).read_bytes()


def all_written(files: Iterable[tuple[str, Callable[[Path], object]]]) -> list[bytes]:
    """Return the bytes of several files, each with the function that writes it."""
    return [written(name, write) for name, write in files]
