"""One download over HTTP: which answers are believed, and which bytes are a whole file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from email.message import Message as Headers
from http.client import HTTPResponse
from shutil import disk_usage
from typing import TypeAlias
from urllib.error import HTTPError

from posedeploy.checkpoints.paced_http import NETWORK_ERRORS, describe, get
from posedeploy.checkpoints.partial_file import PartialFile, Version
from posedeploy.errors import DownloadError

CHUNK = 1 << 18
STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]*"')
DATE = re.compile(r"[A-Za-z]{3}, [\x20-\x7e]{5,40}")
CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
Progress: TypeAlias = Callable[[int, int | None], None]
Answer: TypeAlias = HTTPResponse | HTTPError


def download(url: str, part: PartialFile, on_progress: Progress) -> None:
    """Complete ``part``: from where it ends, if the server still has that version, else from the start.

    Raises:
        DownloadError: the server cannot be reached, refuses, contradicts itself, or sends no whole file. What
            has arrived is kept where it can be resumed.
        OSError: ``part`` cannot be written.
    """
    version = part.version(url)
    if version is not None and version.total == part.size:
        return
    with closing(_asked(url, part, version)) as answer:
        total = _accepted(url, part, part.version(url), answer)
        on_progress(part.size, total)
        for chunk in _chunks(url, part, answer):
            part.append(chunk)
            on_progress(part.size, total)
    if total is not None and part.size > total:
        sent = part.size
        part.restart(None)
        raise _contradiction(url, f"sent {sent} bytes and announced {total}")
    if total is not None and part.size != total:
        raise DownloadError(
            f"{url}: the server stopped after {part.size} of {total} bytes; run the command again to go on"
        )
    if not part.size:
        raise DownloadError(f"{url}: the server sent an empty file; look at the address in a browser")


def _asked(url: str, part: PartialFile, version: Version | None) -> Answer:
    headers = {"User-Agent": "posedeploy", "Accept-Encoding": "identity"}
    if version is not None:
        headers |= {"Range": f"bytes={part.size}-", "If-Range": version.validator}
    try:
        answer = get(url, headers)
    except NETWORK_ERRORS as error:
        raise DownloadError(_broken(url, part, error)) from error
    if version is None or answer.status != 416:
        return answer
    answer.close()  # what is here is no part of that file
    part.restart(None)
    return _asked(url, part, None)


def _accepted(url: str, part: PartialFile, version: Version | None, answer: Answer) -> int | None:
    """The bytes of the whole file, None if unknown, once the answer is one to write down."""
    headers = answer.headers
    if answer.status not in (200, 206):
        moved = answer.status in (301, 302, 303, 307, 308) and "Location" not in headers
        location = " without an address to go on to" if moved else ""
        raise DownloadError(f"{url}: the server answered {answer.status} {_reason(answer)}{location}")
    if headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise DownloadError(
            f"{url}: the server sent a web page, not a file; look at the address in a browser"
        )
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _contradiction(
            url, f"sent the file compressed ({headers['Content-Encoding']}), which was not asked for"
        )
    length = _length(url, headers)
    if answer.status == 206:
        return _continued(url, part, version, headers, length)
    if length is not None and length > (free := disk_usage(part.path.parent).free):
        raise DownloadError(f"{url}: it has {length} bytes, and {free} are free in {part.path.parent}")
    validator = _validator(headers)
    part.restart(Version(url, validator, length) if validator else None)
    return length


def _continued(
    url: str, part: PartialFile, version: Version | None, headers: Headers, length: int | None
) -> int:
    stated = ", ".join(headers.get_all("Content-Range", [])) or "none"
    if version is None:
        raise _contradiction(
            url, f"sent a part of the file (Content-Range {stated}), and the whole was asked for"
        )
    if headers.get_content_maintype() == "multipart":
        raise _contradiction(url, "sent several parts of the file, and one was asked for", part)
    match = CONTENT_RANGE.fullmatch(stated)
    first, last, total = map(int, match.groups()) if match else (-1, -1, -1)
    if first != part.size or not first <= last < total or total != (version.total or total):
        wanted = f"bytes {part.size}-.../{version.total or '...'}"
        raise _contradiction(url, f"sent the Content-Range {stated}, and {wanted} was asked for", part)
    if length is not None and length != last - first + 1:
        raise _contradiction(url, f"sent {length} bytes for the Content-Range {stated}", part)
    named = headers.get("ETag" if version.validator.startswith('"') else "Last-Modified")
    if named not in (None, version.validator):
        raise _contradiction(url, "sent a part of another version of the file than the one asked for", part)
    return total


def _length(url: str, headers: Headers) -> int | None:
    """The bytes of the body; None for one that is sent in chunks, which has an end of its own."""
    stated = {value.strip() for value in headers.get_all("Content-Length", [])}
    coding = headers.get("Transfer-Encoding", "").lower()
    if coding not in ("", "chunked"):
        raise _contradiction(url, f"sent the Transfer-Encoding {coding}, which was not asked for")
    if stated and coding:
        raise _contradiction(url, "sent both a Content-Length and a Transfer-Encoding")
    if not stated:
        if not coding:
            raise _contradiction(url, "sent no Content-Length, so that nothing shows where the file ends")
        return None
    value = stated.pop()
    if stated or not re.fullmatch(r"[0-9]{1,18}", value):
        raise _contradiction(url, f"sent a malformed Content-Length ({', '.join(sorted({value, *stated}))})")
    return int(value)


def _validator(headers: Headers) -> str | None:
    """What names this version of the file strongly enough to resume by it."""
    etag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
    if STRONG_ETAG.fullmatch(etag):
        return etag
    return modified if not etag and DATE.fullmatch(modified) else None


def _chunks(url: str, part: PartialFile, answer: Answer) -> Iterator[bytes]:
    while True:
        try:
            chunk = answer.read1(CHUNK)
        except NETWORK_ERRORS as error:
            raise DownloadError(_broken(url, part, error)) from error
        if not chunk:
            return
        yield chunk


def _contradiction(url: str, what: str, part: PartialFile | None = None) -> DownloadError:
    remedy = f"; delete {part.path.name} to fetch it from the start" if part is not None else ""
    return DownloadError(f"{url}: the server {what}{remedy or '; download the file in a browser'}")


def _broken(url: str, part: PartialFile, error: Exception) -> str:
    kept = f"; {part.size} bytes are kept, run the command again to go on" if part.version(url) else ""
    return f"{url}: {describe(error)}{kept or '; run the command again'}"


def _reason(answer: Answer) -> str:
    return " ".join(str(answer.reason).split())
