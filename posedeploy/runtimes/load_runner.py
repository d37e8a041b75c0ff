"""Open model files as artifacts, and artifacts as runners."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeAlias

from posedeploy import artifact_files, contracts, manifest, plugins
from posedeploy.argument_types import check_arguments
from posedeploy.backends import (
    Requirements,
    Runtime,
    Target,
    is_named_like_model,
    runtime_for,
    target_named,
    target_of,
)
from posedeploy.content_kinds import kind_of_file
from posedeploy.contract_document import UNKNOWN
from posedeploy.errors import ArtifactError, InputError, ManifestError, PoseDeployError, first_line
from posedeploy.families import has_decoding
from posedeploy.input_files import check_regular
from posedeploy.model_urls import is_model_url, to_path
from posedeploy.native_paths import native_path
from posedeploy.preset_choice import apply_described
from posedeploy.printable import printable
from posedeploy.runtimes.base import Runner
from posedeploy.types import Artifact, ModelSpec, RunOptions, TensorSpec

Load: TypeAlias = Callable[[Artifact, RunOptions], Runner]
OPEN_SERVED_MODEL = "posedeploy.client.served_model:open_served_model"
LOAD_SERVED_MODEL = "posedeploy.client.runner:load_served_model"
"""The functions for models on servers, which are imported only for these."""


@check_arguments
def open_artifact(path: Path, described: ModelSpec | None = None) -> Artifact:
    """Return a model file with the content of its manifest, or a third-party model with the user's
    description. The path may be the URL of a model on a server.

    A manifest belongs to the file whose hash it records. If the manifest named after this file records
    another hash, that is an error, unless the file is described.

    Args:
        described: the spec of a contract file or a family, for a model without a manifest, or of an unknown
            family.

    Raises:
        ArtifactError: the file is missing, or its suffix is not of any target.
        ManifestError: its manifest does not belong to it.
        InputError: it has a manifest with the same facts, or does not fit the description.
        ServerError: the server of the URL cannot be reached, or does not serve the model.
    """
    if is_model_url(path):
        served: Artifact = plugins.load(OPEN_SERVED_MODEL)(to_path(path), described)
        return served
    _check_kind(path)
    target = target_of(path)
    if described is not None and path.is_file():
        if not manifest.has_manifest(path):
            return _third_party(path, target, described)
        recorded = manifest.read(path)
        if has_decoding(recorded.spec.family):
            raise InputError(f"{path}: its manifest already describes it; remove `contract` and `family`")
        return replace(recorded, spec=contracts.add_family(recorded.spec, described, str(path)))
    artifact = manifest.find(path) if path.is_file() else manifest.read(path)
    if artifact is not None:
        if artifact.target != target.name:
            raise ManifestError(
                f"{path}: the target in its manifest is {artifact.target!r}, and its suffix is that of "
                f"{target.name}; rename it back"
            )
        return artifact
    return _third_party(path, target, ModelSpec(UNKNOWN, printable(path.stem), (), ()))


def _third_party(path: Path, target: Target, spec: ModelSpec) -> Artifact:
    for name in target.file_names(path.name.removesuffix(target.suffix)):
        if path.with_name(name).exists():
            check_regular(path.with_name(name), f"a file of the {target.name} model", ArtifactError)
    return artifact_files.verify(Artifact(path, target.name, spec, "unknown"))


def _check_kind(path: Path) -> None:
    """Check that the content is not of another kind of file.

    Raises:
        ArtifactError: it is a checkpoint, a web page or the like.
    """
    kind = kind_of_file(path)
    if kind is not None and kind.refused:
        raise ArtifactError(kind.describe_mismatch(path, "a model file"))
    if kind is not None and kind.weights and not is_named_like_model(path):
        raise ArtifactError(
            f"{path}: {kind.what}, not an exported model; export it first: posedeploy export "
            f"{shlex.quote(str(path))}"
        )


@check_arguments
def open_runner(artifact: Artifact, options: RunOptions, runtime: str | None = None) -> Runner:
    """Load an artifact into a runtime, by default the first one of its target.

    Raises:
        ArtifactError: the runtime does not run this target or cannot load the file, or a file changed between
            hashing and the end of loading.
        DeviceError: the runtime does not support the ``options``.
        MissingPackageError: the runtime is not installed.
    """
    load = runner_of(artifact, runtime)
    if is_model_url(artifact.path):
        return load(artifact, options)
    artifact = artifact_files.verify(artifact)
    with ExitStack() as on_error:
        runner = on_error.enter_context(_load(load, artifact, options))
        artifact_files.check_unchanged(artifact)
        on_error.pop_all()
    return runner


def _load(load: Load, artifact: Artifact, options: RunOptions) -> Runner:
    _check_extra_files(artifact)
    try:
        return _load_by_native_path(load, artifact, options)
    except UnicodeDecodeError as error:  # from pybind11, which decodes names and messages of native libraries
        invalid = error.object[error.start : error.end]
        raise ArtifactError(
            f"{artifact.path}: the file is damaged: a name in it, or an error of the runtime, has the bytes "
            f"{invalid!r}, which are not UTF-8; download it again, or export it again"
        ) from error
    except MemoryError as error:  # std::bad_alloc, also for wrong sizes in a damaged file
        raise ArtifactError(
            f"{artifact.path}: loading it needs more memory than is free ({first_line(error)}); free some "
            "memory. If the network is small, the file is damaged: download it again"
        ) from error


def _check_extra_files(artifact: Artifact) -> None:
    """Check that the other files of the model are regular, since a runtime would wait forever on a named
    pipe."""
    for suffix in target_named(artifact.target).extra_suffixes:
        path = artifact.path.with_suffix(suffix)
        if path.exists():
            check_regular(path, f"the {suffix} file of {artifact.path.name}", ArtifactError)


def _load_by_native_path(load: Load, artifact: Artifact, options: RunOptions) -> Runner:
    with native_path(artifact.path) as path:
        if path == artifact.path:
            return load(artifact, options)
        try:
            return load(replace(artifact, path=path), options)
        except PoseDeployError as error:
            raise type(error)(str(error).replace(str(path), str(artifact.path))) from error


def runner_of(artifact: Artifact, runtime: str | None = None) -> Load:
    """Return the runner class for an artifact and a runtime, by default the first one of its target.

    Raises:
        ArtifactError: the runtime does not run this target.
        MissingPackageError: the runtime is not installed.
    """
    if is_model_url(artifact.path):
        served: Load = plugins.load(LOAD_SERVED_MODEL)(artifact.path, runtime)
        return served
    row = runtime_for(target_named(artifact.target), runtime)
    load: Load = plugins.load(row.runner, _requirements(artifact, row).extra)
    return load


def devices_of(artifact: Artifact, runtime: str | None = None) -> tuple[str, ...]:
    """Return the devices of the runtime, or the one that the artifact was compiled for.

    Raises:
        ArtifactError: the runtime does not run this target.
    """
    row = runtime_for(target_named(artifact.target), runtime)
    device = _requirements(artifact, row).device
    return (device,) if device in row.devices else row.devices


def _requirements(artifact: Artifact, row: Runtime) -> Requirements:
    if row.requirements is None:
        return Requirements()
    requirements: Requirements = plugins.load(row.requirements)(artifact)
    return requirements


class HasTensors(Protocol):
    """An object with the tensors of a model file: a ``Runner`` or a ``RunnerReport``."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs in the order of the file."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs in the order of the file."""


def resolve_spec(artifact: Artifact, runner: HasTensors) -> ModelSpec:
    """Return the spec of the artifact, checked against the tensors of the file.

    The caller still closes the runner.

    Raises:
        ArtifactError: the file has other tensors than the manifest.
        InputError: the user's description does not fit the tensors of the file.
    """
    inputs, outputs = runner.inputs, runner.outputs
    if artifact.provenance is not None:
        expected = [tensor.name for tensor in (*artifact.spec.inputs, *artifact.spec.outputs)]
        own = [tensor.name for tensor in (*inputs, *outputs)]
        if expected != own:
            raise ArtifactError(
                f"{artifact.path}: its manifest has the tensors {', '.join(expected)}, and the file has "
                f"{', '.join(own)}; export it again"
            )
        return artifact.spec
    unknown = artifact.spec.family == UNKNOWN and artifact.spec.contract is None
    if unknown and not artifact.spec.outputs:
        return ModelSpec(UNKNOWN, artifact.path.stem, inputs, outputs)
    return apply_described(artifact.spec, inputs, outputs, str(artifact.path))
