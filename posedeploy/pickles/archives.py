"""A zip archive, or the folder that it was unpacked to: its members by name, as regions of files."""

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
from posedeploy.pickles.regions import Region
from posedeploy.pickles.values import PickleError
from posedeploy.zip_files import ENCRYPTED, chunks_of, zip_errors

LOCAL_HEADER = struct.Struct("<4s22xHH")
LOCAL_MAGIC = b"PK\x03\x04"


class Archive(Protocol):
    """Members by name."""

    names: tuple[str, ...]

    def member(self, name: str) -> Region:
        """The bytes of a member.

        Raises:
            PickleError: there is none, it is damaged or too large.
        """
        ...


class FolderArchive:
    """The files of a folder that a zip archive was unpacked to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = tuple(
            sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        )

    def member(self, name: str) -> Region:
        """The bytes of a file, which is read at once: a folder may hold more files than can be open."""
        if name not in self.names:
            raise PickleError(f"{name} is missing")
        content = (self.folder / name).read_bytes()
        return Region(io.BytesIO(content), 0, len(content))


class ZipArchive:
    """A zip archive. A member that is stored is read where it lies, a compressed one is unpacked first."""

    def __init__(self, region: Region, meter: Meter, opened: ExitStack) -> None:
        self.region = region
        self.meter = meter
        self.opened = opened
        with _whole("the archive"):
            self.zip = opened.enter_context(zipfile.ZipFile(region.stream()))
        self.names = tuple(self.zip.namelist())

    def head(self, name: str, size: int) -> tuple[bytes, int]:
        """The first ``size`` bytes of a member, or all where it has fewer, and how many it has in all, as the
        archive records it. Nothing is unpacked to a file.

        Raises:
            PickleError: it is damaged or encrypted.
        """
        with _whole(name):
            info = self._info(name)
            head = b""
            for chunk in chunks_of(self.zip, info, size):
                head += chunk
                if len(head) >= size:
                    break
            return head[:size], info.file_size

    def member(self, name: str) -> Region:
        """The bytes of a member."""
        return self.member_within(name, self.meter, self.opened)

    def member_within(self, name: str, meter: Meter, opened: ExitStack) -> Region:
        """The bytes of a member, counted by this meter where it is unpacked, until ``opened`` closes."""
        with _whole(name):
            info = self._info(name)
            if info.compress_type != zipfile.ZIP_STORED:
                meter.take(info.file_size, f"{info.filename}, unpacked")
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


def unpack(chunks: Iterable[bytes], limit: int, opened: ExitStack) -> Region:
    """Bytes, chunk by chunk, in a temporary file without a name.

    Raises:
        PickleError: they are more than ``limit``.
    """
    file: BinaryIO = opened.enter_context(
        tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (the stack closes it)
    )
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise PickleError(f"unpacked it has more than the {limit} bytes that are allowed")
        file.write(chunk)
    return Region(file, 0, size)


@contextmanager
def _whole(what: str) -> Iterator[None]:
    try:
        with zip_errors():
            yield
    except zipfile.BadZipFile as error:
        raise PickleError(f"{what} is damaged or missing") from error
