"""Outputs that a model returned on another device, such as a phone, for the inputs of a reference file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
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
        axes = pairs.find_row_axes()
        self._expected = {
            number: _fix_shapes(self.outputs, pairs.read_outputs(number), axes) for number in pairs.numbers
        }
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
        for tensor in self._expected[number]:
            name = names[tensor.name]
            if reason := _explain_mismatch(arrays[name], tensor, f"collect it again from input {number}"):
                raise InputError(f"{self._path}: {name} {reason}")
        return {tensor.name: arrays[names[tensor.name]].astype(tensor.dtype) for tensor in self.outputs}


def _fix_shapes(
    outputs: Iterable[TensorSpec], expected: Tensors, row_axes: Mapping[str, int]
) -> tuple[TensorSpec, ...]:
    """Return the outputs in the shapes that they have in PyTorch for the same input, except for the numbers
    of rows.

    An output that never has this shape keeps its own: the artifact is then not of the same network.
    """
    fixed = []
    for tensor in outputs:
        array = expected.get(tensor.name)
        if array is not None and tensor.accepts(array.shape):
            rows = row_axes.get(tensor.name)
            lengths = zip(tensor.shape, array.shape, strict=True)
            shape = tuple(own if axis == rows else length for axis, (own, length) in enumerate(lengths))
            tensor = replace(tensor, shape=shape)
        fixed.append(tensor)
    return tuple(fixed)


def _explain_mismatch(array: Array, tensor: TensorSpec, remedy: str) -> str:
    """Return why an array is not this output, and how to fix it; empty if it is."""
    if not has_dtype_of(array, tensor):
        is_quantized = tensor.dtype.startswith("float") and array.dtype.kind in "iu"
        fix = "dequantize the outputs" if is_quantized else remedy
        return f"has the dtype {array.dtype.name}, expected {tensor.dtype}; {fix}"
    if tensor.accepts(array.shape):
        return ""
    actual, expected = ("x".join(map(str, shape)) for shape in (array.shape, tensor.shape))
    is_channels_last = array.ndim == 4 and tensor.accepts(
        tuple(array.shape[axis] for axis in TO_CHANNELS_FIRST)
    )
    fix = (
        f"transpose it with {TO_CHANNELS_FIRST}, because it is channels last" if is_channels_last else remedy
    )
    return f"has the shape {actual}, expected {expected}; {fix}"
