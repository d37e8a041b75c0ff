"""Recover from killed runs: finish or undo their replacement of files, and delete their work folders."""

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
"""A run holds the first for milliseconds, to create and delete work folders and to replace files, and the
second, in its work folder, as long as it needs the folder."""
REPLACING = "replacing files here"
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


def recover(folder: Path) -> None:
    """Finish or undo the replacements of ended runs in a folder, and wait for that of a live one.

    Call it before reading a set, so that all files belong to one set. Without leftovers it only lists the
    folder.

    Raises:
        OutputError: a run was killed while it replaced files and this user has no write permission, or a live
            run does not end.
    """
    try:
        if not any(_leftovers(folder)):
            return
        with wait_for_lock(folder / FOLDER_LOCK, REPLACING):
            sweep(folder)
    except OSError as error:
        if error.errno not in _NOT_ALLOWED:
            raise OutputError(
                f"{folder}: the leftovers of an ended run cannot be deleted ({reason(error)})"
            ) from error
        _wait_as_reader(folder)


def sweep(folder: Path) -> None:
    """Recover and delete the work folders of ended runs. The caller holds the folder's lock.

    Raises:
        OutputError: a set can be neither completed nor restored.
    """
    for work in _work_folders(folder):
        if _is_trusted(work, folder) and not _is_live(work):
            if is_pending(work):
                with deferred_signals():
                    _finish(work, folder)
            delete(work)


def delete(work: Path) -> None:
    """Delete a work folder as far as possible. The next run deletes the rest."""
    with deferred_signals(), suppress(OSError):
        shutil.rmtree(work, ignore_errors=True)


def is_pending(work: Path) -> bool:
    """Return whether a work folder has an unfinished journal."""
    return exists(work / REDO) or exists(work / UNDO)


def carry_out(work: Path, folder: Path, journal: Journal, *, checked: bool) -> OSError | None:
    """Put the new set of a journal in place. If that fails, restore the old set.

    Returns:
        The error, if the old set was restored; None if the new one is in place.

    Raises:
        OSError: both failed; the journal remains.
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


def _finish(work: Path, folder: Path) -> None:
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
            f"{folder}: {_holder_name(work)} was ended while it was {REPLACING}, and neither the new files "
            f"nor the old ones can be put in place ({reason(error)}); both are complete in {work}"
        ) from error


def _wait_as_reader(folder: Path) -> None:
    """Wait until no files are being replaced in a folder that this user cannot write to."""
    deadline = time.monotonic() + WAIT_S
    while pending := [work for work in _work_folders(folder) if is_pending(work)]:
        work = pending[0]
        if not _is_live(work):
            raise OutputError(
                f"{folder}: {_holder_name(work)} was ended while it was {REPLACING}, and you have no "
                "write permission to complete it; ask a user with write permission to run `posedeploy "
                "inspect` on a file in this folder"
            )
        if time.monotonic() > deadline:
            raise OutputError(
                f"{folder}: {_holder_name(work)} has been {REPLACING} for over {WAIT_S:g} s; end it"
            )
        time.sleep(POLL_S)


def _leftovers(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if entry.name.startswith(PREFIX))
    except ValueError:  # a null character
        return
    except OSError as error:
        if error.errno == errno.EIO:
            raise  # the folder exists and may have leftovers, unlike one that is missing or cannot be listed


def _work_folders(folder: Path) -> list[Path]:
    names = [entry.name for entry in _leftovers(folder) if entry.is_dir(follow_symlinks=False)]
    return [folder / name for name in sorted(names)]


def _is_trusted(work: Path, folder: Path) -> bool:
    """Return whether to recover a work folder. In a sticky folder, only this user's are trusted."""
    with suppress(OSError):
        sticky = folder.stat().st_mode & stat.S_ISVTX
        return not sticky or work.lstat().st_uid == os.geteuid()
    return False


def _is_live(work: Path) -> bool:
    try:
        return is_held(work / WORK_LOCK)
    except PermissionError:  # it belongs to another user
        return True


def _holder_name(work: Path) -> str:
    return str(holder_of(work / WORK_LOCK) or "another process")
