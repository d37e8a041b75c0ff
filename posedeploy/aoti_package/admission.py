"""Check that a package passed a trial on this machine before this process loads it."""

from __future__ import annotations

import torch

from posedeploy import files
from posedeploy.aoti_package import trial_cache
from posedeploy.aoti_package.build import read_build
from posedeploy.aoti_package.diagnosis import explain
from posedeploy.aoti_package.trial import TIME_LIMIT_S, TrialFailedError, try_package
from posedeploy.errors import ArtifactError, DeviceError
from posedeploy.file_states import hash_file, state_of
from posedeploy.types import Artifact


def require_trial(
    artifact: Artifact, device: torch.device, time_limit_s: float = TIME_LIMIT_S, *, graphs: bool = True
) -> str:
    """Check that a package passed its trial on this machine; try it if it was not tried yet.

    Args:
        graphs: whether the package will be captured as CUDA graphs, if it is for a GPU.

    Returns:
        Whether it passed now or before, and why the result could not be cached, if so.

    Raises:
        ArtifactError: it crashes or hangs, torch cannot load or run it, or it changed during the trial.
        DeviceError: the device or torch fails in a child process, so there is no trial.
        ManifestError: its manifest does not record its build.
        OutputError: no temporary folder can be written.
    """
    state = state_of(artifact.path)
    # ``artifact_files.verify`` has compared the recorded hash with the file.
    sha256 = artifact.files.get(artifact.path.name) or files.sha256(artifact.path)
    graph = graphs and device.type == "cuda"
    if trial_cache.has_passed(sha256, device.type, graph):
        return "passed before"
    build = read_build(artifact.path, artifact.details, artifact.spec)
    try:
        inputs = [build.zeros(artifact.spec)]
        try_package(artifact.path, torch_name(device), inputs, time_limit_s, graph=graph)
    except TrialFailedError as failure:
        message = f"{artifact.path}: this AOTInductor package {explain(failure, artifact.path, build)}"
        raise (DeviceError if failure.kind == "environment" else ArtifactError)(message) from failure
    if hash_file(artifact.path) != (sha256, state):
        raise ArtifactError(f"{artifact.path}: the file changed during the trial; run the command again")
    problem = trial_cache.record_pass(sha256, device.type, graph)
    return f"passed; the result could not be cached ({problem})" if problem else "passed"


def torch_name(device: torch.device) -> str:
    """Return a device with its index in this process, for use in another process."""
    if device.type == "cuda" and device.index is None:
        return f"cuda:{torch.cuda.current_device()}"
    return str(device)
