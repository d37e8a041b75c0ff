"""Write a certificate and its page."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from posedeploy import files, plugins
from posedeploy.api.certificate.code_version import describe_code, list_packages
from posedeploy.api.certificate.conclusion import format_verdict
from posedeploy.api.certificate.document import FORMAT, VERSION, CertificateDocument, digest_of
from posedeploy.api.certificate.histograms import count_errors
from posedeploy.api.certificate.output_paths import check_certificate_path, page_path
from posedeploy.api.certificate.recorded import describe_arguments, describe_files
from posedeploy.api.parity_report import ParityReport
from posedeploy.errors import InputError
from posedeploy.model_urls import is_model_url
from posedeploy.text_files import encode_json, format_json


def write_certificate(report: ParityReport, path: Path, *, pictures: bool = True) -> tuple[Path, Path]:
    """Write a certificate and its page, both or none; see ``ParityReport.write_certificate``."""
    check_certificate_path(path)
    render = plugins.load("posedeploy.api.certificate.page:render_page")
    content = build_content(report, path.parent)
    document = msgspec.convert(content, CertificateDocument)
    page = page_path(path)
    text = render(document, report, path.name, pictures=pictures)
    with files.staged(path.parent) as stage:
        (stage / path.name).write_text(format_json(content), encoding="utf-8")
        (stage / page.name).write_text(text, encoding="utf-8")
    return path, page


def build_content(report: ParityReport, folder: Path) -> dict[str, Any]:
    """Return the content of a certificate in this folder, with its digest, as plain values.

    Raises:
        InputError: a file changed after the comparison, or the report has no record of its comparison.
    """
    against = next((result.against for result in report.results if result.against is not None), None)
    if against is not None:
        raise InputError(
            f"no certificate can be written: the reference is {against.path} (`against`), and a certificate "
            "records a comparison with PyTorch; write the JSON of the report instead"
        )
    if report.compared is None:
        raise InputError(
            "no certificate can be written: this report has no record of its comparison; use the report that "
            "`posedeploy.compare` returns"
        )
    served = [artifact.path for artifact in report.compared.artifacts if is_model_url(artifact.path)]
    if served:
        raise InputError(
            f"{served[0]}: no certificate for a model on a server, because it records files; compare the file"
        )
    document = CertificateDocument(
        format=FORMAT,
        version=VERSION,
        sha256="",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        passed=report.passed,
        verdict=format_verdict(report.results, report.errors),
        code=describe_code(),
        packages=list_packages(),
        arguments=describe_arguments(report.compared, folder),
        files=tuple(describe_files(report, report.compared, folder)),
        parity=report.to_document(),
        histograms=tuple(count_errors(result) for result in report.results),
    )
    # The digest is computed from the parsed JSON, in which infinity is null and tuples are lists.
    content: dict[str, Any] = json.loads(encode_json(document))
    return {**content, "sha256": digest_of(content)}
