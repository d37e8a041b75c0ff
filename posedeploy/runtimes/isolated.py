"""Load a model file in a child process, so that a crash of the runtime does not end this process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from posedeploy import plugins
from posedeploy.backends import Runtime, runtime_for, target_named
from posedeploy.errors import ArtifactError, DeviceError, PoseDeployError
from posedeploy.isolation.messages import OUT_OF_MEMORY, describe_failure, memory_hint
from posedeploy.isolation.tasks import ChildFailedError, free_memory, run_task, signal_name, work_folder
from posedeploy.types import Artifact, RunOptions, RuntimeInfo, TensorSpec

TIME_LIMIT_S = 300.0
"""A pose network loads in seconds; an accelerator that compiles a large one takes a minute or two."""

FAULTS = {
    "load": "while it loaded this file",
    "read": "while it described this file",
    "close": "while it unloaded this file",
    "exit": "as its process ended, after it had loaded this file",
}
"""The time of a failure, by the stage of the task. The file does not cause failures of earlier stages."""
REMEDIES = {
    "SIGKILL": OUT_OF_MEMORY,
    "SIGILL": "{runtime} uses an instruction that this processor lacks; install another version of it",
}
"""The remedy, by the signal that ended the child."""
REMEDY = "the file is damaged or malicious; download it again, or export it again"


@dataclass(frozen=True)
class RunnerReport:
    """The attributes of a runner that was opened in a child process."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    runtime_info: RuntimeInfo


def describe_in_child(
    artifact: Artifact, options: RunOptions, runtime: str | None = None, time_limit_s: float = TIME_LIMIT_S
) -> RunnerReport:
    """Return what a runtime reports of an artifact, without loading either in this process.

    Raises:
        ArtifactError: the runtime does not run this target, cannot load the file, crashes or hangs.
        DeviceError: the runtime does not support the ``options``, or does not start.
        MissingPackageError: the runtime is not installed.
        OutputError: no temporary folder can be written.
    """
    row = runtime_for(target_named(artifact.target), runtime)
    argument = {
        "artifact": msgspec.to_builtins(artifact, enc_hook=str),
        "options": msgspec.to_builtins(options),
        "runtime": row.name,
        "folder": None if artifact.path.is_absolute() else str(Path.cwd()),
    }
    with work_folder(f"the check of {artifact.path.name}") as work:
        try:
            report = run_task(
                "posedeploy.runtimes.isolated_task:describe",
                argument,
                work,
                time_limit_s=time_limit_s,
                memory_limit=free_memory() if options.device == "cpu" else None,
            )
        except ChildFailedError as failure:
            raise explain_failure(failure, artifact.path, row) from failure
    return msgspec.convert(report, RunnerReport)


def explain_failure(failure: ChildFailedError, path: Path, runtime: Runtime) -> Exception:
    """Return the error to raise for a child process that did not load a file; a bug is returned unchanged."""
    name = f"{runtime.name} {plugins.version_of(runtime.package) or ''}".rstrip()
    if failure.kind == "error" and failure.is_out_of_memory:
        error = ArtifactError if failure.stage in FAULTS else DeviceError
        return error(f"{path}: {name} needs more memory to load it than is free; {memory_hint(failure)}")
    if failure.kind == "error":
        return failure
    if failure.stage not in FAULTS:
        return DeviceError(
            f"{path}: {name} cannot be used on this machine: the child process that imports it "
            f"{describe_failure(failure)}; {_remedy_of_start(failure, runtime.package)}"
        )
    return _file_error(failure, path, name)


def _remedy_of_start(failure: ChildFailedError, package: str) -> str:
    """Return the remedy for a runtime that could not be imported."""
    if failure.kind == "not started":
        return "free some memory or end other processes, and try again"
    if signal_name(failure.signal) == "SIGKILL":
        return OUT_OF_MEMORY
    if failure.is_out_of_memory:
        return memory_hint(failure)
    return f"install {package} again, or export to another target"


def _file_error(failure: ChildFailedError, path: Path, name: str) -> PoseDeployError:
    remedy = REMEDIES.get(signal_name(failure.signal), REMEDY).format(runtime=name)
    if failure.is_out_of_memory:
        remedy = f"{memory_hint(failure)}, or export the file again if it is damaged"
    return ArtifactError(f"{path}: {name} {describe_failure(failure)} {FAULTS[failure.stage]}; {remedy}")


def decode_artifact(document: Any) -> Artifact:
    """Return the artifact that ``describe_in_child`` sends to the child process."""
    return msgspec.convert(document, Artifact, dec_hook=lambda kind, value: kind(value))
