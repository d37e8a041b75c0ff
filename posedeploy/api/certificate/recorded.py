"""Convert the files and the arguments of a comparison to the form that a certificate records."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posedeploy import artifact_files, presets
from posedeploy.api.certificate.document import RecordedFile
from posedeploy.api.compared_files import FILE_ARGUMENTS, Comparison, InputFile, file_of, function_of
from posedeploy.api.model_args import is_sample
from posedeploy.api.parity_report import ParityReport
from posedeploy.backends import target_named
from posedeploy.errors import InputError
from posedeploy.file_states import hash_file
from posedeploy.input_files import path_exists
from posedeploy.printable import printable
from posedeploy.types import Artifact


def relative_path(path: Path, folder: Path) -> str:
    """Return a path relative to a folder, with slashes; absolute if they are on different drives."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.absolute().as_posix()


def describe_arguments(comparison: Comparison, folder: Path) -> dict[str, Any]:
    """Return the arguments, with paths relative to the folder of the certificate."""
    arguments = dict(comparison.arguments)
    if arguments.get("images") is not None:
        arguments["images"] = [relative_path(Path(each), folder) for each in arguments["images"]]
    for name in FILE_ARGUMENTS:
        value = arguments.get(name)
        if value is None:
            continue
        path = file_of(name, value)
        if path_exists(path) and not _is_built_in(name, path):
            arguments[name] = relative_path(path, folder) + function_of(name, value)
    return arguments


def _is_built_in(argument: str, path: Path) -> bool:
    """Return whether an argument is the name of a preset or of the sample; a folder may have this name."""
    return presets.is_preset(path) if argument == "contract" else argument == "checkpoint" and is_sample(path)


def describe_files(report: ParityReport, comparison: Comparison, folder: Path) -> list[RecordedFile]:
    """Return the files of a comparison with their hashes.

    Raises:
        InputError: one changed since the comparison.
        ArtifactError: the same of a file of an artifact.
    """
    hashes = {result.label: result.model_sha256 for result in report.results}
    artifacts = [_record_artifact(each, hashes.get(str(each.path)), folder) for each in comparison.artifacts]
    files = [_record_input(each, folder) for each in comparison.files if each.role != "checkpoint"]
    return [*artifacts, *_record_checkpoints(report, folder), *files]


def _record_artifact(artifact: Artifact, hashes: Mapping[str, str] | None, folder: Path) -> RecordedFile:
    recorded = dict(hashes or artifact_files.hashes_of(artifact))
    for name in target_named(artifact.target).file_names(artifact.path.stem):
        file = artifact.path.with_name(name)
        if name not in recorded and file.is_file():  # the weights of a third-party model
            recorded[name] = artifact_files.hash_file(file)[0]
    path = relative_path(artifact.path, folder)
    return RecordedFile(role="artifact", path=path, name=str(artifact.path), files=recorded)


def _record_checkpoints(report: ParityReport, folder: Path) -> list[RecordedFile]:
    """Return each checkpoint once, with the hash of the one that was loaded."""
    files: dict[tuple[str, str], RecordedFile] = {}
    for reference in filter(None, (result.reference for result in report.results)):
        is_file = reference.checkpoint is not None and reference.runtime_info is not None
        path = relative_path(Path(reference.checkpoint), folder) if is_file and reference.checkpoint else ""
        name = reference.checkpoint or "built-in sample"
        files[path, reference.checkpoint_sha256] = RecordedFile(
            role="checkpoint", path=path, name="" if is_file else name, sha256=reference.checkpoint_sha256
        )
    return list(files.values())


def _record_input(file: InputFile, folder: Path) -> RecordedFile:
    try:
        digest, state = hash_file(file.path)
    except OSError as error:
        raise InputError(f"{file.path}: cannot be read ({error.strerror}); compare again") from error
    if state != file.state:
        raise InputError(f"{file.path}: the file changed after it was compared; compare again")
    is_preset = file.path.parent == presets.FOLDER
    path = file.path.stem if is_preset else printable(relative_path(file.path, folder))
    return RecordedFile(role=file.role, path=path, name=file.name, sha256=digest)
