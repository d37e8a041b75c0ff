"""A published checkpoint is downloaded: resumed where it broke off, its hash recorded, a change refused."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from posedeploy import files
from posedeploy.errors import DownloadError, OutputError

CHUNK = 1 << 18
TIMEOUT_S = 30
RECORD = ".sha256"
"""The suffix of the file that records the hash, in the format of ``sha256sum``."""


def fetch(
    url: str, folder: Path, on_progress: Callable[[int, int | None], None] = lambda done, total: None
) -> tuple[Path, bool]:
    """Download ``url`` into ``folder`` under its own name.

    The first download records the file's SHA-256 beside it; from then on a file of another hash is refused,
    on disk as from the server. An interrupted download goes on where it stopped if the server still has that
    file.

    Returns:
        The file, and whether anything was downloaded: a file that is there and has its recorded hash is kept.

    Raises:
        DownloadError: the server cannot be reached or refuses, the download is cut short, or the hash
            differs.
        OutputError: the folder cannot be written.
    """
    path = folder / _name(url)
    record = path.with_name(path.name + RECORD)
    recorded = _recorded(record)
    if path.is_file():
        if recorded is None:
            raise DownloadError(
                f"{path}: is there, and nothing records that it was fetched (no {record.name}); move it, or "
                "name another folder with -o"
            )
        _check(path, recorded, f"delete it and its {RECORD} to fetch it anew")
        return path, False
    part = path.with_name(path.name + ".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _download(url, part, on_progress)
        try:
            _check(part, recorded, f"what is published was changed; delete {record.name} if that is expected")
        except DownloadError:
            part.unlink()
            raise
        files.write_text(record, f"{files.sha256(part)}  {path.name}\n")
        part.replace(path)
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise DownloadError(
            f"{url}: {_reason(error)}; what has arrived is kept, run the command again"
        ) from error
    except OSError as error:
        raise OutputError(f"{folder}: cannot write here ({error.strerror or error})") from error
    _validator(part).unlink(missing_ok=True)
    return path, True


def _name(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise DownloadError(f"{url}: not an address ({error})") from error
    name = unquote(parts.path).rpartition("/")[2]
    if parts.scheme not in ("http", "https") or name in ("", ".", "..") or not (name + url).isprintable():
        raise DownloadError(f"{url!r}: wanted an http or https address that ends in a file's name")
    if not url.isascii():
        raise DownloadError(f"{url}: wanted an address in ASCII; write other characters as %XX")
    return name


def _recorded(record: Path) -> str | None:
    if not record.is_file():
        return None
    digest = record.read_text(encoding="utf-8", errors="replace").partition(" ")[0].strip()
    if len(digest) != 64:
        raise DownloadError(f"{record}: holds no SHA-256; delete it to fetch the file anew")
    return digest


def _check(path: Path, recorded: str | None, remedy: str) -> None:
    found = files.sha256(path)
    if recorded is not None and found != recorded:
        raise DownloadError(
            f"{path.name}: refused, since its SHA-256 is {found[:12]}... and the one recorded is "
            f"{recorded[:12]}...; {remedy}"
        )


def _validator(part: Path) -> Path:
    """Beside a part of a file: what the server called the version that it is a part of."""
    return part.with_name(part.name + ".etag")


def _download(url: str, part: Path, on_progress: Callable[[int, int | None], None]) -> None:
    validator = _validator(part)
    held = part.stat().st_size if part.is_file() and validator.is_file() else 0
    headers = {"User-Agent": "posedeploy"}
    if held:
        headers |= {"Range": f"bytes={held}-", "If-Range": validator.read_text(encoding="utf-8")}
    try:
        response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=TIMEOUT_S)
    except HTTPError as error:
        error.close()
        if error.code == 416 and error.headers.get("Content-Range") == f"bytes */{held}":
            return  # the part is as long as the file: nothing is missing
        raise DownloadError(
            f"{url}: the server answered {error.code} {error.reason}"
            + (f"; delete {part.name} to fetch it from the start" if held else "")
        ) from error
    with response:
        if response.headers.get_content_type() == "text/html":
            raise DownloadError(
                f"{url}: the server sent a web page, not a file; look at the address in a browser"
            )
        held = held if response.status == 206 else 0
        version = response.headers.get("ETag") or response.headers.get("Last-Modified")
        if version and not version.startswith("W/"):
            validator.write_text(version, encoding="utf-8")
        else:
            validator.unlink(missing_ok=True)
        length = response.headers.get("Content-Length")
        total = held + int(length) if length else None
        with part.open("ab" if held else "wb") as stream:
            while chunk := response.read(CHUNK):
                stream.write(chunk)
                held += len(chunk)
                on_progress(held, total)
    if total is not None and held < total:
        raise DownloadError(
            f"{url}: the server stopped after {held} of {total} bytes; run the command again to go on"
        )


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error or type(error).__name__)
