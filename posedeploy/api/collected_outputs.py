"""Outputs that a model returned on another device, such as a phone, for the inputs of a reference file."""

from __future__ import annotations

from pathlib import Path

from posedeploy.api.stored_inputs import StoredPairs
from posedeploy.benchmarks.reference_file import digest_of, has_dtype_of, list_arrays, load_arrays
from posedeploy.convert.export_options import QUANTIZED
from posedeploy.errors import InputError
from posedeploy.input_files import check_regular
from posedeploy.printable import listed
from posedeploy.runtimes.adapted import adapt_tensor
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.run_options import required_precision
from posedeploy.types import TO_CHANNELS_FIRST, Array, Artifact, RuntimeInfo, Tensors, TensorSpec

WHAT = "a file of collected outputs"


class CollectedRunner(Runner):
    """Returns the outputs in a safetensors file for the inputs of a reference file.

    The outputs for the input number N are named ``N/output/NAME``; maps are channels first. They are read
    when they are used.

    Raises:
        InputError: the file cannot be read, or lacks an output, or has one of another shape or dtype.
    """

    def __init__(self, artifact: Artifact, pairs: StoredPairs, path: Path) -> None:
        if artifact.provenance is None:
            raise InputError(
                f"{artifact.path}: a third-party model, whose outputs are unknown until it runs; leave out "
                "`collected_outputs`"
            )
        check_regular(path, WHAT)
        self._path = path
        self._numbers = {
            digest_of(candidate.tensors): number
            for number, (_, candidate) in zip(pairs.numbers, pairs, strict=True)
        }
        self.inputs, self.outputs = artifact.spec.inputs, tuple(map(adapt_tensor, artifact.spec.outputs))
        precision = "int8" if artifact.precision in QUANTIZED else required_precision(artifact)
        self.runtime_info = RuntimeInfo(artifact.target, "unknown version", "another device", precision, None)
        self._check()

    def _check(self) -> None:
        present_names = list_arrays(self._path, WHAT)
        expected = [name for number in self._numbers.values() for name in self._names(number).values()]
        missing = [name for name in expected if name not in present_names]
        if missing:
            matches_none = len(missing) == len(expected)
            present = f", and has {listed(sorted(present_names)) or 'no arrays'}" if matches_none else ""
            raise InputError(
                f"{self._path}: not {WHAT} of this reference file: it lacks {listed(missing)}{present}; name "
                "each array as in the reference file, N/output/NAME"
            )
        for number in self._numbers.values():
            self._read(number)

    def _run(self, tensors: Tensors) -> Tensors:
        return self._read(self._numbers[digest_of(tensors)])

    def _names(self, number: int) -> dict[str, str]:
        """Return the name in the file of each output for an input."""
        return {tensor.name: f"{number}/output/{tensor.name}" for tensor in self.outputs}

    def _read(self, number: int) -> Tensors:
        names = self._names(number)
        arrays = load_arrays(self._path, WHAT, names.values())
        for tensor in self.outputs:
            name = names[tensor.name]
            if reason := _explain_mismatch(arrays[name], tensor):
                raise InputError(f"{self._path}: {name} {reason}")
        return {tensor.name: arrays[names[tensor.name]].astype(tensor.dtype) for tensor in self.outputs}


def _explain_mismatch(array: Array, tensor: TensorSpec) -> str:
    """Return why an array is not this output; empty if it is."""
    if not has_dtype_of(array, tensor):
        fix = "; dequantize the outputs" if tensor.dtype.startswith("float") else ""
        return f"has the dtype {array.dtype.name}, expected {tensor.dtype}{fix}"
    if tensor.accepts(array.shape):
        return ""
    actual, expected = ("x".join(map(str, shape)) for shape in (array.shape, tensor.shape))
    is_channels_last = array.ndim == 4 and tensor.accepts(
        tuple(array.shape[axis] for axis in TO_CHANNELS_FIRST)
    )
    fix = f"; transpose it with {TO_CHANNELS_FIRST}, because it is channels last" if is_channels_last else ""
    return f"has the shape {actual}, expected {expected}{fix}"
