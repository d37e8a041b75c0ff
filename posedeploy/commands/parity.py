"""``posedeploy parity``: the comparison of artifacts with PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os.path import realpath
from pathlib import Path

from posedeploy import plugins
from posedeploy.api.certificate.output_paths import check_certificate_path, check_junit_path, page_path
from posedeploy.api.parity_report import ParityReport
from posedeploy.api.stage_attribution import can_bisect
from posedeploy.benchmarks.parity import Parity
from posedeploy.commands.bisect_command import format_bisect
from posedeploy.commands.parity_sensitivity import sensitivity_lines
from posedeploy.commands.parity_tables import (
    noise_lines,
    paired_line,
    paired_table,
    parity_heading,
    parity_table,
    poses_line,
    stage_lines,
    verdict_line,
)
from posedeploy.commands.parity_videos import jitter_table, switch_lines
from posedeploy.console.output import check_json, fail, inform, out, write_json
from posedeploy.console.tables import integers_line
from posedeploy.errors import InputError, OutputError, PoseDeployError
from posedeploy.printable import printable


def show_parity(report: ParityReport, json: Path | None) -> None:
    """Show the tables and write the JSON."""
    for error in report.errors.values():
        fail(error)
    arguments = report.compared.arguments if report.compared is not None else {}
    for result in report.results:
        _show(result)
        if _is_for_bisect(result):
            command = printable(format_bisect(result.label, arguments))
            out.print(f"find the faulty layer with: {command}", markup=False, soft_wrap=True)
    if json is not None:
        write_json(json, report.to_json())


def check_outputs(
    json: Path | None,
    certificate: Path | None,
    junit: Path | None,
    save_reference: Path | None,
    *,
    pictures: bool,
    is_against: bool,
    is_served: bool,
) -> None:
    """Check, before the comparison, that all files can be written.

    Args:
        is_against: the reference is another artifact. is_served: an artifact is on a server. Certificates do
            not support either.
    """
    if certificate is not None and is_against:
        raise InputError(
            "--certificate and --against exclude each other: a certificate records a comparison with "
            "PyTorch; write --json or --junit instead of --certificate"
        )
    if certificate is not None and is_served:
        raise InputError(
            "--certificate: a certificate records files, and a model is on a server; write --json or --junit "
            "instead of --certificate"
        )
    if certificate is None and not pictures:
        raise InputError("--no-pictures: only valid with --certificate; also pass --certificate FILE.json")
    check_json(json)
    page = page_path(certificate) if certificate is not None else None
    paths = (json, certificate, page, junit, save_reference)
    outputs = [Path(realpath(each.parent), each.name) for each in paths if each is not None]
    for number, path in enumerate(outputs):
        if path in outputs[:number]:
            raise OutputError(f"{path}: two output files have this path; pass different files")
    if certificate is not None:
        plugins.module("jinja2", "report")
        check_certificate_path(certificate)
    if junit is not None:
        check_junit_path(junit)


@contextmanager
def record_error(junit: Path | None, models: Sequence[Path]) -> Iterator[None]:
    """Write an error for each artifact as JUnit XML if none of them can be compared, so that no older file
    remains, and raise the error again."""
    try:
        yield
    except PoseDeployError as error:
        if junit is not None:
            report = ParityReport((), {str(path): str(error) for path in models})
            inform(f"wrote {report.write_junit(junit)}")
        raise


def write_outputs(
    report: ParityReport, certificate: Path | None, junit: Path | None, *, pictures: bool
) -> None:
    """Write the certificate with its page, and the JUnit XML."""
    if certificate is not None:
        paths = report.write_certificate(certificate, pictures=pictures)
        inform(f"wrote {' and '.join(map(str, paths))}")
    if junit is not None:
        inform(f"wrote {report.write_junit(junit)}")


def _show(result: Parity) -> None:
    out.print(parity_heading(result), soft_wrap=True)
    if line := integers_line(result):
        out.print(line, markup=False, soft_wrap=True)
    out.print(parity_table(result))
    out.print(poses_line(result), markup=False)
    if (pairs := paired_table(result)) is not None:
        out.print(pairs)
    for line in filter(None, [paired_line(result)]):
        out.print(line, markup=False)
    if (jitter := jitter_table(result)) is not None:
        out.print(jitter)
    for line in (
        *switch_lines(result),
        *noise_lines(result),
        *stage_lines(result),
        *sensitivity_lines(result),
    ):
        out.print(line, markup=False)
    out.print(verdict_line(result), soft_wrap=True)
    out.print()
    for failure in result.failures:
        fail(f"{result.label}: {failure}")


def _is_for_bisect(result: Parity) -> bool:
    """Return whether ``bisect`` can find a layer that no known mistake explains."""
    return result.differs_in_network and result.cause is None and can_bisect(result)
