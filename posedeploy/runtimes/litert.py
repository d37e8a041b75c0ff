"""Run TFLite files with LiteRT's interpreter, and with XNNPACK for the operators that it supports."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from posedeploy import plugins
from posedeploy.errors import ArtifactError, DeviceError, InputError, ManifestError, first_line
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.litert_details import operators_of, precision_of, quantization_of, tensors_of
from posedeploy.runtimes.run_options import resolve_threads
from posedeploy.suppress_output import suppress_stderr
from posedeploy.text_files import convert
from posedeploy.types import (
    TO_CHANNELS_FIRST,
    TO_CHANNELS_LAST,
    Artifact,
    ModelSpec,
    RunOptions,
    RuntimeInfo,
    Tensors,
    TensorSpec,
)


class LiteRtRunner(Runner):
    """A runner of a ``.tflite`` file on the CPU.

    The manifest lists the tensors that have channels last only in the file. The runner accepts and returns
    them with channels first, as in the spec.
    """

    def __init__(self, artifact: Artifact, options: RunOptions) -> None:
        threads = _threads(options)
        self._path = artifact.path
        self._interpreter = _open(artifact, threads)
        input_details, output_details = _tensors(artifact, self._interpreter)
        last = list_channels_last(artifact)
        self.inputs = _specs(artifact, artifact.spec.inputs, input_details, last)
        self.outputs = _specs(artifact, artifact.spec.outputs, output_details, last)
        self._entries = [
            (tensor.name, int(input_details[tensor.name]["index"]), tensor.name in last)
            for tensor in self.inputs
        ]
        self._exits = [
            (tensor.name, int(output_details[tensor.name]["index"]), tensor.name in last)
            for tensor in self.outputs
        ]
        self._is_dynamic = any(tensor.is_dynamic for tensor in self.inputs)
        self._shapes: list[tuple[int, ...]] = []
        if not self._is_dynamic:
            self._allocate()
        elif shapes := _default_shapes(artifact.spec, self.inputs):
            self._fit(shapes)
        operators = operators_of(self._interpreter)
        self.runtime_info = RuntimeInfo(
            "litert",
            str(plugins.version_of("ai_edge_litert")),
            "CPU",
            precision_of(operators, self.inputs[0].dtype),
            threads,
            {"hint": options.hint, **(operators.summary if self._shapes or not self._is_dynamic else {})},
        )

    def _run(self, tensors: Tensors) -> Tensors:
        if self._is_dynamic:
            self._fit([tensors[spec.name].shape for spec in self.inputs])
        interpreter = self._interpreter
        for name, index, last in self._entries:
            array = tensors[name]
            # A view of the interpreter's memory must not exist during a run.
            np.copyto(interpreter.tensor(index)(), array.transpose(TO_CHANNELS_LAST) if last else array)
        try:
            interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ArtifactError(f"{self._path}: LiteRT cannot run it ({first_line(error)})") from error
        return {
            name: interpreter.tensor(index)().transpose(TO_CHANNELS_FIRST).copy()
            if last
            else interpreter.get_tensor(index)
            for name, index, last in self._exits
        }

    def _fit(self, shapes: list[tuple[int, ...]]) -> None:
        """Set the dynamic axes to the lengths of these inputs."""
        if shapes == self._shapes:
            return
        for (_, index, last), shape in zip(self._entries, shapes, strict=True):
            laid_out = tuple(shape[axis] for axis in TO_CHANNELS_LAST) if last else shape
            try:
                self._interpreter.resize_tensor_input(index, laid_out, strict=True)
            except (RuntimeError, ValueError) as error:
                raise ArtifactError(
                    f"{self._path}: the axes are dynamic in the manifest and fixed in the file; export it "
                    "again"
                ) from error
        self._shapes = []
        try:
            self._allocate()
        except ArtifactError as error:
            raise InputError(f"the network cannot run on inputs of this size: {error}") from error
        self._shapes = shapes

    def _allocate(self) -> None:
        with suppress_stderr():  # XNNPACK prints a line on loading
            try:
                self._interpreter.allocate_tensors()
            except (RuntimeError, ValueError) as error:
                raise ArtifactError(f"{self._path}: LiteRT cannot run it ({first_line(error)})") from error

    def _close(self) -> None:
        self._interpreter = None

    def _survives_fork(self) -> bool:
        return True


def _default_shapes(spec: ModelSpec, inputs: tuple[TensorSpec, ...]) -> list[tuple[int, ...]]:
    """Return the shapes of one image of the published size, or of one person's joints; empty if unknown."""
    lengths = {"batch": 1}
    if spec.contract is not None:
        lengths |= {"height": spec.contract.height, "width": spec.contract.width}
    shapes = [
        tuple(length for length in tensor.fixed(lengths).shape if isinstance(length, int))
        for tensor in inputs
    ]
    are_known = all(len(shape) == len(tensor.shape) for shape, tensor in zip(shapes, inputs, strict=True))
    return shapes if are_known else []


def _threads(options: RunOptions) -> int | None:
    if options.device != "cpu":
        raise DeviceError(f"`device={options.device}`: LiteRT runs on cpu only; use `device=cpu`")
    if options.precision not in (None, "fp32", "auto"):
        raise DeviceError(
            f"`precision={options.precision}`: LiteRT runs files in fp32 only; use `precision=fp32`"
        )
    return resolve_threads(options, "LiteRT")


def _open(artifact: Artifact, threads: int | None) -> Any:
    try:
        return Interpreter(model_path=str(artifact.path), num_threads=threads)
    except (RuntimeError, ValueError) as error:
        raise ArtifactError(f"{artifact.path}: LiteRT cannot read it ({first_line(error)})") from error


def _tensors(artifact: Artifact, interpreter: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the inputs and the outputs of a file, by name.

    Raises:
        ArtifactError: the signature names missing tensors, or a name is not UTF-8.
    """
    try:
        return tensors_of(interpreter)
    except (LookupError, TypeError, ValueError) as error:  # raised by LiteRT's Python code
        raise ArtifactError(
            f"{artifact.path}: the file is damaged, LiteRT cannot read its tensors and signature "
            f"({type(error).__name__}: {first_line(error)}); download it again, or export it again"
        ) from error


def list_channels_last(artifact: Artifact) -> set[str]:
    """Return the tensors with channels last in the file only, as the manifest lists them."""
    try:
        last = set(convert(artifact.details.get("channels_last", ()), list[str]))
    except msgspec.ValidationError as error:
        raise ManifestError(
            f"{artifact.path}: channels_last in its manifest is not a list of names ({error}); export it "
            "again"
        ) from error
    tensors = (*artifact.spec.inputs, *artifact.spec.outputs)
    wrong = sorted(last - {tensor.name for tensor in tensors if len(tensor.shape) == 4})
    if wrong:
        raise ManifestError(
            f"{artifact.path}: channels_last in its manifest has {', '.join(wrong)}, which is not an image "
            "or a map of the network; export it again"
        )
    return last


def _specs(
    artifact: Artifact, expected: tuple[TensorSpec, ...], details: dict[str, dict[str, Any]], last: set[str]
) -> tuple[TensorSpec, ...]:
    """Return the tensors of the spec if the file has the same names, or else those of the file.

    Raises:
        ArtifactError: a tensor has another shape or dtype than in the spec.
    """
    own = {name: _spec(name, each, name in last) for name, each in details.items()}
    if artifact.provenance is None or {tensor.name for tensor in expected} != own.keys():
        return tuple(own.values())
    for tensor in expected:
        actual = own[tensor.name]
        if tensor.dtype != actual.dtype or not _fits(tensor, actual):
            raise ArtifactError(
                f"{artifact.path}: its manifest has {tensor}, and the file has {actual}; export it again"
            )
    return expected


def _fits(expected: TensorSpec, own: TensorSpec) -> bool:
    """Return whether the fixed axes are equal; for a dynamic axis the file may have an example length."""
    return len(expected.shape) == len(own.shape) and all(
        isinstance(a, str) or a == b for a, b in zip(expected.shape, own.shape, strict=True)
    )


def _spec(name: str, details: dict[str, Any], last: bool) -> TensorSpec:
    shape = tuple(
        int(length) if length >= 0 else f"axis{axis}"
        for axis, length in enumerate(details["shape_signature"])
    )
    shape = tuple(shape[axis] for axis in TO_CHANNELS_FIRST) if last else shape
    return TensorSpec(name, shape, np.dtype(details["dtype"]).name, quantization=quantization_of(details))
