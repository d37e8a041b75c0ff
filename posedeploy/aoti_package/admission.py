"""Whether this process may load a package: only one that passed its trial on this machine."""

from __future__ import annotations

import torch

from posedeploy import files
from posedeploy.aoti_package import verdicts
from posedeploy.aoti_package.build import read_build
from posedeploy.aoti_package.diagnosis import explain
from posedeploy.aoti_package.trial import TIME_LIMIT_S, TrialFailedError, try_package
from posedeploy.errors import ArtifactError, DeviceError
from posedeploy.file_states import hash_file, state_of
from posedeploy.types import Artifact


def admit(
    artifact: Artifact, device: torch.device, time_limit_s: float = TIME_LIMIT_S, *, graphs: bool = True
) -> str:
    """Refuse a package that would end this process; one that was not tried here yet is tried.

    Args:
        graphs: the package will be recorded as CUDA graphs, where it is for a GPU.

    Returns:
        Whether it passed now or before; and why that could not be kept, where it could not.

    Raises:
        ArtifactError: it crashes, hangs, torch cannot load or run it, or it changed meanwhile.
        DeviceError: it cannot be tried, since the device or torch fails in a second process.
        ManifestError: its manifest does not record its build.
        OutputError: no temporary folder can be written.
    """
    state = state_of(artifact.path)
    # ``artifact_files.verify`` has compared the recorded hash with the file.
    sha256 = artifact.files.get(artifact.path.name) or files.sha256(artifact.path)
    graph = graphs and device.type == "cuda"
    if verdicts.has_passed(sha256, device.type, graph):
        return "passed before"
    build = read_build(artifact.path, artifact.details, artifact.spec)
    try:
        inputs = [build.zeros(artifact.spec)]
        try_package(artifact.path, torch_name(device), inputs, time_limit_s, graph=graph)
    except TrialFailedError as failure:
        message = f"{artifact.path}: this AOTInductor package {explain(failure, artifact.path, build)}"
        raise (DeviceError if failure.kind == "environment" else ArtifactError)(message) from failure
    if hash_file(artifact.path) != (sha256, state):
        raise ArtifactError(
            f"{artifact.path}: it was changed or replaced while it was tried; run the command again"
        )
    problem = verdicts.keep_pass(sha256, device.type, graph)
    return f"passed; it will be tried again, since {problem}" if problem else "passed"


def torch_name(device: torch.device) -> str:
    """A device with the number that it has in this process, for another process."""
    if device.type == "cuda" and device.index is None:
        return f"cuda:{torch.cuda.current_device()}"
    return str(device)
