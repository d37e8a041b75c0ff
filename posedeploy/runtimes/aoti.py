"""Run AOTInductor packages, with the PyTorch version that compiled them."""

from __future__ import annotations

from collections.abc import Callable

from posedeploy import native_code
from posedeploy.aoti_package.admission import require_trial
from posedeploy.aoti_package.loader import load_package
from posedeploy.errors import ArtifactError, first_line
from posedeploy.layer_counts import recorded_layers
from posedeploy.runtimes.pytorch import configure
from posedeploy.runtimes.run_options import check_precision
from posedeploy.runtimes.torch_runner import TorchRunner
from posedeploy.types import Artifact, RunOptions


class AotiRunner(TorchRunner):
    """A runner of a ``.pt2`` file. On a GPU, a network of fixed shapes is replayed as one CUDA graph.

    The file is machine code: open only files from a source that you trust.
    """

    def __init__(self, artifact: Artifact, options: RunOptions) -> None:
        device, self.runtime_info = configure("aoti", options, check_precision(artifact, options))
        native_code.check_requirements(artifact.path, artifact.details, options.device)
        trial = require_trial(artifact, device, graphs=options.cuda_graphs)
        try:
            call: Callable[..., object] = load_package(artifact.path, device)
        except (RuntimeError, ValueError, OSError) as error:
            raise ArtifactError(
                f"{artifact.path}: torch cannot load this AOTInductor package ({first_line(error)}); "
                "export it again"
            ) from error
        self.inputs, self.outputs = artifact.spec.inputs, artifact.spec.outputs
        self._report_layers(recorded_layers(artifact))
        self._open(call, device, options, artifact.path, trial=trial)
