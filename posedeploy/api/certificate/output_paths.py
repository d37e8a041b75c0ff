"""The paths of a certificate and of its page."""

from __future__ import annotations

from pathlib import Path

from posedeploy import files
from posedeploy.backends import is_named_like_model
from posedeploy.errors import OutputError
from posedeploy.input_files import describe_special_file, read_bytes
from posedeploy.limits import MAX_TEXT_BYTES

SUFFIX = ".json"
MARKS = {SUFFIX: b'"posedeploy.certificate"', ".html": b"<title>Parity certificate</title>"}
"""Texts in a certificate and in its page, by suffix."""


def page_path(path: Path) -> Path:
    """Return the path of the page of a certificate."""
    return path.with_suffix(".html")


def check_certificate_path(path: Path) -> None:
    """Check, before the comparison, that a certificate and its page can be written.

    Raises:
        OutputError: the name does not end in ``.json``, one of both is a folder or a special file, another
            file has this name, or the folder cannot be written.
    """
    if path.suffix.lower() != SUFFIX:
        kind = "a folder" if path.is_dir() else "the name does not end in .json"
        example = path / "certificate.json" if path.is_dir() else path.with_name(f"{path.name}.json")
        raise OutputError(f"`certificate={path}`: {kind}; pass a file, such as {example}")
    for each, (kind, mark) in zip((path, page_path(path)), MARKS.items(), strict=True):
        check_output("certificate", each)
        if each.exists() and each.stat().st_size and mark not in read_bytes(each, "a file", MAX_TEXT_BYTES):
            what = "a certificate" if kind == SUFFIX else "the page of a certificate"
            raise OutputError(f"`certificate={path}`: {each} exists and is not {what}; pass another file")


def check_output(parameter: str, path: Path) -> None:
    """Check that a file can be written.

    Raises:
        OutputError: it is a folder, a special file or a model, or its folder cannot be written.
    """
    if path.is_dir():
        raise OutputError(f"`{parameter}={path}`: a folder; pass a file")
    if path.exists() and (kind := describe_special_file(path.stat())) is not None:
        raise OutputError(f"`{parameter}={path}`: {kind}; pass another file")
    if is_named_like_model(path) and path.exists():
        raise OutputError(f"`{parameter}={path}`: the name of a model; pass another file")
    with files.staged(path.parent):
        pass
