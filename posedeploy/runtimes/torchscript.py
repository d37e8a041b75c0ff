"""TorchScript, run by torch's interpreter."""

from __future__ import annotations

import warnings
from dataclasses import replace

import torch

from posedeploy.errors import ArtifactError
from posedeploy.runtimes import tf32
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.pytorch import configure
from posedeploy.runtimes.run_options import check_precision
from posedeploy.runtimes.torch_call import RUN_ERRORS, failure, open_call
from posedeploy.types import Artifact, RunOptions, Tensors


class TorchScriptRunner(Runner):
    """Runs a ``.torchscript`` file. The tensor names are those of the manifest, since the format has none."""

    def __init__(self, artifact: Artifact, options: RunOptions) -> None:
        self._path = artifact.path
        device, self.runtime_info = configure("torchscript", options, check_precision(artifact, options))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                program = torch.jit.load(str(artifact.path), map_location=device)  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError) as error:
            raise ArtifactError(
                f"{artifact.path}: not a TorchScript file, or damaged; export it again"
            ) from error
        if not artifact.spec.inputs:
            raise ArtifactError(
                f"{artifact.path}: TorchScript has no tensor names, and the file has no manifest; describe "
                "its inputs and outputs with `contract`"
            )
        if device.type == "cuda":
            tf32.write_into(program)
        self.inputs, self.outputs = artifact.spec.inputs, artifact.spec.outputs
        self._call, details = open_call(
            program, device, self.inputs, self.outputs, graphs=options.cuda_graphs
        )
        self.runtime_info = replace(self.runtime_info, details=details)

    def _run(self, tensors: Tensors) -> Tensors:
        try:
            return self._call([tensors[spec.name] for spec in self.inputs])
        except RUN_ERRORS as error:
            raise failure(self._path, self.runtime_info.device, error) from error

    def _close(self) -> None:
        del self._call

    def _survives_fork(self) -> bool:
        return self.runtime_info.device == "CPU"  # with several threads, the call itself raises the error
