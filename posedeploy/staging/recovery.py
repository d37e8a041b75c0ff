"""What killed runs left in a folder: a replacing is finished or undone, and work folders are deleted."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from posedeploy.errors import OutputError
from posedeploy.staging.deferred_signals import deferred_signals
from posedeploy.staging.file_lock import POLL_S, WAIT_S, holder_of, is_held, reason, wait_for_lock
from posedeploy.staging.journal import (
    REDO,
    UNDO,
    Journal,
    check_parts,
    exists,
    read_journal,
    roll_back,
    roll_forward,
)

PREFIX = ".posedeploy-"
FOLDER_LOCK, WORK_LOCK = f"{PREFIX}lock", "lock"
"""The first is held while work folders are made, swept or put in place, for milliseconds; the second, in a
work folder, as long as its run needs it."""
REPLACING = "replacing files here"
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


def recover(folder: Path) -> None:
    """Finish or undo what ended runs were doing in a folder, and wait for what a live one does right now.

    Call it before files of a set are read: they then are of one set. Without leftovers it only lists the
    folder.

    Raises:
        OutputError: a run was killed while it replaced files and this user may not write here, or a live one
            does not end.
    """
    try:
        if not any(_leftovers(folder)):
            return
        with wait_for_lock(folder / FOLDER_LOCK, REPLACING):
            sweep(folder)
    except OSError as error:
        if error.errno not in _NOT_ALLOWED:
            raise OutputError(
                f"{folder}: what an ended run left cannot be cleared ({reason(error)})"
            ) from error
        _wait_as_reader(folder)


def sweep(folder: Path) -> None:
    """Recover and delete the work folders of ended runs; the caller holds the folder's lock.

    Raises:
        OutputError: a set can be neither completed nor put back.
    """
    for work in _work_folders(folder):
        if _may_touch(work, folder) and not _is_live(work):
            if is_pending(work):
                with deferred_signals():
                    _carry_out_left(work, folder)
            delete(work)


def delete(work: Path) -> None:
    """Delete a work folder as far as that can be done; the next run deletes what is left."""
    with deferred_signals(), suppress(OSError):
        shutil.rmtree(work, ignore_errors=True)


def is_pending(work: Path) -> bool:
    """Whether the journal of a work folder has not been carried out to its end."""
    return exists(work / REDO) or exists(work / UNDO)


def carry_out(work: Path, folder: Path, journal: Journal, *, checked: bool) -> OSError | None:
    """Put the new set of a journal in place or, where that fails, the old one.

    Returns:
        Why the old set was put back; None where the new one is in place.

    Raises:
        OSError: neither could be done; the journal remains.
    """
    try:
        roll_forward(work, folder, journal, checked=checked)
    except BaseException as error:
        (work / REDO).rename(work / UNDO)
        roll_back(work, folder, journal)
        if isinstance(error, OSError):
            return error
        raise
    return None


def _carry_out_left(work: Path, folder: Path) -> None:
    try:
        is_undone = exists(work / UNDO)
        journal = read_journal(work / (UNDO if is_undone else REDO))
        check_parts(work, journal)
        if is_undone:
            roll_back(work, folder, journal)
        else:
            carry_out(work, folder, journal, checked=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: {_name_of(work)} was ended while it was {REPLACING}, and neither the new files nor "
            f"the old ones can be put in place ({reason(error)}); both are complete in {work}"
        ) from error


def _wait_as_reader(folder: Path) -> None:
    """Wait until nothing is being replaced in a folder that this user may not write."""
    deadline = time.monotonic() + WAIT_S
    while pending := [work for work in _work_folders(folder) if is_pending(work)]:
        work = pending[0]
        if not _is_live(work):
            raise OutputError(
                f"{folder}: {_name_of(work)} was ended while it was {REPLACING}, and you may not write here "
                "to finish that; ask a user who may to run posedeploy inspect on a file in this folder"
            )
        if time.monotonic() > deadline:
            raise OutputError(
                f"{folder}: {_name_of(work)} has been {REPLACING} for over {WAIT_S:g} s; end it"
            )
        time.sleep(POLL_S)


def _leftovers(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if entry.name.startswith(PREFIX))
    except ValueError:  # no possible name
        return
    except OSError as error:
        if error.errno == errno.EIO:
            raise  # there may be some; of a folder that is missing or may not be listed, none can be known


def _work_folders(folder: Path) -> list[Path]:
    found = [entry.name for entry in _leftovers(folder) if entry.is_dir(follow_symlinks=False)]
    return [folder / name for name in sorted(found)]


def _may_touch(work: Path, folder: Path) -> bool:
    """Whether to trust a work folder: where a folder's users may not replace each other's files, only one's
    own."""
    with suppress(OSError):
        sticky = folder.stat().st_mode & stat.S_ISVTX
        return not sticky or work.lstat().st_uid == os.geteuid()
    return False


def _is_live(work: Path) -> bool:
    try:
        return is_held(work / WORK_LOCK)
    except PermissionError:  # another user's
        return True


def _name_of(work: Path) -> str:
    return str(holder_of(work / WORK_LOCK) or "another process")
