"""Work folders, whose files are put in place as one set."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from posedeploy.errors import OutputError
from posedeploy.input_files import describe_special_file
from posedeploy.staging.deferred_signals import deferred_signals
from posedeploy.staging.file_lock import FileLock, reason, wait_for_lock
from posedeploy.staging.journal import NEW, OLD, REDO, exists, prepare, sync, sync_all
from posedeploy.staging.recovery import (
    FOLDER_LOCK,
    PREFIX,
    REPLACING,
    WORK_LOCK,
    carry_out,
    delete,
    is_pending,
    sweep,
)

UNCHANGED = "no partial files were left, and the existing files are unchanged"
IN_PLACE = "the new files are in place and complete"


class WorkFolder:
    """The work folder of one run. No other run deletes it before this one ends.

    new: the folder for the files of the set. is_committed: whether they have been put in place.
    """

    def __init__(self, folder: Path) -> None:
        """Create a work folder in ``folder``, which exists.

        Raises:
            OSError: it cannot be created.
            OutputError: another run does not release the folder's lock.
        """
        self._folder = folder
        self._owner = os.getpid()
        self._lock: FileLock | None = None
        self.is_committed = False
        self._path = folder / f"{PREFIX}{secrets.token_hex(4)}"
        self.new = self._path / NEW
        try:
            with wait_for_lock(folder / FOLDER_LOCK, REPLACING):
                sweep(folder)
                self._path.mkdir()
                self._lock = wait_for_lock(self._path / WORK_LOCK, REPLACING)
            self.new.mkdir()
            (self._path / OLD).mkdir()
        except BaseException:
            self.discard()
            raise

    def contains(self, path: Path) -> bool:
        """Return whether a path is inside this folder."""
        return self._path in path.absolute().parents

    def commit(self, outdated: Callable[[], Collection[str]], shown: Path) -> None:
        """Put the files of ``new`` in place and remove those of ``outdated``: either all or none.

        Args:
            shown: the folder for messages.

        Raises:
            OutputError: that failed; the message states which files are in place.
            KeyboardInterrupt: on Ctrl-C, before or after the files were put in place (``is_committed``).
        """
        if os.getpid() != self._owner:
            raise RuntimeError("a forked child left the block in which its parent writes files")
        try:
            names = sorted(path.name for path in self.new.iterdir())
            if any(exists(self._folder / name) for name in names):  # a power cut must not lose old files
                sync_all([self.new / name for name in names])
            with wait_for_lock(self._folder / FOLDER_LOCK, REPLACING):
                sweep(self._folder)
                self._check_targets(names, shown)
                unwanted = sorted({*outdated()} - {*names})
                removed = [name for name in unwanted if exists(self._folder / name)]
                self._replace(names, removed, shown)
        except OSError as error:
            raise self._failure(error, shown) from error

    def discard(self) -> None:
        """Delete this folder, unless its set is only partly in place."""
        if os.getpid() != self._owner:
            return
        if self._lock is not None:
            self._lock.release()
        with suppress(OSError):  # the next run deletes it
            if not is_pending(self._path):
                delete(self._path)

    def _check_targets(self, names: Collection[str], shown: Path) -> None:
        for name in names:
            target = self._folder / name
            if target.exists() and (kind := describe_special_file(target.stat())) is not None:
                raise OutputError(f"{shown / name}: {kind} is in the way; move it, or write elsewhere")

    def _replace(self, names: list[str], removed: list[str], shown: Path) -> None:
        with deferred_signals():
            if len(names) == 1 and not removed:
                self._replace_one(names[0], shown)
            elif names or removed:
                self._replace_set(names, removed)
            self.is_committed = True

    def _replace_one(self, name: str, shown: Path) -> None:
        new, target = self.new / name, self._folder / name
        is_replaced = exists(target)
        new.replace(target)
        if is_replaced:
            try:
                sync(self._folder)
            except OSError as error:
                raise OutputError(
                    f"{shown / name}: the new file is in place, but may not be on the disk "
                    f"({reason(error)}); check the disk"
                ) from error

    def _replace_set(self, names: list[str], removed: list[str]) -> None:
        journal = prepare(self._path, self._folder, names, removed)
        (self._path / "journal").rename(self._path / REDO)
        failure = carry_out(self._path, self._folder, journal, checked=False)
        if failure is not None:
            raise failure

    def _failure(self, error: OSError, shown: Path) -> OutputError:
        if not is_pending(self._path):
            return OutputError(f"{shown}: writing failed ({reason(error)}); {UNCHANGED}")
        return OutputError(
            f"{shown}: writing failed ({reason(error)}), and restoring the old files failed too; both the "
            f"new and the old files are complete in {self._path}, and the next posedeploy command that uses "
            f"{shown} puts one of the two sets in place"
        )
