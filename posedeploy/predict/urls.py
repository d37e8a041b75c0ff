"""Addresses of streams: which are known, and what of them may be shown."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlsplit

from posedeploy.errors import InputError

SCHEMES = ("rtsp", "rtsps", "http", "https", "udp", "rtp", "tcp")

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_PASSWORD = re.compile(r"(://[^/@:]*:).*(?=@)")


def scheme_of(argument: str) -> str | None:
    """The scheme of a URL, in lower case; None of anything else, such as a path."""
    found = _URL.match(argument)
    return found[1].lower() if found else None


def local_path(argument: str) -> str:
    """The path of a file:// URL, and anything else as it is."""
    return unquote(split_url(argument).path) if scheme_of(argument) == "file" else argument


def split_url(url: str) -> SplitResult:
    """Return the parts of a URL.

    Raises:
        InputError: it is not a valid URL, such as ``http://[abc``.
    """
    try:
        return urlsplit(url)
    except ValueError as error:
        shown = _PASSWORD.sub(r"\1***", url)
        raise InputError(f"{shown}: not a valid URL ({error}); wanted such as rtsp://camera:554/1") from error


def hide_password(url: str) -> str:
    """The URL as it may be shown and recorded."""
    parts = split_url(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username or ''}:***@{host}").geturl()


def file_name_of(url: str) -> str:
    """What files that are written for a URL are named after: its last part, or its host and port."""
    parts = split_url(url)
    last = unquote(parts.path).rstrip("/").rpartition("/")[2]
    host = parts.netloc.rpartition("@")[2].replace(".", "-")
    return re.sub(r"[^\w.-]+", "-", last or host).strip(".-") or "stream"
