"""Ways to change a file but not its content, which its hash does not show."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

Change: TypeAlias = Callable[[Path], None]


def replace(path: Path) -> None:
    """Replace a file by another one with the same content."""
    shutil.copy(path, path.with_name("other"))
    path.with_name("other").replace(path)


def rewrite(path: Path) -> None:
    """Write the same bytes to a file again."""
    content = path.read_bytes()
    with path.open("r+b") as stream:
        stream.write(content)


def rewrite_and_reset_time(path: Path) -> None:
    """Write the same bytes to a file again and reset its modification time."""
    status = path.stat()
    rewrite(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def move_and_back(path: Path) -> None:
    """Rename a file and rename it back."""
    path.rename(path.with_name("moved"))
    path.with_name("moved").rename(path)


def link(path: Path) -> None:
    """Rename a file and replace it by a link to it."""
    path.rename(path.with_name("moved"))
    path.symlink_to(path.with_name("moved"))


CHANGES = (replace, rewrite, rewrite_and_reset_time, move_and_back, link)
