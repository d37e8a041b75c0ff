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
LOCK_NAME = ".in-use"
"""The file in a folder that the folder's process locks as long as it lives."""
MIN_AGE_S = 60.0
"""The process of a younger folder may not have locked it yet."""


@contextmanager
def mark_in_use(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, so that ``delete_abandoned`` in other processes keeps it.

    On a file system without locks, the folder has no lock file and is not deleted.
    """
    path = folder / LOCK_NAME
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
    """Delete the folders whose process has ended, as far as possible."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # it belongs to another user, or another process deletes it
            if _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    status = folder.lstat()
    is_own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    is_old = time.time() - status.st_mtime > MIN_AGE_S
    # A link must not be followed to the lock of another folder.
    is_candidate = is_own and is_old and not folder.is_symlink() and (folder / LOCK_NAME).is_file()
    return is_candidate and not is_held(folder / LOCK_NAME)
