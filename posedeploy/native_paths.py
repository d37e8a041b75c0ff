"""Paths for native libraries, most of which take no name of a file that is not UTF-8."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def is_utf8(path: Path) -> bool:
    """Return whether a path can be given to a native library as it is."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def native_path(path: Path) -> Iterator[Path]:
    """Give the path, or another spelling of it that is UTF-8, for as long as the block lasts.

    That is a symbolic link in a temporary folder. A file's sidecar files, of the same stem, are linked there
    too; what is written through the link of a folder arrives in that folder.

    Raises:
        OSError: a link cannot be made.
    """
    if is_utf8(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="posedeploy-") as folder:
        safe = Path(folder, f"model{path.suffix}" if is_utf8(Path(path.suffix)) else "model")
        safe.symlink_to(path.absolute())
        for sidecar in [] if path.is_dir() else _sidecars(path):
            link = safe.with_name(safe.stem + sidecar.name.removeprefix(path.stem))
            if is_utf8(link):
                link.symlink_to(sidecar.absolute())
        yield safe


def _sidecars(path: Path) -> Iterator[Path]:
    """Files beside this one whose names go on from its stem with a dot, such as the weights of an IR."""
    for other in path.parent.iterdir():
        if other.name.startswith(path.stem + ".") and other.name != path.name:
            yield other
