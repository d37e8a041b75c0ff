"""Read untrusted zip archives, with one error for all damage and limited memory."""

from __future__ import annotations

import bz2
import copy
import errno
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import IO, TypeAlias

from posedeploy.errors import first_line

DAMAGED_ZIP = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, EOFError, ValueError, LookupError,
    struct.error, OverflowError,
)  # fmt: skip
"""The errors of ``zipfile`` for archives that are damaged or encrypted, have names that are not UTF-8, or use
an unknown method (``NotImplementedError``, which is a ``RuntimeError``)."""
ENCRYPTED = 0x1
"""The flag of an encrypted member."""
Decompressor: TypeAlias = "bz2.BZ2Decompressor | lzma.LZMADecompressor"
CHUNK = 1 << 20
COMPRESSED_CHUNK = 4096
"""Compressed bytes that are read at a time; they can expand by a factor of a million."""
MAX_LZMA_BYTES = 256 << 20
"""The limit of LZMA's dictionary. That of the largest preset is 64 MiB."""
LZMA_HEADER = struct.Struct("<2xH")


@contextmanager
def zip_errors() -> Iterator[None]:
    """Convert the errors of ``zipfile`` for a damaged or encrypted archive to one error.

    Raises:
        zipfile.BadZipFile: the block raises one of these errors.
    """
    try:
        yield
    except DAMAGED_ZIP as error:
        raise zipfile.BadZipFile(first_line(error)) from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # from bzip2, and for a position before the start
            raise
        raise zipfile.BadZipFile(first_line(error)) from error


def chunks_of(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int = CHUNK) -> Iterator[bytes]:
    """Yield the content of a member in chunks of at most ``size`` bytes.

    ``zipfile`` has no such limit for bzip2 and LZMA: 500 bytes become 600 MB at once.
    """
    open_decompressor = DECOMPRESSORS.get(info.compress_type)
    if open_decompressor is None:
        with archive.open(info) as source:
            yield from iter(partial(source.read, size), b"")
        return
    packed = copy.copy(info)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, info.compress_size
    del packed.CRC  # the CRC covers the uncompressed content
    crc = 0
    with archive.open(packed) as source:
        for chunk in _unpack(source, open_decompressor(source), size):
            crc = zlib.crc32(chunk, crc)
            yield chunk
    if crc != info.CRC:
        raise zipfile.BadZipFile(f"{info.filename} has another checksum than recorded")


def _unpack(source: IO[bytes], decompressor: Decompressor, size: int) -> Iterator[bytes]:
    while not decompressor.eof:
        data = source.read(COMPRESSED_CHUNK) if decompressor.needs_input else b""
        if decompressor.needs_input and not data:
            return  # LZMA needs no end marker; the checksum detects truncated content
        if chunk := decompressor.decompress(data, size):
            yield chunk


def _open_lzma(source: IO[bytes]) -> Decompressor:
    """Return the decompressor of a member, which begins with LZMA's properties and their length."""
    (length,) = LZMA_HEADER.unpack(source.read(LZMA_HEADER.size))
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MAX_LZMA_BYTES)
    decompressor.decompress(source.read(length) + b"\xff" * 8)  # an unknown size
    return decompressor


DECOMPRESSORS: Mapping[int, Callable[[IO[bytes]], Decompressor]] = {
    zipfile.ZIP_BZIP2: lambda source: bz2.BZ2Decompressor(),
    zipfile.ZIP_LZMA: _open_lzma,
}


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, max_bytes: int) -> bytes:
    """Read a member of at most ``max_bytes``. The size in its header is not trusted.

    Raises:
        zipfile.BadZipFile: it is damaged, encrypted or larger.
    """
    if info.file_size > max_bytes:
        raise zipfile.BadZipFile(
            f"{info.filename} has {info.file_size:,} bytes; expected at most {max_bytes:,}"
        )
    content = bytearray()
    with zip_errors():
        for chunk in chunks_of(archive, info):
            content += chunk
            if len(content) > max_bytes:
                raise zipfile.BadZipFile(f"{info.filename} has more than {max_bytes:,} bytes")
    return bytes(content)
