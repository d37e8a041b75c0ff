"""The record of a set of files that is being replaced, by which any process finishes or undoes the replacing.

A work folder has three parts: the new files in ``new``, links to the files that they replace in ``old``, and
a journal. While there is no journal, the old set is the valid one. From the moment that ``redo.json`` is
there, the new set is: each of its files is still in ``new`` or already in its place. ``undo.json`` means that
replacing failed and the old files are being put back. Both can be carried out again from any point.
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


class Entry(msgspec.Struct):
    """A new file, and what identifies it: inode, size and modification time in ns.

    replaces: whether there was a file of that name.
    """

    name: bytes
    replaces: bool
    identity: tuple[int, int, int]


class Journal(msgspec.Struct):
    """What is being replaced in a folder: the new files, and the names of old ones that are removed."""

    entries: list[Entry]
    removed: list[bytes]

    def check(self, path: Path) -> None:
        """Refuse names that lead out of the folder.

        Raises:
            OutputError: there is one.
        """
        for name in (*(entry.name for entry in self.entries), *self.removed):
            text = os.fsdecode(name)
            if text in ("", ".", "..") or Path(text).name != text or "\0" in text:
                raise OutputError(f"{path}: damaged (it names {text!r}); delete {path.parent}")


def read_journal(path: Path) -> Journal:
    """Read a journal of any origin.

    Raises:
        OutputError: it is damaged.
    """
    try:
        content = read_bytes(path, "a journal of posedeploy", MAX_JOURNAL_BYTES, OutputError)
    except OutputError as error:
        raise OutputError(f"{error}; it records how to finish the replacing of files") from error
    try:
        journal = msgspec.json.decode(content, type=Journal)
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, or nested too deep
        raise OutputError(f"{path}: damaged ({error}); delete {path.parent}") from error
    journal.check(path)
    return journal


def prepare(work: Path, folder: Path, names: Collection[str], outdated: Collection[str]) -> Journal:
    """Link the files that will be replaced or removed into ``old``, and write what will be done."""
    for name in (*names, *outdated):
        if exists(folder / name):
            _link(folder / name, work / OLD / name)
    journal = Journal(
        [Entry(os.fsencode(name), exists(work / OLD / name), _identity(work / NEW / name)) for name in names],
        [os.fsencode(name) for name in outdated],
    )
    if _replaces(journal):  # a power cut must not lose what was there; all else can be made again
        sync(work / NEW)
        sync(work / OLD)
    _write(work / "journal", msgspec.json.encode(journal), durable=_replaces(journal))
    return journal


def check_parts(work: Path, journal: Journal) -> None:
    """Refuse a work folder whose parts are links, or whose new files are not those of its journal.

    Raises:
        OutputError: it was not made by posedeploy, or was copied.
    """
    for part in (work / NEW, work / OLD):
        if not stat.S_ISDIR(part.lstat().st_mode):
            raise OutputError(f"{part}: not a folder of posedeploy; delete {work}")
    for entry in journal.entries:
        new = work / NEW / os.fsdecode(entry.name)
        if exists(new) and _identity(new) != entry.identity:
            raise OutputError(f"{new}: not the file that the journal beside it records; delete {work}")


def roll_forward(work: Path, folder: Path, journal: Journal, *, checked: bool) -> None:
    """Put the new files in place, as far as they are not there yet, and end the journal.

    Args:
        checked: leave alone what is no longer the file that the journal saw, which another program wrote.
    """
    if _replaces(journal):
        sync(work)
    for entry in journal.entries:
        name = os.fsdecode(entry.name)
        new, place = work / NEW / name, folder / name
        if exists(new) and not (checked and _is_foreign(place, work / OLD / name)):
            new.replace(place)
    for name in map(os.fsdecode, journal.removed):
        if not _is_foreign(folder / name, work / OLD / name):
            (folder / name).unlink(missing_ok=True)
    _end(work / REDO, folder, durable=_replaces(journal))


def roll_back(work: Path, folder: Path, journal: Journal) -> None:
    """Put the old files back, as far as they are not there, and end the journal."""
    for entry in journal.entries:
        name = os.fsdecode(entry.name)
        place, old = folder / name, work / OLD / name
        if exists(place) and _identity(place) == entry.identity:
            if entry.replaces and exists(old):
                old.replace(place)
            else:
                place.unlink()
    for name in map(os.fsdecode, journal.removed):
        if exists(work / OLD / name) and not exists(folder / name):
            (work / OLD / name).replace(folder / name)
    _end(work / UNDO, folder, durable=_replaces(journal))


def exists(path: Path) -> bool:
    """Whether a name is taken, by a broken link too.

    Raises:
        OSError: that cannot be found out.
    """
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def sync_all(paths: Sequence[Path]) -> None:
    """``sync`` for files, many at a time: a disk takes their data together."""
    with ThreadPoolExecutor(min(MAX_SYNCS, len(paths))) as pool:
        for _ in pool.map(sync, paths):
            pass


def sync(path: Path) -> None:
    """Have the disk hold a file, or the names in a folder, before what comes after."""
    if sys.platform == "win32" and path.is_dir():  # it has no such call for folders
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
    """Give a file a second name; a copy where the file system has no hard links."""
    if path.is_symlink():
        link.symlink_to(path.readlink())
        return
    try:
        os.link(path, link)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(path, link)


def _is_foreign(place: Path, old: Path) -> bool:
    """Whether what has a name now is not the file that had it when the journal was written."""
    try:
        now = place.lstat()
    except FileNotFoundError:
        return False
    try:
        before = old.lstat()
    except FileNotFoundError:
        return True
    if os.path.samestat(now, before):
        return False
    if place.is_symlink() or old.is_symlink():
        return not (place.is_symlink() and old.is_symlink() and place.readlink() == old.readlink())
    regular = stat.S_ISREG(now.st_mode) and stat.S_ISREG(before.st_mode)
    return not (regular and filecmp.cmp(place, old, shallow=False))


def _write(path: Path, content: bytes, *, durable: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        while content:
            content = content[os.write(descriptor, content) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _end(path: Path, folder: Path, *, durable: bool) -> None:
    if durable:
        sync(folder)
    path.unlink()
