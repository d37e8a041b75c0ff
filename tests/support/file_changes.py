"""Ways in which a file can change without its content, which the hash of its content does not show."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

Change: TypeAlias = Callable[[Path], None]


def replace(path: Path) -> None:
    """Put another file with the same content in its place."""
    shutil.copy(path, path.with_name("other"))
    path.with_name("other").replace(path)


def rewrite(path: Path) -> None:
    """Write the same bytes into the file again."""
    content = path.read_bytes()
    with path.open("r+b") as stream:
        stream.write(content)


def rewrite_and_reset_time(path: Path) -> None:
    """Write into the file, and set the time of its last change back."""
    status = path.stat()
    rewrite(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def move_and_back(path: Path) -> None:
    """Move the file away, as if for another, and back again."""
    path.rename(path.with_name("moved"))
    path.with_name("moved").rename(path)


def link(path: Path) -> None:
    """Put a link to the very same file in its place."""
    path.rename(path.with_name("moved"))
    path.symlink_to(path.with_name("moved"))


CHANGES = (replace, rewrite, rewrite_and_reset_time, move_and_back, link)
