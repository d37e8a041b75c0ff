"""Load a model file in a child process, so that a runtime that crashes on it ends no other process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from posedeploy import plugins
from posedeploy.backends import Runtime, runtime_for, target_named
from posedeploy.errors import ArtifactError, DeviceError, PoseDeployError
from posedeploy.isolation.messages import OUT_OF_MEMORY, what_happened
from posedeploy.isolation.tasks import ChildFailedError, free_memory, run_task, signal_name, work_folder
from posedeploy.types import Artifact, RunOptions, RuntimeInfo, TensorSpec

TIME_LIMIT_S = 300.0
"""A pose network loads in seconds; a large one on an accelerator that compiles it takes a minute or two."""

FAULTS = {
    "load": "while it loaded this file",
    "read": "while it described this file",
    "close": "while it unloaded this file",
    "exit": "as its process ended, after it had loaded this file",
}
"""When it happened, by the stage of the task from which on it is the file's fault."""
REMEDIES = {
    "SIGKILL": OUT_OF_MEMORY,
    "SIGILL": "{runtime} uses an instruction that this processor lacks; install another version of it",
}
"""What helps, by the signal that ended the child."""
REMEDY = "the file is damaged, or was made to do harm; get it again from where it came, or export it again"


@dataclass(frozen=True)
class RunnerReport:
    """What a runner reported of a file that it had loaded in a child process."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    runtime_info: RuntimeInfo


def describe_in_child(
    artifact: Artifact, options: RunOptions, runtime: str | None = None, time_limit_s: float = TIME_LIMIT_S
) -> RunnerReport:
    """Return what a runtime reports of an artifact, without loading either in this process.

    Raises:
        ArtifactError: the runtime cannot load the file, does not run this target, crashes or hangs on it.
        DeviceError: the runtime does not give what ``options`` asks for, or does not even start.
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
    """Return the error to raise for a child process that did not load a file; a bug stays what it is."""
    name = f"{runtime.name} {plugins.version_of(runtime.package) or ''}".rstrip()
    if failure.kind == "error" and failure.error_type == "MemoryError":
        return ArtifactError(
            f"{path}: {name} needs more memory than is free to load it; free some and try again"
        )
    if failure.kind == "error":
        return failure
    if failure.stage not in FAULTS:
        return DeviceError(
            f"{path}: {name} cannot be tried here: the child process that imports it "
            f"{what_happened(failure)}; install {runtime.package} again, or choose another target"
        )
    return _of_file(failure, path, name)


def _of_file(failure: ChildFailedError, path: Path, name: str) -> PoseDeployError:
    remedy = REMEDIES.get(signal_name(failure.signal), REMEDY).format(runtime=name)
    return ArtifactError(f"{path}: {name} {what_happened(failure)} {FAULTS[failure.stage]}; {remedy}")


def decode_artifact(document: Any) -> Artifact:
    """Return the artifact that ``describe_in_child`` hands to the child process."""
    return msgspec.convert(document, Artifact, dec_hook=lambda kind, value: kind(value))
