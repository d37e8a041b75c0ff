"""A folder as a killed run leaves it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from posedeploy.staging import journal
from posedeploy.staging.journal import NEW, OLD, REDO


def files_in(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.is_file()}


def leave_unfinished(
    folder: Path, new: Mapping[str, str], removed: tuple[str, ...] = (), name: str = REDO
) -> Path:
    """Write the work folder of a run that was killed as soon as its journal was complete."""
    work = folder / ".posedeploy-00000000"
    for part in (NEW, OLD):
        (work / part).mkdir(parents=True)
    for file, text in new.items():
        (work / NEW / file).write_text(text)
    journal.prepare(work, folder, list(new), removed)
    (work / "journal").rename(work / name)
    return work


NEW_SET = {"a": "new a", "b": "new b", "c": "new c"}
