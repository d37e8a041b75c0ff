"""The conclusion of a certificate, and whether it follows from the results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

import msgspec

from posedeploy.api.certificate.code_version import describe_code
from posedeploy.api.certificate.document import CertificateDocument, RecordedFile
from posedeploy.api.certificate.verification import Finding
from posedeploy.api.parity_document import ParityRow
from posedeploy.errors import InputError
from posedeploy.printable import listed


class Result(Protocol):
    """The comparison of one artifact, measured or recorded."""

    @property
    def label(self) -> str: ...

    @property
    def passed(self) -> bool: ...

    @property
    def verdict(self) -> str: ...

    @property
    def doubt(self) -> str: ...


def format_verdict(results: Sequence[Result], errors: Iterable[str]) -> str:
    """Return the conclusion on all artifacts in one line.

    Args:
        errors: the paths of the artifacts that did not run.
    """
    stopped = [Path(path).name for path in errors]
    failed = [Path(result.label).name for result in results if not result.passed] + stopped
    total = len(results) + len(stopped)
    if failed and total > 1:
        return f"{len(failed)} of {total} artifacts do not pass: {listed(failed)}"
    if failed and not results:
        return f"{failed[0]} did not run"
    if total == 1:
        (result,) = results
        doubt = f", but {result.doubt}" if result.doubt else ""
        return f"{Path(result.label).name} is {result.verdict}{doubt}"
    verdicts = dict.fromkeys(result.verdict for result in results)
    doubts = dict.fromkeys(result.doubt for result in results if result.doubt)
    doubt = f", but {' or '.join(doubts)}" if doubts else ""
    return f"{total} of {total} artifacts are {' or '.join(verdicts)}{doubt}"


def conclude(document: CertificateDocument) -> str:
    """Return the conclusion that follows from the recorded results, in the words of this version.

    Raises:
        msgspec.ValidationError: a field of a result has another type.
    """
    return format_verdict(_read_results(document), document.parity["errors"])


def _read_results(document: CertificateDocument) -> list[ParityRow]:
    return [msgspec.convert(each, ParityRow) for each in document.parity["results"]]


def check_conclusion(document: CertificateDocument, name: str) -> Iterator[Finding]:
    """Yield a failure for each part of the conclusion that does not follow from the recorded results.

    Other code than that of the certificate may word the verdict in another way, which is not a failure.

    Args:
        name: of the certificate, for messages.

    Raises:
        InputError: a field of a result has another type.
    """
    try:
        results = _read_results(document)
    except msgspec.ValidationError as error:
        raise InputError(f"{name}: the certificate is damaged: `parity.results`: {error}") from error
    errors = document.parity["errors"]
    passed = not errors and all(result.passed for result in results)
    expected = {
        "passed": (document.passed, passed),
        "parity.passed": (document.parity.get("passed"), passed),
        "verdict": (document.verdict, conclude(document)),
    }
    is_same_code = document.code == describe_code()
    for part, (recorded, computed) in expected.items():
        if recorded != computed:
            yield Finding(
                "verdict",
                f"`{part}` is {recorded!r}, but {computed!r} follows from the results in the certificate; "
                "use the original certificate, or write a new one",
                is_same_code or part != "verdict",
            )
    for result in results:
        if result.against is not None:
            message = f"{result.label}: compared with {result.against.path}, and not with PyTorch"
            yield Finding("verdict", message, True)
    yield from _check_labels(document.files, [result.label for result in results], errors)


def _check_labels(
    files: Sequence[RecordedFile], labels: Sequence[str], errors: Iterable[str]
) -> Iterator[Finding]:
    """Yield a failure for results and errors without an artifact, and for artifacts without either."""
    artifacts = [each for each in files if each.role == "artifact"]
    expected = Counter(each.name for each in artifacts)
    recorded = Counter(labels) + Counter({name: expected[name] or 1 for name in errors})
    for names, problem in (
        (recorded - expected, "results without a file"),
        (expected - recorded, "files without a result"),
    ):
        if names:
            yield Finding(
                "verdict",
                f"the certificate has {problem}: {listed([*names])}; use the original certificate, or write "
                "a new one",
                True,
            )
    for each in artifacts:
        if not each.name.endswith(PurePosixPath(each.path).name):
            yield Finding(
                "verdict", f"{each.path}: its results in the certificate are named {each.name!r}", True
            )
