"""The paths of a certificate and of its page."""

from __future__ import annotations

from pathlib import Path

from posedeploy import files
from posedeploy.errors import OutputError
from posedeploy.input_files import describe_special_file

SUFFIX = ".json"
HEAD_BYTES = 1 << 16
MARKS = {SUFFIX: b'"posedeploy.certificate"', ".html": b"<title>Parity certificate</title>"}
"""Texts in a certificate and in its page, by suffix."""


def page_path(path: Path) -> Path:
    """Return the path of the page of a certificate."""
    return path.with_suffix(".html")


def check_certificate_path(path: Path) -> None:
    """Check, before the comparison, that a certificate and its page can be written.

    Raises:
        OutputError: the name does not end in ``.json``, a path is a folder or a special file, a file that is
            not a certificate has this name, or the folder cannot be written.
    """
    if path.suffix.lower() != SUFFIX:
        kind = "a folder" if path.is_dir() else "the name does not end in .json"
        example = path / "certificate.json" if path.is_dir() else path.with_name(f"{path.name}.json")
        raise OutputError(f"`certificate={path}`: {kind}; pass a file, such as {example}")
    for each, (kind, mark) in zip((path, page_path(path)), MARKS.items(), strict=True):
        what = "a certificate" if kind == SUFFIX else "the page of a certificate"
        _check_output("certificate", each, mark, what)


def check_junit_path(path: Path) -> None:
    """Check, before the comparison, that the JUnit XML can be written.

    Raises:
        OutputError: it is a folder or a special file, another file has this name, or the folder cannot be
            written.
    """
    _check_output("junit", path, b"<testsuite", "JUnit XML")


def _check_output(parameter: str, path: Path, mark: bytes, what: str) -> None:
    """Check that a file can be written, and that an existing one contains ``mark``."""
    if path.is_dir():
        raise OutputError(f"`{parameter}={path}`: a folder; pass a file")
    if path.exists() and (kind := describe_special_file(path.stat())) is not None:
        raise OutputError(f"`{parameter}={path}`: {kind}; pass another file")
    if path.exists() and not _contains(path, mark):
        raise OutputError(f"`{parameter}={path}`: exists and is not {what}; pass another file")
    with files.staged(path.parent):
        pass


def _contains(path: Path, mark: bytes) -> bool:
    """Return whether a file is empty or contains the mark in its first ``HEAD_BYTES``."""
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise OutputError(f"{path}: cannot be read ({error.strerror}); pass another file") from error
    return not head or mark in head
