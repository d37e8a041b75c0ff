"""An artifact in the layout of a model server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from posedeploy import artifact_files, files, manifest
from posedeploy.api.model_args import ArtifactSource, to_source
from posedeploy.argument_types import check_arguments
from posedeploy.bundles import kserve, ovms, triton
from posedeploy.bundles.options import BundleOptions, ServerName, model_name
from posedeploy.errors import InputError, ManifestError, OutputError
from posedeploy.families import has_decoding
from posedeploy.keypoint_descriptions import find_missing_description
from posedeploy.model_urls import is_model_url
from posedeploy.types import Artifact, Model, StrPath

DEFAULTS = BundleOptions()


@dataclass(frozen=True)
class Bundle:
    """A written bundle. models: the names of its models on the server. files: relative to ``folder``."""

    folder: Path
    models: tuple[str, ...]
    files: tuple[Path, ...]


@check_arguments
def bundle(
    artifact: ArtifactSource, server: ServerName, output: StrPath, options: BundleOptions = DEFAULTS
) -> Bundle:
    """Write an artifact in the layout of a model server, whole or not at all.

    The config of the model contains the manifest, so that clients can verify which model is served.

    Args:
        server: ``triton`` (a model repository), ``ovms`` (a model repository and its ``config.json``) or
            ``kserve`` (a model repository of Triton and its ``InferenceService``).
        output: the folder, which must be new or empty.

    Raises:
        InputError: the artifact has no manifest, or an option does not fit the server or the artifact.
        ExportError: the server does not run the target of the artifact.
        DeviceError: the server does not have the device.
        OutputError: the folder is not empty, or cannot be written.
    """
    opened, folder = _open(artifact), Path(output)
    _check_options(opened, server, options)
    name = model_name(opened, options, server)
    _check_folder(folder)
    has_poses = _has_poses(opened, server, options)
    place = folder.resolve()  # a link to an empty folder stays
    with files.staged(place.parent) as stage:
        written = stage / place.name
        written.mkdir()
        if server == "ovms":
            ovms.write_repository(opened, name, options, written)
        else:
            repository = written if server == "triton" else written / kserve.REPOSITORY
            triton.write_repository(opened, name, options, repository, has_poses=has_poses)
        if options.storage_uri is not None:
            kserve.write_service(opened, name, options.storage_uri, options, written)
        artifact_files.check_unchanged(opened)
        paths = tuple(sorted(path.relative_to(written) for path in written.rglob("*") if path.is_file()))
        if place.exists():
            place.rmdir()
    return Bundle(folder, (name, f"{name}_poses") if has_poses else (name,), paths)


def _open(source: ArtifactSource) -> Artifact:
    opened = to_source(source)
    path = opened.path if isinstance(opened, Artifact) else opened
    if isinstance(path, Model) or is_model_url(path):
        raise InputError(f"{path}: not a model file; pass an exported one")
    artifact = opened if isinstance(opened, Artifact) else manifest.read(path)
    if artifact.provenance is None:
        raise ManifestError(
            f"{path}: it has no manifest, from which the config of the server is written; export it from its "
            "checkpoint"
        )
    return artifact_files.verify(artifact)


def _check_options(artifact: Artifact, server: ServerName, options: BundleOptions) -> None:
    """Check that the options fit the server and each other."""
    if (server == "kserve") != (options.storage_uri is not None):
        raise InputError(
            "`storage_uri`: KServe needs the location that you will copy the model repository to, such as "
            "s3://bucket/human; pass it"
            if server == "kserve"
            else f"`storage_uri={options.storage_uri}`: only valid for kserve; leave it out"
        )
    if server == "ovms" and options.python_backend:
        raise InputError("`python_backend`: only valid for triton and kserve; leave it out")
    if server == "ovms" and options.poses:
        raise InputError("`poses`: a bundle for OpenVINO Model Server has no Python model; leave it out")
    if options.poses and (reason := _explain_undecodable(artifact)):
        raise InputError(f"`poses`: {reason}; leave it out")


def _has_poses(artifact: Artifact, server: ServerName, options: BundleOptions) -> bool:
    if options.poses is not None:
        return options.poses
    return server == "triton" and not _explain_undecodable(artifact)


def _explain_undecodable(artifact: Artifact) -> str:
    """Return why no poses can be decoded from an image; '' if they can."""
    spec = artifact.spec
    if spec.joints is not None:
        return f"{artifact.path} takes 2D joints, not images"
    if not has_decoding(spec.family):
        return f"no poses can be decoded from {artifact.path}, whose family {spec.family!r} is unknown"
    return find_missing_description(spec) or ""


def _check_folder(folder: Path) -> None:
    """Check that the folder is new or empty."""
    if not folder.absolute().name:
        raise OutputError(f"{folder}: not the name of a new folder; pass another one")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        kind = "a folder that is not empty" if folder.is_dir() else "a file"
        raise OutputError(f"{folder}: {kind} is in the way; pass a new folder, or remove it first")
