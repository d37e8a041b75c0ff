"""The result of checking a certificate, and its JSON."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from posedeploy.api.certificate.document import CertificateDocument
from posedeploy.api.certificate.numbers import Change
from posedeploy.api.parity_report import ParityReport
from posedeploy.text_files import format_json

FORMAT, VERSION = "posedeploy.verification", 1


@dataclass(frozen=True)
class Finding:
    """A difference between a certificate and now.

    kind: what differs. message: a sentence. is_failure: the certificate does not hold; else the difference is
    only listed, such as another version of a package.
    """

    kind: Literal["file", "reference", "verdict", "limit", "number", "code", "package", "machine"]
    message: str
    is_failure: bool


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The result of checking a certificate.

    files: the number of files whose hashes were compared. max_change: the largest change of a number that
    passes, in percent of its limit. numbers: the number of numbers that were compared; 0 if the comparison
    was not repeated, because a file differs. changes: the values that differ. limited: the numbers that
    decide about the verdicts. report: the repeated comparison, or None.
    """

    certificate: Path
    document: CertificateDocument
    findings: tuple[Finding, ...]
    files: int
    max_change: float
    numbers: int = 0
    changes: tuple[Change, ...] = ()
    limited: tuple[Change, ...] = ()
    report: ParityReport | None = None

    @property
    def passed(self) -> bool:
        """Whether the certificate holds: same files, same verdicts, and numbers within ``max_change``.

        A certificate of an artifact that does not pass holds too, if the repeated comparison agrees with it.
        """
        return not self.failures

    @property
    def failures(self) -> tuple[str, ...]:
        """A message for each reason why the certificate does not hold."""
        return tuple(finding.message for finding in self.findings if finding.is_failure)

    @property
    def largest_change(self) -> float:
        """The largest change of a number that decides about a verdict, in percent of its limit."""
        return 100 * max((change.share or 0.0 for change in self.limited), default=0.0)

    def to_json(self) -> str:
        """Return the versioned document; docs/certificate.md lists its fields."""
        content: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "certificate": str(self.certificate),
            "certificate_sha256": self.document.sha256,
            "passed": self.passed,
            "findings": [asdict(finding) for finding in self.findings],
            "files": self.files,
            "max_change_percent": self.max_change,
            "numbers": self.numbers,
            "largest_change_percent": self.largest_change if math.isfinite(self.largest_change) else None,
            "limited": [asdict(change) for change in self.limited],
            "changes": [asdict(change) for change in self.changes],
            "parity": self.report.to_document() if self.report is not None else None,
        }
        return format_json(content)
