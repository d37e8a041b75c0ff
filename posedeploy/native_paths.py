"""Paths for native libraries, most of which take no name of a file that is not UTF-8."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

MAX_NEIGHBORS = 1000
"""Files beside a model that are linked with it; among them are its weights."""


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

    That is a symbolic link in a temporary folder, to the folder of the file, or to the folder that the path
    names: what is written through it arrives there. Where the file's own name is not UTF-8, the link is to
    the file, and the files beside it are linked too: those of the same stem by the stem of the link.

    Raises:
        OSError: a link cannot be made.
    """
    if is_utf8(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="posedeploy-") as folder:
        link = Path(folder, "link")
        if path.is_dir():
            link.symlink_to(path.absolute())
            yield link
        elif is_utf8(Path(path.name)):
            link.symlink_to(path.absolute().parent)
            yield link / path.name
        else:
            suffix = path.suffix if is_utf8(Path(path.suffix)) else ""
            model = Path(folder, f"model{suffix}")
            model.symlink_to(path.absolute())
            _link_neighbors(path, model)
            yield model


def _link_neighbors(path: Path, model: Path) -> None:
    for other in islice(path.absolute().parent.iterdir(), MAX_NEIGHBORS):
        name = other.name
        if name.startswith(path.stem + "."):
            name = model.stem + name.removeprefix(path.stem)
        if is_utf8(Path(name)) and not (model.parent / name).is_symlink():
            (model.parent / name).symlink_to(other)
