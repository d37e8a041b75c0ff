"""Names of files that tell them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from posedeploy.printable import printable


def list_distinct_names(named: Sequence[tuple[Path, str]]) -> list[str]:
    """Return the names of different files, with as many of the folders above as tell equal ones apart.

    Folders above all files are in no name, so that the names remain if all files move together.
    """
    names = [name for _, name in named]
    folders = [path.parent.resolve() for path, _ in named]
    shared = _count_shared(folders)
    parts = [(folder / path.name).parts[shared:] for (path, _), folder in zip(named, folders, strict=True)]
    for length in range(2, max(map(len, parts), default=0) + 1):
        counts = Counter(names)
        if len(counts) == len(names):
            break
        for index, name in enumerate(names):
            if counts[name] > 1 and length > name.count("/") + 1:
                names[index] = printable("/".join(parts[index][-length:]))
    return names


def _count_shared(folders: Sequence[Path]) -> int:
    """Return the number of folders at the start of all paths."""
    levels = zip(*(folder.parts for folder in folders), strict=False)
    return sum(1 for _ in takewhile(lambda level: len(set(level)) == 1, levels))
