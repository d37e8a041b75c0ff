"""Change the content of containers and pack them again, with correct checksums and lengths."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence

from tools.fuzz.mutators.binary import change_blocks, change_fields
from tools.fuzz.mutators.pickles import change_pickle
from tools.fuzz.mutators.text import change_json, change_tokens

MAX_UNPACKED = 1 << 20
NAMES = (
    "..",
    "../a",
    "/a",
    "a" * 300,
    "a\x00b",
    "é",
    "\x1b[2J",
    "data.pkl",
    "archive/data.pkl",
    "archive/data/0",
    "a.npy",
    "f.npy",
    "posedeploy.json",
    "a.pth",
    "a/",
    "byteorder",
)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
    KeyError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    lzma.LZMAError,
    tarfile.TarError,
)
Members = list[tuple[str, bytes]]


def change_npy(content: bytes, rng: random.Random) -> bytes:
    """Change the header of a ``.npy`` array and correct its length."""
    if not content.startswith(b"\x93NUMPY") or len(content) < 12:
        return change_fields(content, rng)
    size = int.from_bytes(content[8:10], "little")
    header = change_tokens(content[10 : 10 + size], rng)
    version = rng.choice((b"\x01\x00", b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x03\x00"))
    length = struct.pack("<H" if version[0] == 1 else "<I", len(header) & 0xFFFF)
    return content[:6] + version + length + header + content[10 + size :]


def change_safetensors(content: bytes, rng: random.Random) -> bytes:
    """Change the JSON header of a safetensors file and correct its length."""
    size = int.from_bytes(content[:8], "little")
    if not 0 < size <= len(content):
        return change_fields(content, rng)
    header = change_json(content[8 : 8 + size], rng)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


def change_zip(content: bytes, rng: random.Random) -> bytes:
    """Change the content, name or method of a member of a zip file, and sometimes fields of the archive."""
    try:
        before, members = _unzipped(content)
    except DAMAGED:
        return change_fields(content, rng)
    if not members:
        return change_fields(content, rng)
    packed = before + _zipped(_changed(members, rng), rng)
    return change_fields(packed, rng) if rng.random() < 0.3 else packed


def _unzipped(content: bytes) -> tuple[bytes, Members]:
    """Return the bytes before a zip file, and its members."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = archive.infolist()
        if sum(info.file_size for info in infos) > MAX_UNPACKED:
            return b"", []
        start = min((info.header_offset for info in infos), default=0)
        return content[:start], [(info.filename, archive.read(info)) for info in infos]


def _changed(members: Members, rng: random.Random) -> Members:
    place, kind = rng.randrange(len(members)), rng.randrange(8)
    name, data = members[place]
    if kind < 5:
        members[place] = (name, _inner(name, data)(data, rng))
    elif kind == 5:
        members[place] = (rng.choice(NAMES), data)
    elif kind == 6:
        members.insert(place, (rng.choice(NAMES), rng.choice(members)[1]))
    else:
        del members[place]
    return members


def _inner(name: str, data: bytes) -> Callable[[bytes, random.Random], bytes]:
    if name.endswith(".pkl"):
        return change_pickle
    if data.startswith(b"\x93NUMPY"):
        return change_npy
    return change_json if name.endswith(".json") else change_blocks if len(data) > 4096 else change_fields


def _zipped(members: Sequence[tuple[str, bytes]], rng: random.Random) -> bytes:
    stream = io.BytesIO()
    method = rng.choice(METHODS)
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w") as archive:
        warnings.simplefilter("ignore")  # duplicate names
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = method if rng.random() < 0.7 else rng.choice(METHODS)
            archive.writestr(info, data)
        if rng.random() < 0.05:
            archive.writestr(rng.choice(NAMES), bytes(MAX_UNPACKED * 16), zipfile.ZIP_DEFLATED, 9)
    return stream.getvalue()


PACKERS: dict[bytes, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": (gzip.decompress, gzip.compress),
    b"BZh": (bz2.decompress, bz2.compress),
    b"\xfd7zXZ\0": (lzma.decompress, lzma.compress),
}


def change_packed(content: bytes, rng: random.Random) -> bytes:
    """Change the content of a tar file, or of a file compressed by gzip, bzip2 or xz."""
    for beginning, (unpack, pack) in PACKERS.items():
        if content.startswith(beginning):
            try:
                return pack(change_packed(unpack(content)[:MAX_UNPACKED], rng))
            except DAMAGED:
                return change_fields(content, rng)
    if content[257:262] == b"ustar" and rng.random() < 0.7:
        return _tar(content, rng)
    return change_zip(content, rng) if content.startswith(b"PK") else change_fields(content, rng)


def _tar(content: bytes, rng: random.Random) -> bytes:
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            held = [(member.name, file.read()) for member in archive if (file := archive.extractfile(member))]
    except DAMAGED:
        return change_fields(content, rng)
    if not held:
        return change_fields(content, rng)
    stream = io.BytesIO()
    with tarfile.open(
        fileobj=stream, mode="w", format=rng.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    ) as archive_file:
        for name, data in _changed(held, rng):
            member = tarfile.TarInfo(name.replace("\x00", ""))
            member.size = len(data)
            archive_file.addfile(member, io.BytesIO(data))
    return stream.getvalue()
