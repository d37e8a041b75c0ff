"""Search for the checkpoints of a certificate, which its artifacts name too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from posedeploy.api.certificate.document import RecordedFile
from posedeploy.api.certificate.locate import FileSearch, describe_difference, describe_missing
from posedeploy.api.model_args import ModelArgs
from posedeploy.api.recorded_files import find_recorded_checkpoint
from posedeploy.checkpoints.content_hash import hash_checkpoint
from posedeploy.runtimes.load_runner import open_artifact
from posedeploy.types import Artifact


def open_artifacts(paths: Sequence[Path], args: ModelArgs) -> list[Artifact]:
    """Return the artifacts as a comparison with these arguments opens them."""
    return [open_artifact(path, None if args.contract else args.spec) for path in paths]


def find_checkpoint(recorded: RecordedFile, artifacts: Sequence[Artifact], search: FileSearch) -> Path | None:
    """Return the checkpoint with the recorded hash, or the first one with its name, or None.

    It may be a folder. It is also searched for where the artifacts find it.
    """
    paths = search.find_all(recorded)
    if recorded.role not in search.chosen:
        named = [(each, each.provenance) for each in artifacts]
        paths += [
            path
            for artifact, origin in named
            if origin is not None and origin.checkpoint is not None
            and origin.checkpoint_sha256 == recorded.sha256
            and (path := find_recorded_checkpoint(artifact, origin.checkpoint, recorded.sha256)) is not None
        ]  # fmt: skip
    return next((path for path in paths if hash_checkpoint(path) == recorded.sha256), next(iter(paths), None))


def check_checkpoint(recorded: RecordedFile, path: Path | None, search: FileSearch) -> list[str]:
    """Return a message if a checkpoint is missing or differs. A folder is hashed when it is loaded."""
    if path is None:
        return [describe_missing(recorded, search)]
    reason = describe_difference(path, recorded.sha256) if path.is_file() else ""
    return [reason] if reason else []


def with_checkpoint(artifact: Artifact, paths: Mapping[str, Path]) -> Artifact | Path:
    """Return an artifact that names the path where its checkpoint is now; the path of the artifact if it
    names none of these.

    Args:
        paths: where the checkpoints are, by hash.
    """
    origin = artifact.provenance
    if origin is None or origin.checkpoint is None or origin.checkpoint_sha256 not in paths:
        return artifact.path
    path = paths[origin.checkpoint_sha256].resolve()
    return replace(artifact, provenance=replace(origin, checkpoint=str(path)))
