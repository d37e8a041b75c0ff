"""Open a model file with its intermediate tensors as additional outputs, by runtime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np

from posedeploy import plugins
from posedeploy.backends import runtime_for, target_named
from posedeploy.errors import ArtifactError
from posedeploy.quantization import dequantize
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, Artifact, ModelSpec, RunOptions, Tensors

OPENERS: Mapping[str, str] = {
    "onnxruntime": "posedeploy.bisection.intermediates.onnx_file:open_file",
    "openvino": "posedeploy.bisection.intermediates.openvino_file:open_file",
    "litert": "posedeploy.bisection.intermediates.tflite_file:open_file",
    "torchscript": "posedeploy.bisection.intermediates.torchscript_file:open_file",
}
"""The function of each runtime that can return intermediate tensors."""
WHY_NOT: Mapping[str, str] = {
    "tensorrt": "a TensorRT engine has no intermediate tensors, since building it fuses the layers; export "
    "the checkpoint to ONNX in the same precision, and pass that file: the engine is built from this graph",
    "aoti": "an AOTInductor package is compiled code without intermediate tensors; export the checkpoint to "
    "TorchScript in the same precision, and pass that file: it is traced from the same network",
}
"""Why the other runtimes cannot."""


@dataclass(frozen=True)
class Intermediate:
    """A floating-point tensor inside a model file, or one of its outputs.

    name, operator: in the file. array: its values, dequantized, in the layout of the file.
    """

    name: str
    operator: str
    array: Array


@dataclass(frozen=True)
class OpenedFile:
    """A runner of a copy of a model file with additional outputs.

    operators: the operator of each tensor, by the name of the output, in the order of the graph.
    """

    runner: Runner
    operators: Mapping[str, str]

    def run(self, tensors: Tensors, spec: ModelSpec) -> tuple[Tensors, list[Intermediate]]:
        """Return the outputs of the network, and all tensors of floating point, in order.

        Args:
            spec: the spec of the artifact, for the conversion of inputs and outputs.
        """
        results = adapt_runner(self.runner, spec).run(tensors)
        outputs = {each.name: results[each.name] for each in spec.outputs}
        scales = {each.name: each.quantization for each in self.runner.outputs if each.name not in outputs}
        intermediates = []
        for name, operator in self.operators.items():
            array, quantization = results[name], scales.get(name)
            array = array if quantization is None else dequantize(array, quantization)
            if np.issubdtype(array.dtype, np.floating) and array.size:
                intermediates.append(Intermediate(name, operator, array))
        return outputs, intermediates


class OpenFile(Protocol):
    """A function that opens a model file with additional outputs."""

    def __call__(self, artifact: Artifact, options: RunOptions, folder: Path) -> OpenedFile:
        """Return the opened file. ``folder`` is empty, and exists as long as the file is open."""


def find_opener(artifact: Artifact, runtime: str | None) -> OpenFile:
    """Return the function that opens an artifact with additional outputs.

    Raises:
        ArtifactError: the runtime cannot return intermediate tensors, or does not run the artifact.
        MissingPackageError: a package that this needs is not installed.
    """
    row = runtime_for(target_named(artifact.target), runtime)
    if row.name not in OPENERS:
        reason = next(
            (WHY_NOT[key] for key in WHY_NOT if row.name.startswith(key)), "no intermediate tensors"
        )
        raise ArtifactError(f"{artifact.path}: {reason}")
    opener: OpenFile = plugins.load(OPENERS[row.name])
    return opener


@contextmanager
def open_with_intermediates(
    artifact: Artifact, options: RunOptions, runtime: str | None = None
) -> Iterator[OpenedFile]:
    """Open a model file with all its intermediate tensors as additional outputs.

    Raises:
        ArtifactError: as in ``find_opener``, or the runtime cannot load the file with these outputs.
    """
    opener = find_opener(artifact, runtime)
    with TemporaryDirectory(prefix="posedeploy-") as folder:
        opened = opener(artifact, options, Path(folder))
        with opened.runner:
            yield opened
