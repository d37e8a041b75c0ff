"""List and read images in object storage and on web servers (fsspec)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fsspec
from fsspec.core import url_to_fs

from posedeploy.errors import InputError, MissingPackageError, first_line
from posedeploy.limits import MAX_IMAGE_BYTES
from posedeploy.predict.images import SUFFIXES
from posedeploy.predict.urls import hide_password, scheme_of


def check_scheme(url: str) -> None:
    """Check that fsspec can open URLs with the scheme of this one.

    Raises:
        InputError: the scheme is unknown.
        MissingPackageError: the package for the scheme is not installed.
    """
    scheme = scheme_of(url)
    try:
        fsspec.get_filesystem_class(scheme)
    except ValueError as error:
        raise InputError(
            f"{hide_password(url)}: unknown URL scheme {scheme}; expected a path or a URL such as "
            "s3://bucket/photo.jpg, gs://bucket/photo.jpg or https://host/photo.jpg"
        ) from error
    except ImportError as error:
        raise MissingPackageError(
            f"{hide_password(url)}: fsspec needs another package for {scheme}:// ({first_line(error)})"
        ) from error


def is_image_url(url: str) -> bool:
    """Return whether a URL names one image."""
    return url.lower().endswith(SUFFIXES) and "*" not in url


def list_image_urls(url: str, *, recursive: bool) -> Iterator[str]:
    """Yield the URLs of the images in a folder or of a pattern, or this URL if it is an image.

    Raises:
        InputError: the server cannot be reached, or denies access.
        MissingPackageError: the package for the scheme is not installed.
    """
    check_scheme(url)
    if is_image_url(url):
        yield url
        return
    try:
        files, path = url_to_fs(url)
        yield from map(files.unstrip_protocol, _list_paths(files, path, recursive))
    except Exception as error:  # each file system has its own errors
        raise _unreadable(url, error) from error


def _list_paths(files: Any, path: str, recursive: bool) -> list[str]:
    names = files.glob(path) if "*" in path else files.find(path, maxdepth=None if recursive else 1)
    url = hide_password(files.unstrip_protocol(path))
    if not names and "*" not in path and not files.exists(path):
        raise InputError(f"{url}: no such folder or bucket; check the URL and the credentials")
    if names == [path]:
        raise InputError(
            f"{url}: not an image; expected a folder, a pattern or an image with one of the suffixes "
            f"{', '.join(SUFFIXES)}; to process a video, copy it to a folder that all nodes share"
        )
    return sorted(name for name in names if name.lower().endswith(SUFFIXES))


def read_url(url: str) -> bytes:
    """Return the content of an image.

    Raises:
        InputError: it does not exist, cannot be read, or is too large.
    """
    try:
        with fsspec.open(url, "rb") as file:
            content: bytes = file.read(MAX_IMAGE_BYTES + 1)
    except Exception as error:  # each file system has its own errors
        raise _unreadable(url, error) from error
    if len(content) > MAX_IMAGE_BYTES:
        raise InputError(
            f"{hide_password(url)}: more than {MAX_IMAGE_BYTES:,} bytes, the limit for an image; pass a "
            "smaller file"
        )
    return content


def _unreadable(url: str, error: Exception) -> Exception:
    if isinstance(error, (InputError, MissingPackageError)):
        return error
    cause = error.__cause__ or error  # fsspec also raises FileNotFoundError if it cannot connect
    is_missing = isinstance(cause, FileNotFoundError) or getattr(cause, "status", None) == 404
    reason = "no such file" if is_missing else first_line(cause)
    return InputError(f"{hide_password(url)}: cannot be read ({reason}); check the URL and the credentials")
