"""Zip members are unpacked in small chunks, and all damage results in one error."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from contextlib import suppress

import pytest

from posedeploy.zip_files import chunks_of, read_member, zip_errors

METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
CONTENT = b"all of it" * 1000


def _archive(content: bytes, method: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("a", content)
    return stream.getvalue()


def _member(content: bytes, max_bytes: int) -> bytes:
    with zip_errors(), zipfile.ZipFile(io.BytesIO(content)) as archive:
        return read_member(archive, archive.getinfo("a"), max_bytes)


@pytest.mark.parametrize("method", METHODS)
def test_a_member_is_read(method: int) -> None:
    assert _member(_archive(CONTENT, method), len(CONTENT)) == CONTENT
    with pytest.raises(zipfile.BadZipFile, match="a has 9,000 bytes; expected at most 8,999"):
        _member(_archive(CONTENT, method), len(CONTENT) - 1)


@pytest.mark.parametrize("method", METHODS[1:])
def test_a_member_is_not_unpacked_at_once(method: int) -> None:
    content = _archive(bytes(20 << 20), method)
    tracemalloc.start()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = sum(map(len, chunks_of(archive, archive.getinfo("a"))))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == 20 << 20
    assert peak < 14 << 20  # of which LZMA's dictionary has 8


@pytest.mark.parametrize("method", METHODS[1:])
def test_a_member_larger_than_its_header_states_is_not_unpacked(method: int) -> None:
    """``zipfile`` would unpack all of it and then truncate it."""
    content = _archive(bytes(20 << 20), method).replace(struct.pack("<I", 20 << 20), struct.pack("<I", 100))
    tracemalloc.start()
    with pytest.raises(zipfile.BadZipFile):
        _member(content, 1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 14 << 20  # of which LZMA's dictionary has 8


@pytest.mark.parametrize("method", METHODS)
def test_all_damage_results_in_one_error(method: int) -> None:
    whole = _archive(bytes(range(256)) * 2, method)
    for place in range(len(whole)):
        for value in (0, 0xFF, whole[place] ^ 1, whole[place] ^ 0x80):
            with suppress(zipfile.BadZipFile):
                _member(whole[:place] + bytes([value]) + whole[place + 1 :], 1 << 20)
