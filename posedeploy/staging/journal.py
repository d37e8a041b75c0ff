"""The journal of a set of files that is being replaced. With it, any process can finish or undo the
replacement.

A work folder has three parts: the new files in ``new``, links to the replaced files in ``old``, and a
journal. Without a journal, the old set is valid. Once ``redo.json`` exists, the new set is valid: each of its
files is either in ``new`` or in its final place. ``undo.json`` means that the replacement failed and the old
files are being restored. Both can be repeated from any point.
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import stat
import sys
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from posedeploy.errors import OutputError
from posedeploy.input_files import read_bytes

NEW, OLD, REDO, UNDO = "new", "old", "redo.json", "undo.json"
MAX_JOURNAL_BYTES, MAX_SYNCS = 64 << 20, 32
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EACCES}


class JournalEntry(msgspec.Struct):
    """A new file with its inode, size and modification time in ns.

    replaces: whether a file with that name existed.
    """

    name: bytes
    replaces: bool
    identity: tuple[int, int, int]


class Journal(msgspec.Struct):
    """The replacement of files in a folder: the new files, and the names of old ones that are removed."""

    entries: list[JournalEntry]
    removed: list[bytes]

    def check(self, path: Path) -> None:
        """Check that every name is a file name in the folder.

        Raises:
            OutputError: a name is not.
        """
        for name in (*(entry.name for entry in self.entries), *self.removed):
            text = os.fsdecode(name)
            if text in ("", ".", "..") or Path(text).name != text or "\0" in text:
                raise OutputError(f"{path}: damaged (invalid file name {text!r}); delete {path.parent}")


def read_journal(path: Path) -> Journal:
    """Read a journal of any origin.

    Raises:
        OutputError: it is damaged.
    """
    try:
        content = read_bytes(path, "a journal of posedeploy", MAX_JOURNAL_BYTES, OutputError)
    except OutputError as error:
        raise OutputError(f"{error}; it records an unfinished replacement of files") from error
    try:
        journal = msgspec.json.decode(content, type=Journal)
    except (ValueError, RecursionError) as error:
        raise OutputError(f"{path}: damaged ({error}); delete {path.parent}") from error
    journal.check(path)
    return journal


def prepare(work: Path, folder: Path, names: Collection[str], outdated: Collection[str]) -> Journal:
    """Link the files that will be replaced or removed to ``old``, and write the journal."""
    for name in (*names, *outdated):
        if exists(folder / name):
            _link(folder / name, work / OLD / name)
    journal = Journal(
        [
            JournalEntry(os.fsencode(name), exists(work / OLD / name), _identity(work / NEW / name))
            for name in names
        ],
        [os.fsencode(name) for name in outdated],
    )
    if _replaces(journal):  # a power cut must not lose old files; new ones can be created again
        sync(work / NEW)
        sync(work / OLD)
    _write(work / "journal", msgspec.json.encode(journal), durable=_replaces(journal))
    return journal


def check_parts(work: Path, journal: Journal) -> None:
    """Check that the parts of a work folder are folders, and that its new files are those of the journal.

    Raises:
        OutputError: posedeploy did not create the folder, or it is a copy.
    """
    for part in (work / NEW, work / OLD):
        if not stat.S_ISDIR(part.lstat().st_mode):
            raise OutputError(f"{part}: not a folder of posedeploy; delete {work}")
    for entry in journal.entries:
        new = work / NEW / os.fsdecode(entry.name)
        if exists(new) and _identity(new) != entry.identity:
            raise OutputError(f"{new}: not the file that the journal records; delete {work}")


def roll_forward(work: Path, folder: Path, journal: Journal, *, checked: bool) -> None:
    """Move the remaining new files to their final places and delete the journal.

    Args:
        checked: keep files that another program has written since the journal.
    """
    if _replaces(journal):
        sync(work)
    for entry in journal.entries:
        name = os.fsdecode(entry.name)
        new, target = work / NEW / name, folder / name
        if exists(new) and not (checked and _is_foreign(target, work / OLD / name)):
            new.replace(target)
    for name in map(os.fsdecode, journal.removed):
        if not _is_foreign(folder / name, work / OLD / name):
            (folder / name).unlink(missing_ok=True)
    _delete_journal(work / REDO, folder, durable=_replaces(journal))


def roll_back(work: Path, folder: Path, journal: Journal) -> None:
    """Restore the remaining old files and delete the journal."""
    for entry in journal.entries:
        name = os.fsdecode(entry.name)
        target, old = folder / name, work / OLD / name
        if exists(target) and _identity(target) == entry.identity:
            if entry.replaces and exists(old):
                old.replace(target)
            else:
                target.unlink()
    for name in map(os.fsdecode, journal.removed):
        if exists(work / OLD / name) and not exists(folder / name):
            (work / OLD / name).replace(folder / name)
    _delete_journal(work / UNDO, folder, durable=_replaces(journal))


def exists(path: Path) -> bool:
    """Return whether a path exists. A broken link does.

    Raises:
        OSError: the path cannot be checked.
    """
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def sync_all(paths: Sequence[Path]) -> None:
    """Call ``sync`` on files, many at a time, because a disk writes their data together."""
    with ThreadPoolExecutor(min(MAX_SYNCS, len(paths))) as pool:
        for _ in pool.map(sync, paths):
            pass


def sync(path: Path) -> None:
    """Write a file, or the names in a folder, to the disk."""
    if sys.platform == "win32" and path.is_dir():  # Windows cannot sync folders
        return
    descriptor = os.open(path, os.O_RDONLY if sys.platform != "win32" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replaces(journal: Journal) -> bool:
    return bool(journal.removed) or any(entry.replaces for entry in journal.entries)


def _identity(path: Path) -> tuple[int, int, int]:
    status = path.lstat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _link(path: Path, link: Path) -> None:
    """Create a hard link of a file, or a copy if the file system has no hard links."""
    if path.is_symlink():
        link.symlink_to(path.readlink())
        return
    try:
        os.link(path, link)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(path, link)


def _is_foreign(target: Path, old: Path) -> bool:
    """Return whether a path is not the file that it was when the journal was written."""
    try:
        now = target.lstat()
    except FileNotFoundError:
        return False
    try:
        before = old.lstat()
    except FileNotFoundError:
        return True
    if os.path.samestat(now, before):
        return False
    if target.is_symlink() or old.is_symlink():
        return not (target.is_symlink() and old.is_symlink() and target.readlink() == old.readlink())
    regular = stat.S_ISREG(now.st_mode) and stat.S_ISREG(before.st_mode)
    return not (regular and filecmp.cmp(target, old, shallow=False))


def _write(path: Path, content: bytes, *, durable: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        while content:
            content = content[os.write(descriptor, content) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _delete_journal(path: Path, folder: Path, *, durable: bool) -> None:
    if durable:
        sync(folder)
    path.unlink()
