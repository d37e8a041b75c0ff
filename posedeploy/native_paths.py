"""Paths for native libraries, most of which only support UTF-8 file names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

MAX_NEIGHBORS = 1000
"""The maximum number of files in the folder of a model that are linked with it, such as its weights."""


def is_utf8(path: Path) -> bool:
    """Return whether a path is valid UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_usable(name: str, forbidden: str) -> bool:
    return is_utf8(Path(name)) and not set(forbidden).intersection(name)


@contextmanager
def native_path(path: Path, forbidden: str = "") -> Iterator[Path]:
    """Yield the path itself or, if it is not UTF-8 or has a forbidden character, a path through a symbolic
    link that is usable.

    The link is in a temporary folder and leads to the folder of the file, so that files written through it
    are in that folder. If the name of the file is not usable, the link leads to the file, and the other files
    of its folder are linked too: those with the same stem under the stem of the link.

    Raises:
        OSError: a link cannot be created.
    """
    if _is_usable(str(path), forbidden):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="posedeploy-") as folder:
        link = Path(folder, "link")
        if path.is_dir():
            link.symlink_to(path.absolute())
            yield link
        elif _is_usable(path.name, forbidden):
            link.symlink_to(path.absolute().parent)
            yield link / path.name
        else:
            suffix = path.suffix if _is_usable(path.suffix, forbidden) else ""
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
