"""URLs of streams: supported schemes, and hiding of passwords."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlsplit

from posedeploy.errors import InputError

SCHEMES = ("rtsp", "rtsps", "http", "https", "udp", "rtp", "tcp")

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_PASSWORD = re.compile(r"(://[^/@:]*:).*(?=@)")


def scheme_of(argument: str) -> str | None:
    """Return the scheme of a URL in lower case; None for anything else, such as a path."""
    match = _URL.match(argument)
    return match[1].lower() if match else None


def local_path(argument: str) -> str:
    """Return the path of a file:// URL, and anything else unchanged."""
    return unquote(split_url(argument).path) if scheme_of(argument) == "file" else argument


def split_url(url: str) -> SplitResult:
    """Return the parts of a URL.

    Raises:
        InputError: the URL is invalid, such as ``http://[abc``.
    """
    try:
        return urlsplit(url)
    except ValueError as error:
        shown = _PASSWORD.sub(r"\1***", url)
        raise InputError(f"{shown}: invalid URL ({error}); expected one like rtsp://camera:554/1") from error


def hide_password(url: str) -> str:
    """Return the URL with ``***`` in place of the password, for messages and records."""
    parts = split_url(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username or ''}:***@{host}").geturl()


def file_name_of(url: str) -> str:
    """Return the file name for the results of a URL: its last part, or its host and port."""
    parts = split_url(url)
    last = unquote(parts.path).rstrip("/").rpartition("/")[2]
    host = parts.netloc.rpartition("@")[2].replace(".", "-")
    return re.sub(r"[^\w.-]+", "-", last or host).strip(".-") or "stream"
