"""One download over HTTP: check the server's response and write a whole file."""

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
Response: TypeAlias = HTTPResponse | HTTPError


def download(url: str, part: PartialFile, on_progress: Progress) -> None:
    """Complete ``part``, from where it ends if the server still has that version, else from the start.

    Raises:
        DownloadError: the server cannot be reached, refuses, contradicts itself, or sends no whole file. The
            received bytes are kept if the download can be resumed.
        OSError: ``part`` cannot be written.
    """
    version = part.version(url)
    if version is not None and version.total == part.size:
        return
    with closing(_request(url, part, version)) as response:
        total = _check_response(url, part, part.version(url), response)
        on_progress(part.size, total)
        for chunk in _chunks(url, part, response):
            part.append(chunk)
            on_progress(part.size, total)
    if total is not None and part.size > total:
        sent = part.size
        part.restart(None)
        raise _protocol_error(url, f"sent {sent} bytes and announced {total}")
    if total is not None and part.size != total:
        raise DownloadError(
            f"{url}: the server stopped after {part.size} of {total} bytes; run the command again to resume"
        )
    if not part.size:
        raise DownloadError(f"{url}: the server sent an empty file; open the address in a browser")


def _request(url: str, part: PartialFile, version: Version | None) -> Response:
    headers = {"User-Agent": "posedeploy", "Accept-Encoding": "identity"}
    if version is not None:
        headers |= {"Range": f"bytes={part.size}-", "If-Range": version.validator}
    try:
        response = get(url, headers)
    except NETWORK_ERRORS as error:
        raise DownloadError(_connection_error(url, part, error)) from error
    if version is None or response.status != 416:
        return response
    response.close()  # 416: the stored bytes are not part of that file
    part.restart(None)
    return _request(url, part, None)


def _check_response(url: str, part: PartialFile, version: Version | None, response: Response) -> int | None:
    """Return the size of the whole file in bytes, None if unknown; prepare ``part`` for the body."""
    headers = response.headers
    if response.status not in (200, 206):
        moved = response.status in (301, 302, 303, 307, 308) and "Location" not in headers
        location = " without a Location header" if moved else ""
        raise DownloadError(f"{url}: the server answered {response.status} {_reason(response)}{location}")
    if headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise DownloadError(f"{url}: the server sent a web page, not a file; open the address in a browser")
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _protocol_error(
            url, f"sent the file compressed ({headers['Content-Encoding']}), which was not requested"
        )
    length = _length(url, headers)
    if response.status == 206:
        return _check_range(url, part, version, headers, length)
    if length is not None and length > (free := disk_usage(part.path.parent).free):
        raise DownloadError(
            f"{url}: the file has {length} bytes, and {part.path.parent} has {free} free; free some space"
        )
    validator = _validator(headers)
    part.restart(Version(url, validator, length) if validator else None)
    return length


def _check_range(
    url: str, part: PartialFile, version: Version | None, headers: Headers, length: int | None
) -> int:
    stated = ", ".join(headers.get_all("Content-Range", [])) or "none"
    if version is None:
        raise _protocol_error(
            url, f"sent a part of the file (Content-Range {stated}), and the whole file was requested"
        )
    if headers.get_content_maintype() == "multipart":
        raise _protocol_error(url, "sent several parts of the file, and one was requested", part)
    match = CONTENT_RANGE.fullmatch(stated)
    first, last, total = map(int, match.groups()) if match else (-1, -1, -1)
    if first != part.size or not first <= last < total or total != (version.total or total):
        wanted = f"bytes {part.size}-.../{version.total or '...'}"
        raise _protocol_error(url, f"sent the Content-Range {stated}, and {wanted} was requested", part)
    if length is not None and length != last - first + 1:
        raise _protocol_error(url, f"sent {length} bytes for the Content-Range {stated}", part)
    validator = headers.get("ETag" if version.validator.startswith('"') else "Last-Modified")
    if validator not in (None, version.validator):
        raise _protocol_error(url, "sent a part of another version of the file than the requested one", part)
    return total


def _length(url: str, headers: Headers) -> int | None:
    """Return the size of the body in bytes; None for a chunked body, which marks its own end."""
    stated = {value.strip() for value in headers.get_all("Content-Length", [])}
    coding = headers.get("Transfer-Encoding", "").lower()
    if coding not in ("", "chunked"):
        raise _protocol_error(url, f"sent the Transfer-Encoding {coding}, which was not requested")
    if stated and coding:
        raise _protocol_error(url, "sent both a Content-Length and a Transfer-Encoding")
    if not stated:
        if not coding:
            raise _protocol_error(url, "sent no Content-Length, so the end of the file is unknown")
        return None
    value = stated.pop()
    if stated or not re.fullmatch(r"[0-9]{1,18}", value):
        raise _protocol_error(url, f"sent a malformed Content-Length ({', '.join(sorted({value, *stated}))})")
    return int(value)


def _validator(headers: Headers) -> str | None:
    """Return the header value that identifies this version of the file well enough to resume by it."""
    etag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
    if STRONG_ETAG.fullmatch(etag):
        return etag
    return modified if not etag and DATE.fullmatch(modified) else None


def _chunks(url: str, part: PartialFile, response: Response) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read1(CHUNK)
        except NETWORK_ERRORS as error:
            raise DownloadError(_connection_error(url, part, error)) from error
        if not chunk:
            return
        yield chunk


def _protocol_error(url: str, what: str, part: PartialFile | None = None) -> DownloadError:
    remedy = "download the file in a browser"
    if part is not None:
        remedy = f"delete {part.path.name} to fetch it from the start"
    return DownloadError(f"{url}: the server {what}; {remedy}")


def _connection_error(url: str, part: PartialFile, error: Exception) -> str:
    kept = f"; {part.size} bytes are kept, run the command again to resume" if part.version(url) else ""
    return f"{url}: {describe(error)}{kept or '; run the command again'}"


def _reason(response: Response) -> str:
    return " ".join(str(response.reason).split())
