"""A model file becomes an artifact, and an artifact a runner."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeAlias

from posedeploy import artifact_files, contracts, manifest, plugins
from posedeploy.backends import Target, is_named_like_model, runtime_for, target_named, target_of
from posedeploy.content_kinds import kind_of_file
from posedeploy.errors import ArtifactError, InputError, ManifestError, PoseDeployError, first_line
from posedeploy.input_files import check_regular
from posedeploy.native_paths import native_path
from posedeploy.printable import printable
from posedeploy.runtimes.base import Runner
from posedeploy.types import Artifact, ModelSpec, RunOptions, TensorSpec

Load: TypeAlias = Callable[[Artifact, RunOptions], Runner]


def open_artifact(path: Path, described: ModelSpec | None = None) -> Artifact:
    """A model file with what its manifest says, or, for one made by others, what the user says of it.

    Args:
        described: from a contract file or a family's name; only for a model without a manifest.

    A manifest belongs to the file whose hash it records. One that is named for this file and records another
    hash is an error, unless the file is described.

    Raises:
        ArtifactError: the file is missing or not named like any target's.
        ManifestError: its manifest does not fit it.
        InputError: it has a manifest and is described besides.
    """
    _check_kind(path)
    target = target_of(path)
    if described is not None and path.is_file():
        if manifest.has_one(path):
            raise InputError(f"{path}: its manifest says what it is; leave out `contract` and `family`")
        return _third_party(path, target, described)
    artifact = manifest.find(path) if path.is_file() else manifest.read(path)
    if artifact is not None:
        if artifact.target != target.name:
            raise ManifestError(
                f"{path}: its manifest calls it {artifact.target!r}, and it is named like {target.name}; "
                "rename it back"
            )
        return artifact
    return _third_party(path, target, ModelSpec(contracts.UNKNOWN, printable(path.stem), (), ()))


def _third_party(path: Path, target: Target, spec: ModelSpec) -> Artifact:
    for name in target.file_names(path.name.removesuffix(target.suffix)):
        if path.with_name(name).exists():  # a runtime would wait for the other end of a named pipe
            check_regular(path.with_name(name), f"a file of the {target.name} model", ArtifactError)
    return artifact_files.verify(Artifact(path, target.name, spec, "unknown"))


def _check_kind(path: Path) -> None:
    """Name what is no model file, whatever its name is.

    Raises:
        ArtifactError: it is a web page or the like, or a checkpoint.
    """
    kind = kind_of_file(path)
    if kind is not None and kind.refused:
        raise ArtifactError(kind.named(path, "a model file"))
    if kind is not None and kind.weights and not is_named_like_model(path):
        raise ArtifactError(
            f"{path}: {kind.what}, not an exported model; export it first: posedeploy export {path}"
        )


def open_runner(artifact: Artifact, options: RunOptions, runtime: str | None = None) -> Runner:
    """Load an artifact into the runtime asked for, or its target's usual one.

    Raises:
        ArtifactError: the runtime cannot load it, or does not run this target; or its files changed after
            they were hashed, up to the end of loading.
        DeviceError: the runtime does not give what ``options`` asks for.
        MissingPackageError: the runtime is not installed.
    """
    load = runner_of(artifact, runtime)
    artifact = artifact_files.verify(artifact)
    with ExitStack() as on_error:
        runner = on_error.enter_context(_load(load, artifact, options))
        artifact_files.check_unchanged(artifact)
        on_error.pop_all()
    return runner


def _load(load: Load, artifact: Artifact, options: RunOptions) -> Runner:
    _check_companions(artifact)
    try:
        return _load_by_native_path(load, artifact, options)
    except UnicodeDecodeError as error:  # of pybind11, which decodes names and messages of native libraries
        found = error.object[error.start : error.end]
        raise ArtifactError(
            f"{artifact.path}: it holds a name, or its runtime reports an error, with the bytes {found!r}, "
            "which are not UTF-8; the file is damaged: get it again from where it came, or export it again"
        ) from error
    except MemoryError as error:  # std::bad_alloc, at sizes in the file too
        raise ArtifactError(
            f"{artifact.path}: loading it takes more memory than is free ({first_line(error)}); free "
            "some, or, where it is a small network, get it again from where it came: the file is damaged"
        ) from error


def _check_companions(artifact: Artifact) -> None:
    """Refuse files beside the model file that a runtime would read without an end, such as a named pipe."""
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
    """What loads an artifact into the runtime asked for, or its target's usual one.

    Raises:
        ArtifactError: the runtime does not run this target.
        MissingPackageError: the runtime is not installed.
    """
    row = runtime_for(target_named(artifact.target), runtime)
    found: Load = plugins.load(row.runner, artifact.details.get("library"))
    return found


def devices_of(artifact: Artifact, runtime: str | None = None) -> tuple[str, ...]:
    """The devices that it can be run on: those of its runtime, or the one that its code was compiled for.

    Raises:
        ArtifactError: the runtime does not run this target.
    """
    devices = runtime_for(target_named(artifact.target), runtime).devices
    compiled = artifact.details.get("device")
    return (compiled,) if compiled in devices else devices


class HasTensors(Protocol):
    """What shows the tensors of a model file: a ``Runner``, or a ``RunnerReport``."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs in the file's order."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs in the file's order."""


def resolve_spec(artifact: Artifact, runner: HasTensors) -> ModelSpec:
    """The artifact's spec, held against the tensors that the runtime found in the file.

    A runner stays the caller's to close, whatever is found.

    Raises:
        ArtifactError: the file's tensors are not those of its manifest.
        InputError: the user's description is of other tensors than the file's.
    """
    inputs, outputs = runner.inputs, runner.outputs
    if artifact.provenance is not None:
        wanted = [tensor.name for tensor in (*artifact.spec.inputs, *artifact.spec.outputs)]
        found = [tensor.name for tensor in (*inputs, *outputs)]
        if wanted != found:
            raise ArtifactError(
                f"{artifact.path}: its manifest names the tensors {', '.join(wanted)} and the file has "
                f"{', '.join(found)}; export it again"
            )
        return artifact.spec
    unknown = artifact.spec.family == contracts.UNKNOWN and artifact.spec.contract is None
    if unknown and not artifact.spec.outputs:
        return ModelSpec(contracts.UNKNOWN, artifact.path.stem, inputs, outputs)
    return contracts.applied(artifact.spec, inputs, outputs, str(artifact.path))
