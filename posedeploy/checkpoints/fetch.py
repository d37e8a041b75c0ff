"""Download a published checkpoint: resume it, record its hash, and reject a file with another hash."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from posedeploy import files
from posedeploy.checkpoints.download import Progress, download
from posedeploy.checkpoints.partial_file import PartialFile, partial_file
from posedeploy.content_kinds import kind_of_file
from posedeploy.errors import DownloadError, OutputError

RECORD = ".sha256"
"""The suffix of the file that records the hash, in the format of ``sha256sum``."""
PART = ".part"
MAX_NAME_BYTES = files.MAX_NAME_BYTES - len(".part.etag")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FetchedFile:
    """A checkpoint on disk.

    sha256: of its bytes. is_new: whether this call downloaded it. verified_by: which hash it was compared
    with: the caller's, the one recorded by an earlier download, or none.
    """

    path: Path
    sha256: str
    is_new: bool
    verified_by: Literal["caller", "record", "nothing"]


def fetch(
    url: str, folder: Path, on_progress: Progress = lambda done, total: None, *, sha256: str | None = None
) -> FetchedFile:
    """Download ``url`` into ``folder`` under the last part of its path; the server cannot choose the name.

    The first download writes the file's SHA-256 to a sidecar file. Later calls reject a file with another
    hash, on disk or from the server. An interrupted download resumes if the server still has that file.

    Args:
        sha256: the hash that the file must have, in hexadecimal.

    Raises:
        DownloadError: the server cannot be reached, refuses or contradicts itself, the download is cut short
            or too slow, the file is not a checkpoint, or the hash differs.
        OutputError: the folder cannot be written.
    """
    path = folder / _name(url)
    record = path.with_name(path.name + RECORD)
    expected = _expected_hash(record, sha256)
    if os.path.lexists(path):
        return _check_existing(path, record, sha256)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with partial_file(path.with_name(path.name + PART)) as part:
            if os.path.lexists(path):  # another process finished it meanwhile
                part.remove()
                return _check_existing(path, record, sha256)
            download(url, part, on_progress)
            digest = _verify(url, part, expected, record)
            files.write_text(record, f"{digest}  {path.name}\n")
            part.move_to(path)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot write ({error.strerror or error}); the bytes that arrived are kept"
        ) from error
    return FetchedFile(path, digest, True, _describe_verifier(sha256, expected))


def _name(url: str) -> str:
    if not url.isascii():
        raise DownloadError(f"{url}: expected an address in ASCII; write other characters as %XX")
    try:
        parts = urlsplit(url)
        has_user, _ = parts.username is not None, parts.port
    except ValueError as error:
        raise DownloadError(f"{url}: not an address ({error})") from error
    if has_user:
        raise DownloadError(f"{parts.scheme} address with a user name: leave out everything before the @")
    name = unquote(parts.path).rpartition("/")[2]
    if parts.scheme not in ("http", "https") or not parts.hostname or not re.fullmatch(r"[!-~]+", url):
        raise DownloadError(f"{url!r}: expected an http or https address that ends in a file's name")
    if not name.strip(". ") or not name.isprintable() or set(name) & set('\\:*?"<>|\ufffd'):
        raise DownloadError(f"{url!r}: expected an http or https address that ends in a file's name")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise DownloadError(f"{url}: its file name is longer than {MAX_NAME_BYTES} bytes")
    return name


def _expected_hash(record: Path, sha256: str | None) -> str | None:
    """Return the hash that the file must have: the caller's, or else the recorded one."""
    if sha256 is not None:
        if not SHA256.fullmatch(sha256.lower()):
            raise DownloadError(f"{sha256}: expected a SHA-256, which is 64 hexadecimal digits")
        return sha256.lower()
    if not record.is_file():
        return None
    with record.open(encoding="utf-8", errors="replace") as stream:
        digest = stream.read(1 << 12).partition(" ")[0].strip()
    if not SHA256.fullmatch(digest):
        raise DownloadError(f"{record}: holds no SHA-256; delete it to fetch the file again")
    return digest


def _describe_verifier(sha256: str | None, expected: str | None) -> Literal["caller", "record", "nothing"]:
    return "caller" if sha256 is not None else "record" if expected is not None else "nothing"


def _check_existing(path: Path, record: Path, sha256: str | None) -> FetchedFile:
    """Return the existing file if it has the expected hash."""
    expected = _expected_hash(record, sha256)
    if not path.is_file():
        raise OutputError(f"{path}: not a file; move it, or use another folder")
    if expected is None:
        raise DownloadError(
            f"{path}: the file exists, but {record.name}, which records a download, is missing; move the "
            "file, or use another folder"
        )
    digest = files.sha256(path)
    if digest != expected:
        raise DownloadError(
            f"{path}: its SHA-256 is {digest}, expected {expected}; delete it and its {RECORD} to fetch it "
            "again"
        )
    return FetchedFile(path, digest, False, _describe_verifier(sha256, expected))


def _verify(url: str, part: PartialFile, expected: str | None, record: Path) -> str:
    """Return the hash of a whole download; remove it if it has another hash or is not a checkpoint."""
    kind = kind_of_file(part.path)
    if kind is not None and (kind.refused or kind.name in ("json", "xml")):
        part.remove()
        raise DownloadError(kind.describe_mismatch(url))
    digest = files.sha256(part.path)
    if expected is not None and digest != expected:
        part.remove()
        remedy = f" or delete {record.name}" if record.exists() else ""
        raise DownloadError(
            f"{url}: the server sent a file with SHA-256 {digest}, expected {expected}; if the published "
            f"file has changed, pass its new hash as `sha256`{remedy}"
        )
    return digest
