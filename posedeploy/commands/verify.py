"""``posedeploy verify``: the result of checking a certificate."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from posedeploy.api.certificate.conclusion import conclude
from posedeploy.api.certificate.verification import Verification
from posedeploy.console.output import fail, inform, out, write_json
from posedeploy.printable import counted, printable


def show_verification(verification: Verification, json: Path | None) -> None:
    """Show the result and write the JSON."""
    document = verification.document
    out.print(f"[bold]{escape(printable(str(verification.certificate)))}[/]", soft_wrap=True)
    out.print(printable(f"written {document.created}: {conclude(document)}"), markup=False, soft_wrap=True)
    for finding in verification.findings:
        if finding.is_failure:
            fail(finding.message)
        else:
            inform(f"{finding.kind} differs, which is allowed: {finding.message}")
    for line in _summarize(verification):
        out.print(line, markup=False, soft_wrap=True)
    color, verdict = ("green", "holds") if verification.passed else ("red", "does not hold")
    out.print(f"[bold {color}]the certificate {verdict}[/]")
    if json is not None:
        write_json(json, verification.to_json())


def _summarize(verification: Verification) -> list[str]:
    lines = [f"files: the hashes of {counted(verification.files, 'file')} were compared"]
    if verification.report is None:
        return [*lines, "numbers: the comparison was not repeated, because files differ"]
    largest = (
        f"the largest change of a number with a limit is {verification.largest_change:.2g}% of that limit"
    )
    changed = counted(len(verification.changes), "value")
    lines.append(
        f"numbers: {verification.numbers} compared, {changed} changed; {largest} "
        f"(at most {verification.max_change:g}% passes)"
    )
    return lines
