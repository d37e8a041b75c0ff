"""The files of the result of a search, which replace those of its earlier result and no others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from posedeploy import files
from posedeploy.errors import OutputError
from posedeploy.printable import printable

JSON_NAME, PLOT_NAME, PARITY_NAME = "tune.json", "tune.svg", "parity.json"


def check_replaced(folder: Path, models: Iterable[str], outputs: Mapping[str, str]) -> None:
    """Check that no file of the user would be replaced by the result of a search.

    Args:
        models: the names that its model file may have.
        outputs: the SHA-256 of each file of the last result, by printable name.

    Raises:
        OutputError: a file of such a name exists, and is not one of ``outputs`` or was changed since.
    """
    names = {*models, JSON_NAME, PLOT_NAME, PARITY_NAME}
    for path in (folder / name for name in sorted(names)):
        if path.exists() and not _is_unchanged(path, outputs):
            raise OutputError(
                f"{path}: this search did not write this file, but its result could replace it; pass another "
                "folder, or move the file"
            )


def list_unchanged(folder: Path, outputs: Mapping[str, str]) -> set[str]:
    """Return the names of the files of the last result that were not changed since."""
    return {path.name for path in folder.iterdir() if _is_unchanged(path, outputs)}


def hash_outputs(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a folder, by printable name."""
    return {printable(path.name): files.sha256(path) for path in sorted(folder.iterdir())}


def _is_unchanged(path: Path, outputs: Mapping[str, str]) -> bool:
    recorded = outputs.get(printable(path.name))
    return recorded is not None and path.is_file() and files.sha256(path) == recorded
