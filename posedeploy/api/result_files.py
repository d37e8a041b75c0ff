"""The files of a report: JSON of several commands, identified by their first fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias, cast

from posedeploy.api import latency_report, parity_report, tuning_report
from posedeploy.api.bench_document import BenchDocument, Head
from posedeploy.api.certificate import document as certificate
from posedeploy.api.latency_report import LatencyReport
from posedeploy.api.parity_document import ParityDocument
from posedeploy.api.parity_report import ParityReport
from posedeploy.api.tune_document import TuneDocument
from posedeploy.api.tuning_report import TuningReport
from posedeploy.errors import InputError
from posedeploy.input_files import read_bytes
from posedeploy.limits import MAX_TEXT_BYTES
from posedeploy.text_files import parse_json
from posedeploy.types import StrPath

Document: TypeAlias = BenchDocument | ParityDocument | TuneDocument
Report: TypeAlias = LatencyReport | ParityReport | TuningReport
ResultSource: TypeAlias = StrPath | Report
"""The path of a JSON file, or the report that ``benchmark``, ``compare`` or ``tune`` returned."""
WHAT = "a JSON result of posedeploy"


@dataclass(frozen=True)
class ResultFile:
    """A document, with the name of its file."""

    name: str
    document: Document


def _check(document: BenchDocument | TuneDocument, name: str) -> BenchDocument | TuneDocument:
    return document.checked(name)


def _check_parity(document: ParityDocument, name: str) -> ParityDocument:
    return document


@dataclass(frozen=True)
class _Certificate:
    """The part of a certificate that a report shows."""

    parity: ParityDocument


def _open_certificate(certificate: _Certificate, name: str) -> ParityDocument:
    return certificate.parity


KINDS: Mapping[Head, tuple[Any, Callable[[Any, str], Document]]] = {
    Head(latency_report.FORMAT, latency_report.VERSION): (BenchDocument, _check),
    Head(parity_report.FORMAT, parity_report.VERSION): (ParityDocument, _check_parity),
    Head(certificate.FORMAT, certificate.VERSION): (_Certificate, _open_certificate),
    Head(tuning_report.FORMAT, tuning_report.VERSION): (TuneDocument, _check),
}
"""The type of each document, and the function that checks it."""


def read_results(sources: ResultSource | Iterable[ResultSource]) -> tuple[list[ResultFile], list[str]]:
    """Read the results, and return them with remarks on those that are left out because they occur twice.

    Raises:
        InputError: there is none, or one cannot be read, has another kind of content, or has damaged values.
    """
    is_single = isinstance(sources, str | PathLike | Report)
    listed = [cast(ResultSource, sources)] if is_single else [*cast(Iterable[ResultSource], sources)]
    if not listed:
        raise InputError(
            "no results; pass at least one JSON file of `posedeploy bench`, `posedeploy parity` or "
            "`posedeploy tune`"
        )
    results: list[ResultFile] = []
    remarks: list[str] = []
    for number, source in enumerate(listed, 1):
        result = _read(source, number)
        same = [other.name for other in results if other.document == result.document]
        if same:
            remarks.append(f"{result.name}: left out, because it has the same content as {same[0]}")
        else:
            results.append(result)
    return results, remarks


def _read(source: ResultSource, number: int) -> ResultFile:
    if isinstance(source, Report):
        return _parse(source.to_json().encode(), Path(f"result {number}"))
    path = Path(source)
    return _parse(read_bytes(path, WHAT, MAX_TEXT_BYTES), path)


def _parse(content: bytes, path: Path) -> ResultFile:
    head = parse_json(content, path, WHAT, Head, nan=True)
    if head not in KINDS:
        raise InputError(
            f"{path}: not a result that a report can show",
            found=str(head),
            expected=" or ".join(map(str, KINDS)),
            hint="pass a file that this release wrote with `posedeploy bench --json`, "
            "`posedeploy parity --json` or `posedeploy tune`",
        )
    kind, check = KINDS[head]
    document = parse_json(content, path, f"{WHAT} ({head.format})", kind, nan=True)
    return ResultFile(str(path), check(document, str(path)))
