"""Names of files that tell them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from posedeploy.printable import printable


def list_distinct_names(named: Sequence[tuple[Path, str]]) -> list[str]:
    """Return the names of different files, with as many of the folders above as tell equal ones apart.

    The names do not depend on where the folders are, so that they remain if all files move together.
    """
    names = [name for _, name in named]
    parts = [(path.parent.resolve() / path.name).parts for path, _ in named]
    for length in range(2, max(map(len, parts), default=0) + 1):
        counts = Counter(names)
        if len(counts) == len(names):
            break
        for index, name in enumerate(names):
            if counts[name] > 1 and length > name.count("/") + 1:
                names[index] = printable("/".join(parts[index][-length:]))
    return names
