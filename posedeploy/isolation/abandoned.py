"""Find and delete the temporary folders of child processes whose parent was killed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from posedeploy.staging.file_lock import is_held, try_lock

PREFIX = "posedeploy-"
LOCK = ".in-use"
"""The file in a folder whose lock its process holds as long as it lives."""
MIN_AGE_S = 60.0
"""A younger folder may be one that its process has not locked yet."""


@contextmanager
def mark_in_use(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, so that ``delete_abandoned`` of other processes keeps it.

    A folder on a file system without locks has none, and is not deleted there either.
    """
    path = folder / LOCK
    try:
        lock = try_lock(path)
    except OSError:
        path.unlink(missing_ok=True)
        lock = None
    if lock is None:
        yield
        return
    with lock:
        yield


def delete_abandoned(parent: Path) -> None:
    """Delete the folders here whose process has ended; what cannot be deleted stays."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # it is another user's, or another process deletes it too
            if _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    status = folder.lstat()
    is_own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    is_old = time.time() - status.st_mtime > MIN_AGE_S
    # A link is no folder: its own lock would be that of the folder that it names.
    is_candidate = is_own and is_old and not folder.is_symlink() and (folder / LOCK).is_file()
    return is_candidate and not is_held(folder / LOCK)
