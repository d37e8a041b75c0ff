"""The differences between a certificate and a repeated comparison."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from posedeploy.api.certificate.code_version import describe_code, list_packages
from posedeploy.api.certificate.document import CertificateDocument
from posedeploy.api.certificate.histograms import count_errors
from posedeploy.api.certificate.limits import list_limit_changes
from posedeploy.api.certificate.numbers import Change, compare_limited, count_numbers, list_changes
from posedeploy.api.certificate.verification import Finding, Verification
from posedeploy.api.parity_document import ParityRow
from posedeploy.api.parity_report import ParityReport
from posedeploy.text_files import encode_json

REFERENCE_FIELDS = (
    ("checkpoint_sha256", "the checkpoint"),
    ("network_sha256", "the file of the network"),
    ("mesh_sha256", "the mesh"),
)
MACHINE_FIELDS = ("cpu", "physical_cores", "system", "python")
RUNTIME_FIELDS = ("runtime", "device", "precision", "threads")


def list_differences(document: CertificateDocument) -> Iterator[Finding]:
    """Yield the differences of code and packages; they are not failures."""
    code, packages = describe_code(), list_packages()
    if code != document.code:
        before = f"{document.code.release} ({document.code.sha256[:12]}...)"
        yield Finding("code", f"posedeploy: {before} then, {code.release} ({code.sha256[:12]}...) now", False)
    for name in sorted({*document.packages, *packages}):
        then, now = document.packages.get(name, "not installed"), packages.get(name, "not installed")
        if then != now:
            yield Finding("package", f"{name}: {then} then, {now} now", False)


def judge(verification: Verification, report: ParityReport, artifacts: Sequence[Path]) -> Verification:
    """Return the verification with the differences of the repeated comparison.

    Args:
        artifacts: the paths of the artifacts now, in the order of the certificate.
    """
    document, now = verification.document, json.loads(report.to_json())
    then, results = _group_by_label(document.parity["results"]), _group_by_label(now["results"])
    findings = [*verification.findings, *_compare_machines(document.parity.get("machine"), now["machine"])]
    numbers, changes, limited = 0, list[Change](), list[Change]()
    entries = [each for each in document.files if each.role == "artifact"]
    for entry, artifact in zip(entries, artifacts, strict=True):
        recorded, current = _take(then, entry.name), _take(results, str(artifact))
        if recorded is None or current is None:
            findings += _compare_runs(artifact, recorded, current, report)
            continue
        numbers += count_numbers(recorded)
        changes += list_changes(recorded, current, artifact.name)
        limited += [
            replace(change, name=f"{artifact.name}: {change.name}")
            for change in compare_limited(recorded, current)
        ]
        findings += _compare_results(artifact, recorded, current)
        findings += _compare_limits(artifact, recorded, current, document.arguments)
        findings += _compare_hashes(artifact, recorded, entry.files)
    changes += list_changes(list(document.histograms), _count_errors(report), "histograms")
    findings += [
        Finding("number", _describe_excess(each, verification.max_change), True)
        for each in limited
        if 100 * (each.share or 0.0) > verification.max_change
    ]
    return replace(
        verification,
        findings=tuple(findings),
        numbers=numbers,
        changes=tuple(changes),
        limited=tuple(limited),
        report=report,
    )


def _group_by_label(results: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the results of each artifact, in their order."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for each in results:
        groups.setdefault(each["label"], []).append(each)
    return groups


def _take(groups: Mapping[str, list[Mapping[str, Any]]], label: str) -> Mapping[str, Any] | None:
    """Remove and return the first result with this label; None if there is none."""
    group = groups.get(label)
    return group.pop(0) if group else None


def _count_errors(report: ParityReport) -> list[Any]:
    """Return the histograms as the JSON of a certificate has them."""
    histograms: list[Any] = json.loads(encode_json([count_errors(result) for result in report.results]))
    return histograms


def _compare_machines(then: Any, now: Mapping[str, Any]) -> Iterator[Finding]:
    then = then if isinstance(then, Mapping) else {}
    for name in MACHINE_FIELDS:
        if then.get(name) != now[name]:
            text = f"{name.replace('_', ' ')}: {then.get(name)} then, {now[name]} now"
            yield Finding("machine", text, False)


def _compare_runs(
    artifact: Path, then: Mapping[str, Any] | None, now: Mapping[str, Any] | None, report: ParityReport
) -> Iterator[Finding]:
    """Yield the difference if an artifact ran only once: either for the certificate or now."""
    if then is not None:
        reason = report.errors.get(str(artifact), "it did not run")
        yield Finding("verdict", f"{artifact}: did not run now, but ran for the certificate: {reason}", True)
    elif now is not None:
        yield Finding("verdict", f"{artifact}: runs now, but did not run for the certificate", True)


def _compare_results(artifact: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Finding]:
    if bool(then.get("passed")) != now["passed"]:
        states = [("passes" if each.get("passed") else "does not pass") for each in (now, then)]
        message = f"{artifact}: {states[0]} now, but {states[1]} in the certificate"
        failures = now["failures"]
        yield Finding("verdict", f"{message}: {failures[0]}" if failures else message, True)
    doubts = [msgspec.convert(each, ParityRow).doubt for each in (then, now)]
    if doubts[0] != doubts[1]:
        before, after = (repr(doubt) if doubt else "absent" for doubt in doubts)
        message = f"the remark on the inputs is {after} now, but {before} in the certificate"
        yield Finding("verdict", f"{artifact}: {message}", True)
    yield from _compare_fields(artifact, then, now, "runtime_info", RUNTIME_FIELDS)
    yield from _compare_references(artifact, then.get("reference"), now["reference"])


def _compare_fields(
    artifact: Path, then: Mapping[str, Any], now: Mapping[str, Any], field: str, names: Sequence[str]
) -> Iterator[Finding]:
    """Yield the differing fields of the runtime; they are not failures."""
    before = then.get(field)
    before = before if isinstance(before, Mapping) else {}
    for name in names:
        if before.get(name) != now[field][name]:
            text = f"{artifact}: {name}: {before.get(name)} then, {now[field][name]} now"
            yield Finding("machine", text, False)


def _compare_limits(
    artifact: Path, then: Mapping[str, Any], now: Mapping[str, Any], arguments: Mapping[str, Any]
) -> Iterator[Finding]:
    """Yield the limits that differ; they are failures unless the noise floor explains the difference."""
    for each in list_limit_changes(then, now, arguments):
        message = (
            f"{artifact}: the limit `{each.name}` is {each.now} now, but {each.recorded} in the certificate"
        )
        if each.is_noise:
            message += ", as the measured noise floor"
        yield Finding("limit", message, not each.is_noise)


def _compare_hashes(artifact: Path, then: Mapping[str, Any], files: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a failure if a recorded result is of other files than those that were checked."""
    hashes = then.get("model_sha256")
    for name, digest in hashes.items() if isinstance(hashes, Mapping) else ():
        if files.get(name) != digest:
            message = (
                f"the result in the certificate is of another file {name}: its SHA-256 is {digest[:12]}..."
            )
            yield Finding("file", f"{artifact}: {message}", True)


def _compare_references(artifact: Path, then: Any, now: Any) -> Iterator[Finding]:
    then, now = (each if isinstance(each, Mapping) else {} for each in (then, now))
    for name, what in REFERENCE_FIELDS:
        before, after = then.get(name), now.get(name)
        if before != after:
            yield Finding(
                "reference",
                f"{artifact}: {what} changed: its SHA-256 is {str(after)[:12]}..., expected "
                f"{str(before)[:12]}...; restore the recorded file, or write a new certificate",
                True,
            )


def _describe_excess(change: Change, max_change: float) -> str:
    share = 100 * (change.share or 0.0)
    return (
        f"{change.name} is {_format_number(change.now)} now, but {_format_number(change.recorded)} in the "
        f"certificate: a change of {share:.3g}% of its limit, and at most {max_change:g}% passes"
    )


def _format_number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "not a finite number"
