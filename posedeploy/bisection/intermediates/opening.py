"""Open a model file with its intermediate tensors as additional outputs and inputs, by runtime."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np

from posedeploy import plugins
from posedeploy.backends import runtime_for, target_named
from posedeploy.errors import ArtifactError
from posedeploy.quantization import dequantize, quantize
from posedeploy.runtimes.adapted import adapt_runner, is_channels_last
from posedeploy.runtimes.base import Runner
from posedeploy.types import TO_CHANNELS_LAST, Array, Artifact, ModelSpec, RunOptions, Tensors, TensorSpec

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
class Changes:
    """The outputs and inputs that the copy of a model file has in addition.

    cuts: by name, the tensors that become inputs, as values of the same shape and dtype. shown: the names of
    the tensors that become outputs; None for all.
    """

    cuts: Tensors = field(default_factory=dict)
    shown: Collection[str] | None = None

    def shows(self, tensor: str) -> bool:
        """Return whether a tensor becomes an output."""
        return self.shown is None or tensor in self.shown


NO_CHANGES = Changes()


@dataclass(frozen=True)
class Intermediate:
    """A floating-point tensor inside a model file, or one of its outputs.

    name, operator: in the file. array: its values, dequantized, in the layout of the file. is_transposed: the
    channels are last in the file, and first in the output of the network.
    """

    name: str
    operator: str
    array: Array
    is_transposed: bool = False


@dataclass(frozen=True)
class FileRun:
    """The result of a run of an opened file.

    outputs: of the network. tensors: all tensors of floating point, in order. replaced: the values that the
    operators behind each replaced tensor used, as rounded to the type of the file, by the tensor's name.
    """

    outputs: Tensors
    tensors: list[Intermediate]
    replaced: Tensors


@dataclass(frozen=True)
class OpenedFile:
    """A runner of a copy of a model file with additional outputs.

    operators: the operator of each tensor, by the name of the output, in the order of the graph. cuts: the
    input that replaces a tensor for the operators that use it, by the tensor's name. transposed: the outputs
    that the runner transposes to channels first.
    """

    runner: Runner
    operators: Mapping[str, str]
    cuts: Mapping[str, str] = field(default_factory=dict)
    transposed: Collection[str] = ()

    def run(
        self, tensors: Tensors, spec: ModelSpec, values: Mapping[str, Array] = NO_CHANGES.cuts
    ) -> FileRun:
        """Run the file once.

        Args:
            spec: the spec of the artifact, for the conversion of inputs and outputs.
            values: of the tensors in ``cuts``, in the layout and, unless quantized, the dtype of the file.
        """
        specs = {each.name: each for each in self.runner.inputs}
        inputs = {name: _from_real(values[cut], specs[name]) for cut, name in self.cuts.items()}
        # Before the run, since TorchScript computes some operators in place.
        replaced = {cut: _to_real(inputs[name], specs[name]).copy() for cut, name in self.cuts.items()}
        results = adapt_runner(self.runner, spec).run({**tensors, **inputs})
        return FileRun(
            outputs={each.name: results[each.name] for each in spec.outputs},
            tensors=list(self._list_intermediates(results, spec)),
            replaced=replaced,
        )

    def _list_intermediates(self, results: Tensors, spec: ModelSpec) -> Iterator[Intermediate]:
        converted = {each.name for each in spec.outputs}
        transposed = {each.name for each in spec.outputs if is_channels_last(each)} | {*self.transposed}
        specs = {each.name: each for each in self.runner.outputs if each.name not in converted}
        for name, operator in self.operators.items():
            array = _to_real(results[name], specs[name]) if name in specs else results[name]
            array = array.transpose(TO_CHANNELS_LAST) if name in transposed else array
            if np.issubdtype(array.dtype, np.floating) and array.size:
                yield Intermediate(name, operator, array, name in transposed)


def _from_real(array: Array, tensor: TensorSpec) -> Array:
    return array if tensor.quantization is None else quantize(array, tensor)


def _to_real(array: Array, tensor: TensorSpec) -> Array:
    return array if tensor.quantization is None else dequantize(array, tensor.quantization)


class OpenFile(Protocol):
    """A function that opens a model file with additional outputs and inputs."""

    def __call__(self, artifact: Artifact, options: RunOptions, folder: Path, changes: Changes) -> OpenedFile:
        """Return the opened file.

        Args:
            folder: an empty folder, which exists as long as the file is open.
        """


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
    artifact: Artifact, options: RunOptions, runtime: str | None = None, changes: Changes = NO_CHANGES
) -> Iterator[OpenedFile]:
    """Open a model file with intermediate tensors as additional outputs.

    Raises:
        ArtifactError: as in ``find_opener``, or the runtime cannot load the file with these outputs.
    """
    opener = find_opener(artifact, runtime)
    with TemporaryDirectory(prefix="posedeploy-") as folder:
        opened = opener(artifact, options, Path(folder), changes)
        with opened.runner:
            yield opened
