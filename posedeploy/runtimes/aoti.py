"""AOTInductor packages, run by the PyTorch version that compiled them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from posedeploy import native_code
from posedeploy.aoti_package.admission import admit
from posedeploy.aoti_package.loader import load_package
from posedeploy.errors import ArtifactError, first_line
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.pytorch import configure
from posedeploy.runtimes.run_options import check_precision
from posedeploy.runtimes.torch_call import RUN_ERRORS, failure, open_call
from posedeploy.types import Artifact, RunOptions, Tensors


class AotiRunner(Runner):
    """Runs a ``.pt2`` file. On a GPU, a network of fixed shapes is replayed as one CUDA graph.

    The file is machine code: open only files from a source that you trust.
    """

    def __init__(self, artifact: Artifact, options: RunOptions) -> None:
        self._path = artifact.path
        device, self.runtime_info = configure("aoti", options, check_precision(artifact, options))
        native_code.check_requirements(artifact.path, artifact.details, options.device)
        trial = admit(artifact, device, graphs=options.cuda_graphs)
        try:
            call: Callable[..., object] = load_package(artifact.path, device)
        except (RuntimeError, ValueError, OSError) as error:
            raise ArtifactError(
                f"{artifact.path}: torch cannot load this AOTInductor package ({first_line(error)}); "
                "export it again"
            ) from error
        self.inputs, self.outputs = artifact.spec.inputs, artifact.spec.outputs
        self._call, details = open_call(call, device, self.inputs, self.outputs, graphs=options.cuda_graphs)
        self.runtime_info = replace(self.runtime_info, details={**details, "trial": trial})

    def _run(self, tensors: Tensors) -> Tensors:
        try:
            return self._call([tensors[spec.name] for spec in self.inputs])
        except RUN_ERRORS as error:
            raise failure(self._path, self.runtime_info.device, error) from error

    def _close(self) -> None:
        del self._call  # the last reference to the loader, which then removes its temporary files

    def _survives_fork(self) -> bool:
        return self.runtime_info.device == "CPU"  # with several threads, the call itself raises the error
