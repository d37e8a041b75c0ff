"""Readers of the files that a killed run leaves in a folder."""

from __future__ import annotations

import tempfile
from pathlib import Path

from posedeploy.staging.file_lock import holder_of
from posedeploy.staging.journal import NEW, OLD, REDO
from posedeploy.staging.recovery import PREFIX, recover

NAMES = ("a.xml", "a.bin")


def lock_record(path: Path) -> None:
    """Read the record of the process that holds or last held a lock."""
    str(holder_of(path))


def journal(path: Path) -> None:
    """Recover a folder from a journal, which must not change files outside the folder."""
    with tempfile.TemporaryDirectory() as outside:
        canary, folder = Path(outside, "canary"), Path(outside, "folder")
        work = folder / f"{PREFIX}0123abcd"
        for part in (NEW, OLD):
            (work / part).mkdir(parents=True)
            for name in NAMES:
                (work / part / name).write_text(part)
        canary.write_text("whole")
        (folder / NAMES[0]).write_text(OLD)
        (work / REDO).write_bytes(path.read_bytes())
        try:
            recover(folder)
        finally:
            assert canary.read_text() == "whole", "the journal changed a file outside the folder"
