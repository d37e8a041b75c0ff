"""Check a certificate: the hashes of its files, and its numbers by repeating the comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from posedeploy.api.certificate.conclusion import check_conclusion
from posedeploy.api.certificate.document import CertificateDocument, RecordedFile, read_certificate
from posedeploy.api.certificate.judging import judge, list_differences
from posedeploy.api.certificate.locate import (
    FileSearch,
    check_artifact,
    check_file,
    check_images,
    check_unrecorded,
)
from posedeploy.api.certificate.located_checkpoints import (
    check_checkpoint,
    find_checkpoint,
    open_artifacts,
    with_checkpoint,
)
from posedeploy.api.certificate.repeat import parse_arguments
from posedeploy.api.certificate.verification import Finding, Verification
from posedeploy.api.compared_files import FILE_ARGUMENTS, Role, contract_of, file_of, function_of
from posedeploy.api.comparing import compare
from posedeploy.api.model_args import ModelArgs, ModelKeywords, format_paths, list_paths, optional_path
from posedeploy.argument_types import check_arguments
from posedeploy.convert.export_options import ignore_progress
from posedeploy.errors import InputError
from posedeploy.types import Artifact, OnProgress, StrPath

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
    }  # fmt: skip
    if network is not None:
        source = file_of("network", network)
        passed |= {"network": source, "network_contract": contract_of(source)}
    chosen = {cast(Role, role): Path(value) for role, value in passed.items() if value is not None}
    search = FileSearch(path.parent, optional_path(folder), chosen, list_paths(images))
    arguments = parse_arguments(document.arguments, str(path))
    _check_network(arguments, network)
    _check_roles(document, search)
    findings = [*list_differences(document), *check_conclusion(document, str(path))]
    located = _locate(document, arguments, search)
    findings += [Finding("file", problem, is_failure=True) for problem in located.problems]
    verification = Verification(
        certificate=path,
        document=document,
        findings=tuple(findings),
        files=located.checked,
        max_change=max_change,
    )
    if located.problems:
        return verification
    values = _with_paths(document, arguments, search, located, network)
    sources = [with_checkpoint(artifact, located.checkpoints) for artifact in located.artifacts]
    report = compare(sources, **values, on_progress=on_progress)
    return judge(verification, report, [artifact.path for artifact in located.artifacts])


def _check_network(arguments: Mapping[str, Any], network: str | None) -> None:
    recorded = arguments.get("network")
    if recorded is not None and network is None:
        raise InputError(
            f"the certificate is of your own network: repeat `network={recorded}`, because it executes the "
            "file"
        )
    if recorded is None and network is not None:
        raise InputError(f"`network={network}`: the certificate has no network of your own; leave it out")
    if recorded is None or network is None:
        return
    function, expected = function_of("network", network), function_of("network", recorded)
    if function != expected:
        raise InputError(
            f"`network={network}`: the certificate is of {recorded}; pass "
            f"`network={file_of('network', network)}{expected}`"
        )


def _check_roles(document: CertificateDocument, search: FileSearch) -> None:
    """Check that the certificate has files for all paths that the user passed."""
    if search.images and document.arguments.get("images") is None:
        raise InputError(
            f"`images={format_paths(search.images)}`: the certificate has no images; leave it out"
        )
    roles = {each.role for each in document.files if each.path}
    for role, path in search.chosen.items():
        if role in ("contract", "checkpoint", "reference", "collected_outputs") and role not in roles:
            what = role.replace("_", " ")
            raise InputError(f"`{role}={path}`: the certificate has no {what}; leave it out")


@dataclass(frozen=True)
class _Located:
    """The files of a certificate: the artifacts, the checkpoints by hash, a message for each file that is
    missing or differs, and the number of files that were compared."""

    artifacts: list[Artifact]
    checkpoints: dict[str, Path]
    problems: list[str]
    checked: int


def _locate(document: CertificateDocument, arguments: Mapping[str, Any], search: FileSearch) -> _Located:
    paths, checkpoints = list[Path](), dict[str, Path]()
    problems = list[str]()
    checked = 0
    for recorded in document.files:
        if recorded.role == "artifact":
            path, reasons = check_artifact(recorded, search)
            paths += [path] if path is not None and not reasons else []
            problems += reasons
            checked += len(recorded.files)
        elif recorded.role not in ("image", "checkpoint"):
            problems += check_file(recorded, search)[1]
            checked += 1
    problems += check_unrecorded(document.files, search)
    args = ModelArgs.of(_describe_model(arguments, search))
    artifacts = open_artifacts(paths, args)
    for recorded in _list_checkpoints(document):
        path = find_checkpoint(recorded, artifacts, search)
        problems += check_checkpoint(recorded, path, search)
        checked += 1
        if path is not None:
            checkpoints[recorded.sha256] = path
    if arguments.get("images") is not None:
        images = [each for each in document.files if each.role == "image"]
        problems += check_images(images, arguments["images"], search)
        checked += len(images)
    return _Located(artifacts, checkpoints, problems, checked)


def _list_checkpoints(document: CertificateDocument) -> list[RecordedFile]:
    """Return the checkpoints that are files or folders: neither the built-in sample nor a reference file."""
    return [each for each in document.files if each.role == "checkpoint" and each.path]


def _describe_model(arguments: Mapping[str, Any], search: FileSearch) -> ModelKeywords:
    """Return the arguments that decide how a model file is opened."""
    contract = arguments.get("contract")
    path = None if contract is None else search.find(RecordedFile(role="contract", path=contract))
    return {"family": arguments.get("family"), "contract": path}


def _with_paths(
    document: CertificateDocument,
    arguments: Mapping[str, Any],
    search: FileSearch,
    located: _Located,
    network: str | None,
) -> dict[str, Any]:
    """Return the arguments with the paths where the files are now."""
    values = dict(arguments)
    if values.get("images") is not None:
        values["images"] = search.find_images(values["images"])
    hashes = {each.path: each.sha256 for each in _list_checkpoints(document)}
    for name in FILE_ARGUMENTS:
        recorded = values.get(name)
        if recorded is None:
            continue
        if name == "network":
            values[name] = network
        elif name == "checkpoint":
            values[name] = located.checkpoints.get(hashes.get(recorded, ""), recorded)
        else:
            values[name] = search.find(RecordedFile(role=name, path=recorded)) or recorded
    if "mesh" in search.chosen:  # recorded, or named by the manifest of an artifact
        values["mesh"] = search.chosen["mesh"]
    return values
