"""The members of a zip archive, or of the folder that it was unpacked to, as regions of files."""

from __future__ import annotations

import io
import struct
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from posedeploy.pickles.meter import Meter
from posedeploy.pickles.regions import FileRegion
from posedeploy.pickles.values import PickleError
from posedeploy.zip_files import ENCRYPTED, chunks_of, zip_errors

LOCAL_HEADER = struct.Struct("<4s22xHH")
LOCAL_MAGIC = b"PK\x03\x04"


class Archive(Protocol):
    """An archive with members that are opened by name."""

    names: tuple[str, ...]

    def member(self, name: str) -> FileRegion:
        """Open a member.

        Raises:
            PickleError: it is missing, damaged or too large.
        """
        ...


class FolderArchive:
    """A folder that a zip archive was unpacked to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = tuple(
            sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        )

    def member(self, name: str) -> FileRegion:
        """Read a file whole, because a folder may contain more files than can be open."""
        if name not in self.names:
            raise PickleError(f"{name} is missing")
        content = (self.folder / name).read_bytes()
        return FileRegion(io.BytesIO(content), 0, len(content))


class ZipArchive:
    """A zip archive. Stored members are read in place; compressed ones are unpacked to temporary files."""

    def __init__(self, region: FileRegion, meter: Meter, opened: ExitStack) -> None:
        self.region = region
        self.meter = meter
        self.opened = opened
        with _report_damage("the archive"):
            self.zip = opened.enter_context(zipfile.ZipFile(region.stream()))
        self.names = tuple(self.zip.namelist())

    def head(self, name: str, size: int) -> tuple[bytes, int]:
        """Return the first bytes of a member, at most ``size``, and its recorded size, without unpacking it.

        Raises:
            PickleError: the member is damaged or encrypted.
        """
        with _report_damage(name):
            info = self._info(name)
            head = b""
            for chunk in chunks_of(self.zip, info, size):
                head += chunk
                if len(head) >= size:
                    break
            return head[:size], info.file_size

    def member(self, name: str) -> FileRegion:
        """Open a member."""
        return self.member_within(name, self.meter, self.opened)

    def member_within(self, name: str, meter: Meter, opened: ExitStack) -> FileRegion:
        """Open a member until ``opened`` closes. ``meter`` counts its size if it is unpacked."""
        with _report_damage(name):
            info = self._info(name)
            if info.compress_type != zipfile.ZIP_STORED:
                meter.reserve(info.file_size, f"{info.filename}, unpacked")
                return unpack(chunks_of(self.zip, info), info.file_size, opened)
            start = info.header_offset
            magic, name_size, extra_size = LOCAL_HEADER.unpack(
                bytes(self.region.array(start, LOCAL_HEADER.size))
            )
            if magic != LOCAL_MAGIC:
                raise PickleError(f"{name} is damaged")
            return self.region.part(start + LOCAL_HEADER.size + name_size + extra_size, info.file_size)

    def _info(self, name: str) -> zipfile.ZipInfo:
        info = self.zip.getinfo(name)
        if info.flag_bits & ENCRYPTED:
            raise PickleError(f"{name} is encrypted")
        return info


def unpack(chunks: Iterable[bytes], limit: int, opened: ExitStack) -> FileRegion:
    """Write chunks to an anonymous temporary file.

    Raises:
        PickleError: they have more than ``limit`` bytes.
    """
    file: BinaryIO = opened.enter_context(
        tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (the stack closes it)
    )
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise PickleError(f"it has more than {limit} bytes unpacked")
        file.write(chunk)
    return FileRegion(file, 0, size)


@contextmanager
def _report_damage(what: str) -> Iterator[None]:
    try:
        with zip_errors():
            yield
    except zipfile.BadZipFile as error:
        raise PickleError(f"{what} is damaged or missing") from error
