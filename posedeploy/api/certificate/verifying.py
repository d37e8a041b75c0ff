"""Check a certificate: the hashes of its files, and its numbers by repeating the comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from posedeploy.api.certificate.document import CertificateDocument, RecordedFile, read_certificate
from posedeploy.api.certificate.judging import judge, list_differences
from posedeploy.api.certificate.locate import FileSearch, check_artifact, check_file, check_images
from posedeploy.api.certificate.repeat import parse_arguments
from posedeploy.api.certificate.verification import Finding, Verification
from posedeploy.api.compared_files import FILE_ARGUMENTS, Role, file_of
from posedeploy.api.comparing import compare
from posedeploy.api.model_args import list_paths, optional_path
from posedeploy.argument_types import check_arguments
from posedeploy.convert.export_options import ignore_progress
from posedeploy.errors import InputError
from posedeploy.types import OnProgress, StrPath

MAX_CHANGE = 10.0
"""The default of ``max_change``, in percent. It covers rounding on other processors in FP32, whose noise is
far below the tolerance."""


@check_arguments
def verify(
    certificate: StrPath,
    *,
    folder: StrPath | None = None,
    images: StrPath | Iterable[StrPath] | None = None,
    checkpoint: StrPath | None = None,
    network: str | None = None,
    contract: StrPath | None = None,
    mesh: StrPath | None = None,
    reference: StrPath | None = None,
    collected_outputs: StrPath | None = None,
    max_change: float = MAX_CHANGE,
    on_progress: OnProgress = ignore_progress,
) -> Verification:
    """Check the files of a certificate, repeat its comparison, and compare verdicts and numbers.

    The comparison is repeated only if all files have their recorded hashes. Files are searched for at their
    paths relative to the certificate, and next to it.

    Args:
        certificate: a JSON file of ``posedeploy parity --certificate``.
        folder: search for the files here first, at their recorded paths and by their names.
        images: the recorded images, or their folders; as many paths as for the comparison.
        checkpoint: the file, if it has another path now.
        contract: the same for the contract.
        mesh: the same for the mesh.
        reference: the same for the reference file.
        collected_outputs: the same for the collected outputs.
        network: ``FILE.py:FUNCTION`` of your own network, which must be repeated, because it is executed.
        max_change: how far a number that decides about a verdict may change, in percent of its limit.

    Raises:
        InputError: the certificate cannot be read, or was changed after it was written.
        PoseDeployError: the comparison cannot be repeated on this machine.
    """
    if not 0 <= max_change < float("inf"):
        raise InputError(f"`max_change={max_change:g}`: expected a percentage of at least 0")
    path = Path(certificate)
    on_progress(f"checking the files of {path}", None)
    document = read_certificate(path)
    passed = {
        "checkpoint": checkpoint, "contract": contract, "mesh": mesh,
        "reference": reference, "collected_outputs": collected_outputs,
        "network": file_of("network", network) if network is not None else None,
    }  # fmt: skip
    chosen = {cast(Role, role): Path(value) for role, value in passed.items() if value is not None}
    search = FileSearch(path.parent, optional_path(folder), chosen, list_paths(images))
    arguments = parse_arguments(document.arguments, str(path))
    _check_network(document, arguments, network)
    findings = list(list_differences(document))
    paths, problems, checked = _locate(document, arguments, search)
    findings += [Finding("file", problem, is_failure=True) for problem in problems]
    verification = Verification(
        certificate=path, document=document, findings=tuple(findings), files=checked, max_change=max_change
    )
    if problems:
        return verification
    report = compare(paths, **_with_paths(arguments, search, network), on_progress=on_progress)
    return judge(verification, report, paths)


def _check_network(document: CertificateDocument, arguments: Mapping[str, Any], network: str | None) -> None:
    recorded = arguments.get("network")
    if recorded is not None and network is None:
        raise InputError(
            f"the certificate is of your own network: repeat `network={recorded}`, because it executes the "
            "file"
        )
    if recorded is None and network is not None:
        raise InputError(f"`network={network}`: the certificate has no network of your own; leave it out")


def _locate(
    document: CertificateDocument, arguments: Mapping[str, Any], search: FileSearch
) -> tuple[list[Path], list[str], int]:
    """Return the paths of the artifacts, a message for each file that is missing or differs, and the number
    of files that were compared."""
    artifacts: list[Path] = []
    problems: list[str] = []
    images = [each for each in document.files if each.role == "image"]
    checked = len(images)
    for recorded in document.files:
        if recorded.role == "artifact":
            path, reasons = check_artifact(recorded, search)
            artifacts += [path] if path is not None else []
            checked += len(recorded.files)
        elif recorded.role in ("image", "checkpoint"):  # a checkpoint is hashed when it is loaded
            continue
        else:
            _, reasons = check_file(recorded, search)
            checked += 1
        problems += reasons
    if arguments.get("images") is not None:
        problems += check_images(images, search.find_images(arguments["images"]))
    return artifacts, problems, checked


def _with_paths(arguments: Mapping[str, Any], search: FileSearch, network: str | None) -> dict[str, Any]:
    """Return the arguments with the paths where the files are now."""
    values = dict(arguments)
    if values.get("images") is not None:
        values["images"] = search.find_images(values["images"])
    for name in FILE_ARGUMENTS:
        recorded = values.get(name)
        if recorded is None or recorded == "sample":
            continue
        if name == "network":
            values[name] = network
        else:
            values[name] = search.find(RecordedFile(role=cast(Role, name), path=recorded)) or recorded
    if "checkpoint" in search.chosen:
        values["checkpoint"] = search.chosen["checkpoint"]
    return values
