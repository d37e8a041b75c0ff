"""HTTP requests with a minimum rate and a deadline, and without redirects from https to http."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import partial
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPMessage,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
)
from time import monotonic
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from posedeploy.errors import DownloadError

TIMEOUT_S = 30
"""For a connection, and for the next bytes of a response."""
WINDOW_S = 60
MIN_BYTES_PER_S = 1024
"""Over each ``WINDOW_S``."""
DEADLINE_S = 6 * 3600
"""For the whole response."""
NETWORK_ERRORS = (URLError, HTTPException, OSError, ValueError, OverflowError)
"""The errors of a request; malformed headers and host names raise a ValueError."""


class TooSlowError(OSError):
    """A response arrives too slowly."""


def get(url: str, headers: Mapping[str, str]) -> HTTPResponse | HTTPError:
    """Request ``url``, through the proxy that the environment names; error responses are returned.

    Raises:
        DownloadError: the server redirects from https to http, or to another protocol.
        NETWORK_ERRORS: there is no response.
    """
    opener = build_opener(_Redirects, _Http, _Https)
    try:
        response: HTTPResponse = opener.open(Request(url, headers=dict(headers)), timeout=TIMEOUT_S)
    except HTTPError as error:
        return error
    return response


def describe(error: Exception) -> str:
    """Return the description of a network error, in one line."""
    if isinstance(error, IncompleteRead):
        return "the server closed the connection in the middle of the file"
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return " ".join(str(reason).split()) or type(error).__name__


class _Redirects(HTTPRedirectHandler):
    def http_error_302(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage) -> Any:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except BaseException:
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https") or (req.type == "https" and scheme != "https"):
            raise DownloadError(
                f"{req.full_url}: the server redirects to {newurl}, and posedeploy follows no redirect from "
                f"{req.type} to {scheme or 'an address without a scheme'}; download the file in a browser if "
                "you trust it"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Paced(io.RawIOBase):
    """A raw stream that raises ``TooSlowError`` if its bytes arrive too slowly."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self._deadline = monotonic() + DEADLINE_S
        self._start_window()

    def _start_window(self) -> None:
        self._window_ends, self._arrived = monotonic() + WINDOW_S, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count: int = self._raw.readinto(buffer)
        self._arrived += count or 0
        now = monotonic()
        if now > self._deadline:
            raise TooSlowError(f"the download took longer than {DEADLINE_S} s")
        if now > self._window_ends:
            if self._arrived < MIN_BYTES_PER_S * WINDOW_S:
                raise TooSlowError(
                    f"the server sent {self._arrived} bytes in {WINDOW_S} s, less than {MIN_BYTES_PER_S} "
                    "bytes per second"
                )
            self._start_window()
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _PacedResponse(HTTPResponse):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp = io.BufferedReader(_Paced(self.fp.detach()))


class _PlainConnection(HTTPConnection):
    response_class = _PacedResponse


class _TlsConnection(HTTPSConnection):
    response_class = _PacedResponse


class _Http(HTTPHandler):
    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_PlainConnection, req)


class _Https(HTTPSHandler):
    def https_open(self, req: Request) -> HTTPResponse:
        context = getattr(self, "_context", None)
        return self.do_open(partial(_TlsConnection, context=context), req)
