"""The verdicts of a comparison as JUnit XML, which CI servers show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from posedeploy import files
from posedeploy.api.certificate.output_paths import check_junit_path
from posedeploy.api.parity_report import ParityReport
from posedeploy.benchmarks.parity import Parity
from posedeploy.printable import printable

SUITE = "posedeploy.parity"


def write_junit(report: ParityReport, path: Path) -> Path:
    """Write one test for each artifact; see ``ParityReport.write_junit``."""
    check_junit_path(path)
    files.write_text(path, format_junit(report))
    return path


def format_junit(report: ParityReport) -> str:
    """Return the JUnit XML: a failure for each artifact that did not pass, an error if it did not run."""
    failed = sum(not result.passed for result in report.results)
    counts = {
        "name": SUITE,
        "tests": str(len(report.results) + len(report.errors)),
        "failures": str(failed),
        "errors": str(len(report.errors)),
        "skipped": "0",
    }
    root = ElementTree.Element("testsuites", {key: counts[key] for key in counts if key != "skipped"})
    suite = _add(root, "testsuite", counts)
    for result in report.results:
        _add_result(suite, result)
    for label, message in report.errors.items():
        case = _add(suite, "testcase", {"classname": SUITE, "name": label})
        _add(case, "error", {"message": message, "type": "did not run"}, message)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _add_result(suite: ElementTree.Element, result: Parity) -> None:
    case = _add(suite, "testcase", {"classname": SUITE, "name": result.label})
    info = result.runtime_info
    values = {
        "verdict": result.verdict,
        "runtime": f"{info.runtime} {info.version}",
        "device": info.device,
        "precision": info.precision,
        "reference": "PyTorch" if result.against is None else result.against.path,
        **{stage.stage: stage.status for stage in result.stages},
        **({} if result.cause is None else {"cause": result.cause.description}),
        **{f"sha256 {name}": digest for name, digest in result.model_sha256.items()},
    }
    properties = _add(case, "properties", {})
    for name, value in values.items():
        _add(properties, "property", {"name": name, "value": value})
    if result.failures:
        text = "\n".join(result.failures)
        _add(case, "failure", {"message": result.failures[0], "type": result.verdict}, text)


def _add(
    parent: ElementTree.Element, tag: str, attributes: Mapping[str, str], text: str = ""
) -> ElementTree.Element:
    shown = {name: _legal(value) for name, value in attributes.items()}
    element = ElementTree.SubElement(parent, tag, shown)
    element.text = "\n".join(map(_legal, text.splitlines())) or None
    return element


def _legal(text: str) -> str:
    """Return the text without characters that XML 1.0 does not allow."""
    return "".join(each if each not in "\ufffe\uffff" else "?" for each in printable(text))
