"""The JSON of a certificate, and its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from posedeploy.api.compared_files import Role
from posedeploy.errors import InputError
from posedeploy.input_files import read_bytes
from posedeploy.limits import MAX_DEPTH, MAX_TEXT_BYTES
from posedeploy.text_files import convert, parse_json

FORMAT, VERSION = "posedeploy.certificate", 1
WHAT = "a certificate"
MAX_WHOLE = 2.0**53
"""Larger floats are not normalized to integers, because their digits depend on the parser."""
HINT = "write one with `posedeploy parity MODEL --certificate FILE.json`"


@dataclass(frozen=True, kw_only=True)
class RecordedFile:
    """A file of the comparison.

    path: relative to the folder of the certificate, with slashes. name: the name that the results use for an
    artifact or an image. files: the SHA-256 of each file of an artifact, by name. sha256: of another file.
    """

    role: Role
    path: str
    name: str = ""
    sha256: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CodeVersion:
    """The release of posedeploy, and a hash of its Python files, presets, templates and built-in sample."""

    release: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class CertificateDocument:
    """The content of a certificate.

    sha256: a digest of all other fields. It detects changes by accident or by hand; it is no signature.
    verdict: the conclusion in one line. packages: the versions of the installed packages that can change the
    result. arguments: those of ``posedeploy.compare``, with paths as in ``files``. parity: the document of
    ``posedeploy parity --json``. histograms: for each of its results, the distribution of each measure.
    """

    format: str
    version: int
    sha256: str
    created: str
    passed: bool
    verdict: str
    code: CodeVersion
    packages: Mapping[str, str]
    arguments: Mapping[str, Any]
    files: tuple[RecordedFile, ...]
    parity: dict[str, Any]
    histograms: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class _Head:
    format: str = ""
    version: int = 0


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the content of a certificate without the field ``sha256``.

    It does not depend on the order of the fields, on white space, or on whether 1 is written as 1.0.

    Raises:
        ValueError: the content is nested deeper than ``MAX_DEPTH``, or has an integer of more than 64 bits.
    """
    rest = _normalize({name: value for name, value in content.items() if name != "sha256"})
    try:
        return hashlib.sha256(msgspec.json.encode(rest, order="deterministic")).hexdigest()
    except OverflowError as error:
        raise ValueError(str(error)) from error


def _normalize(value: Any, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError(f"lists and objects are nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        return {name: _normalize(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list):
        return [_normalize(each, depth + 1) for each in value]
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < MAX_WHOLE
    return int(value) if is_whole else value


def read_certificate(path: Path) -> CertificateDocument:
    """Read a certificate and check its digest.

    Raises:
        InputError: it cannot be read, is not a certificate, has another version, or was changed.
    """
    content = parse_json(read_bytes(path, WHAT, MAX_TEXT_BYTES), path, WHAT, dict[str, Any], hint=HINT)
    try:
        _check_head(path, convert(content, _Head))
        digest = digest_of(content)
        document = convert(content, CertificateDocument)
        _check_results(document.parity)
    except (msgspec.ValidationError, ValueError) as error:
        raise InputError(f"{path}: the certificate is damaged: {error}; copy or write it again") from error
    if document.sha256 != digest:
        raise InputError(
            f"{path}: the certificate was changed after it was written: the SHA-256 of its content is "
            f"{digest[:12]}..., and the recorded one is {document.sha256[:12]}...; use the original file, or "
            "write it again"
        )
    return document


def _check_head(path: Path, head: _Head) -> None:
    if head.format != FORMAT:
        kind = f"its format is {head.format!r}" if head.format else "it has no field named format"
        raise InputError(f"{path}: not {WHAT}: {kind}, expected {FORMAT!r}; {HINT}")
    if head.version != VERSION:
        remedy = "upgrade posedeploy" if head.version > VERSION else "write it again"
        raise InputError(
            f"{path}: the version of the certificate is {head.version}, expected {VERSION}; {remedy}"
        )


def _check_results(parity: Mapping[str, Any]) -> None:
    """Check the fields of the comparison that every reader of a certificate uses.

    Raises:
        ValueError: one has another type.
    """
    results, errors = parity.get("results"), parity.get("errors")
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise ValueError("`parity.results` is not a list of objects")
    if not all(isinstance(each.get("label"), str) for each in results):
        raise ValueError("`parity.results` has an object whose label is not a string")
    if not isinstance(errors, dict):
        raise ValueError("`parity.errors` is not an object")
